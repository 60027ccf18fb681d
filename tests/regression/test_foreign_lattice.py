"""Spectra on another lattice than the models' once got wrong redshifts without a word."""

import numpy as np
import pytest
import torch

from gasnet3.pipeline.pipeline import Pipeline
from gasnet3.solve.solvers import SOLVERS
from gasnet3.spectra.batch import Spectra
from gasnet3.spectra.lattice import OBSERVED, LogLattice
from toy import toy_engine, toy_model, toy_spectra


@pytest.mark.parametrize("lattice", [LogLattice(35600, 4076), LogLattice(35563, 4000)])
@pytest.mark.parametrize("rows", [0, 1])
def test_a_foreign_lattice_is_refused(lattice, rows):
    known = toy_spectra(toy_model("GALAXY"), np.array([0.02]))
    spectra = Spectra.from_arrays(known.flux, known.ivar, loglam=OBSERVED.loglam, lattice=lattice)[
        :rows
    ]
    pipeline = Pipeline((toy_engine("GALAXY"),), SOLVERS["hybrid"], torch.device("cpu"))
    with pytest.raises(ValueError, match="toy-galaxy needs LogLattice"):
        pipeline.run(spectra)
