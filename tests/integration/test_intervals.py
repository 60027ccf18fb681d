"""Intervals of redshift hold the truth as often as they say, on mocks of the bundled networks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from astropy.table import Table

from gasnet3 import load_models
from gasnet3.pipeline.pipeline import Pipeline
from gasnet3.solve.engine import Engine
from gasnet3.spectra.batch import Spectra
from gasnet3.train.mock import draw

PER_SN = 180


def within(table: Table, mocks: Spectra) -> float:
    """Share of the true redshifts within the intervals."""
    return float(np.mean((table["z_lo"] <= mocks.z) & (mocks.z <= table["z_hi"])))


@pytest.mark.slow
def test_intervals_hold_68_per_cent_of_the_true_redshifts() -> None:
    models = load_models("encoder")
    shipped = Pipeline.load()
    # Mocks have no errors of calibration and labels, which the scale and floor of cards are for.
    plain = [replace(m, card=replace(m.card, calibration={})) for m in models.values()]
    formal = replace(shipped, engines=tuple(Engine(model) for model in plain))
    shares = []
    for sn in (2, 3, 5):
        mocks = draw(models, PER_SN, sn=sn, seed=40 + sn)
        shares.append(within(formal.run(mocks), mocks))
    error = np.sqrt(0.68 * 0.32 / (3 * PER_SN))
    assert abs(np.mean(shares) - 0.6827) < 3.0 * error
    # The errors of cards are larger.
    assert within(shipped.run(mocks), mocks) > shares[-1]
    # At S/N 1 many have several redshifts: their errors alone are too small.
    mocks = draw(models, PER_SN, sn=1, seed=41)
    table = formal.run(mocks)
    assert within(table, mocks) > 0.6
    assert np.mean(np.abs(table["z"] - mocks.z) <= table["z_err"]) < within(table, mocks) - 0.05
    assert np.mean(table["z_hi"] - table["z_lo"] > 10.0 * table["z_err"]) > 0.05
