"""Key columns of unlike files once ended a run, or changed, with the batch they fell into."""

import numpy as np
import pytest

from gasnet3.catalog import read_catalog
from gasnet3.io import write_npz
from gasnet3.run.local import classify_files
from gasnet3.run.work import Settings
from gasnet3.spectra.batch import Spectra
from gasnet3.spectra.lattice import OBSERVED
from toy import save_toys, toy_model, toy_spectra

META = ({"plate": [5], "field": ["a"]}, {"plate": ["x"], "ra": [1.5], "mag": [2]})


@pytest.fixture
def files(tmp_path):
    known = toy_spectra(toy_model("GALAXY"), np.array([0.02, 0.05]))
    for row, meta in enumerate(META):
        flux, ivar = known.flux[row : row + 1], known.ivar[row : row + 1]
        spectra = Spectra.from_arrays(flux, ivar, loglam=OBSERVED.loglam, meta=meta)
        write_npz(tmp_path / f"{row}.npz", spectra)
    return tmp_path


def test_a_catalog_does_not_depend_on_the_batches(files, tmp_path_factory):
    directory = save_toys(tmp_path_factory.mktemp("work"), ["GALAXY"])
    paths = [directory / f"{size}.parquet" for size in (1, 2)]
    for size, path in enumerate(paths, start=1):
        classify_files(files, path, models=directory, settings=Settings(batch_rows=size))
    assert paths[0].read_bytes() == paths[1].read_bytes()
    one, two = map(read_catalog, paths)
    assert set(one.colnames) == set(two.colnames)
    for name in one.colnames:
        assert one[name].dtype.kind == two[name].dtype.kind
        assert one[name].unit == two[name].unit
        np.testing.assert_array_equal(np.asarray(one[name]), np.asarray(two[name]))
    assert one["plate"].tolist() == ["5", "x"]
    assert one["field"].tolist() == ["a", ""]
    np.testing.assert_array_equal(np.asarray(one["mag"]), [np.nan, 2])
    assert one.meta["gasnet3"] == two.meta["gasnet3"]
