"""Key columns of unlike files once ended a run, or changed, with the batch they fell into."""

import numpy as np
import pytest
import torch

from gasnet3.io import write_npz
from gasnet3.lattice import OBSERVED
from gasnet3.pipeline import Pipeline
from gasnet3.run.local import classify_files
from gasnet3.solve import SOLVERS
from gasnet3.spectra import Spectra
from toy import toy_engine, toy_model, toy_spectra

META = ({"plate": [5], "field": ["a"]}, {"plate": ["x"], "ra": [1.5], "mag": [2]})


@pytest.fixture
def files(tmp_path):
    known = toy_spectra(toy_model("GALAXY"), np.array([0.02, 0.05]))
    for row, meta in enumerate(META):
        flux, ivar = known.flux[row : row + 1], known.ivar[row : row + 1]
        spectra = Spectra.from_arrays(flux, ivar, loglam=OBSERVED.loglam, meta=meta)
        write_npz(tmp_path / f"{row}.npz", spectra)
    return tmp_path


def test_a_catalog_does_not_depend_on_the_batches(files):
    pipeline = Pipeline((toy_engine("GALAXY"),), SOLVERS["hybrid"], torch.device("cpu"))
    one, two = (classify_files([files], pipeline, batch_size=size).table for size in (1, 2))
    assert set(one.colnames) == set(two.colnames)
    for name in one.colnames:
        assert one[name].dtype.kind == two[name].dtype.kind
        assert one[name].unit == two[name].unit
        np.testing.assert_array_equal(np.asarray(one[name]), np.asarray(two[name]))
    assert one["plate"].tolist() == ["5", "x"]
    assert one["field"].tolist() == ["a", ""]
    np.testing.assert_array_equal(np.asarray(one["mag"]), [np.nan, 2])
    assert one.meta["gasnet3"] == two.meta["gasnet3"]
