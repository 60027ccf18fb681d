"""Two starts of the star search once ended in one minimum, which hid the second-best redshift."""

import numpy as np
import pytest
import torch

from gasnet3.pipeline.pipeline import Pipeline
from gasnet3.solve.solvers import SOLVERS
from toy import toy_engine, toy_model, toy_spectra

N_BEST = 6


@pytest.mark.parametrize("solver", list(SOLVERS))
def test_stellar_solutions_are_distinct(solver):
    z = np.random.default_rng(2).uniform(-0.003, 0.003, 40)
    stars = toy_spectra(toy_model("STAR"), z, sn=1)
    pipeline = Pipeline((toy_engine("STAR"),), SOLVERS[solver], torch.device("cpu"))
    found = np.asarray(pipeline.run(stars, N_BEST)["z"]).reshape(-1, N_BEST)
    i, j = np.triu_indices(N_BEST, 1)
    distance = np.abs(found[:, i] - found[:, j]) * 299_792.458
    assert (distance[np.isfinite(distance)] > 99.0).all()
    # What was dropped leaves no hole: solutions first, then rows without one.
    assert (np.diff(np.isnan(found).astype(int), axis=1) >= 0).all()


def test_a_second_redshift_is_found_where_there_is_one():
    stars = toy_spectra(
        toy_model("STAR"), np.random.default_rng(2).uniform(-0.003, 0.003, 40), sn=1
    )
    pipeline = Pipeline((toy_engine("STAR"),), SOLVERS["hybrid"], torch.device("cpu"))
    assert np.isfinite(pipeline.run(stars)["delta_chi2"]).sum() >= 38
