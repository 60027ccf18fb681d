"""A S/N beyond float32 once gave NaN and a numpy warning instead of a flagged row."""

import numpy as np
import pytest
import torch

from gasnet3.flags import ZWarn
from gasnet3.pipeline.pipeline import Pipeline
from gasnet3.solve.prepare import prepare
from gasnet3.solve.solvers import SOLVERS
from gasnet3.spectra.batch import Spectra
from gasnet3.spectra.lattice import OBSERVED
from toy import toy_engine, toy_model, toy_spectra


@pytest.mark.parametrize(("flux_scale", "ivar_scale"), [(1e30, 1), (1, 1e110), (1e60, 1e60)])
def test_numbers_that_leave_float32_make_an_unusable_row(flux_scale, ivar_scale):
    good = toy_spectra(toy_model("GALAXY"), np.array([0.03, 0.03]))
    flux, ivar = good.flux.astype(np.float64), good.ivar.astype(np.float64)
    flux[1] *= flux_scale
    ivar[1] *= ivar_scale
    prepared = prepare(Spectra.from_arrays(flux, ivar, loglam=OBSERVED.loglam))
    assert prepared.usable.tolist() == [True, False]
    assert not prepared.ivar[1].any()


def test_such_a_row_is_flagged_and_warns_of_nothing():
    spectra = toy_spectra(toy_model("GALAXY"), np.array([0.03]))
    flux = spectra.flux.astype(np.float64) * 1e30
    pipeline = Pipeline((toy_engine("GALAXY"),), SOLVERS["hybrid"], torch.device("cpu"))
    table = pipeline.run(Spectra.from_arrays(flux, spectra.ivar, loglam=OBSERVED.loglam))
    assert table["zwarn"][0] & ZWarn.BAD_MINFIT
    assert np.isnan(table["z"][0])
