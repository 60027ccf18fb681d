"""A key column of several values a row, such as magnitudes, once ended the run."""

import numpy as np
import torch

from gasnet3.pipeline.pipeline import Pipeline
from gasnet3.solve.solvers import SOLVERS
from gasnet3.spectra.batch import Spectra
from gasnet3.spectra.lattice import OBSERVED
from toy import toy_engine, toy_model, toy_spectra


def test_key_columns_may_be_vectors():
    known = toy_spectra(toy_model("GALAXY"), np.array([0.02, 0.05]))
    mag = np.arange(10.0).reshape(2, 5)
    spectra = Spectra.from_arrays(known.flux, known.ivar, loglam=OBSERVED.loglam, meta={"mag": mag})
    pipeline = Pipeline((toy_engine("GALAXY"),), SOLVERS["hybrid"], torch.device("cpu"))
    np.testing.assert_array_equal(pipeline.run(spectra, 2)["mag"], mag[[0, 0, 1, 1]])
