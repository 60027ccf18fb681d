"""Redshifts of spectra whose calibration jumps where arms join."""

from dataclasses import replace

import numpy as np
import pytest

from gasnet3.solve.prepare import prepare
from gasnet3.solve.solvers import SOLVERS
from gasnet3.spectra.batch import ARM_JOINS, Spectra
from gasnet3.spectra.lattice import shift_from_z
from toy import toy_engine, toy_spectra

JOIN, ROWS = 6000.0, 200


@pytest.fixture(scope="module")
def engine():
    return toy_engine("GALAXY")


def jumping(spectra: Spectra, size: float, sn: float) -> Spectra:
    """Noise added to spectra without any, then a step at the join, up in one and down in the next.

    The steps are a share of the flux, so they are of what noise there is, too.
    """
    rng = np.random.default_rng(11)
    sign = np.where(np.arange(len(spectra)) % 2, 1.0, -1.0)[:, None]
    side = np.where(spectra.lattice.wave < JOIN, -0.5, 0.5)
    factor = 1.0 + size * sign * side
    flux = spectra.flux + 10.0 / sn * rng.standard_normal(spectra.flux.shape)
    ivar = np.broadcast_to((sn / 10.0) ** 2 / factor**2, flux.shape)
    return replace(spectra, flux=(flux * factor).astype(np.float32), ivar=ivar.astype(np.float32))


def told(spectra: Spectra) -> Spectra:
    return replace(spectra, meta={ARM_JOINS[0]: np.full(len(spectra), JOIN)})


@pytest.mark.parametrize("solver", ["exact", "hybrid"])
def test_a_step_of_a_tenth_costs_no_redshift_at_sn_3_and_biases_none(engine, solver):
    z = np.random.default_rng(5).uniform(0.005, 0.095, ROWS)
    clean = toy_spectra(engine.model, z, noise=False)
    true = shift_from_z(z)
    found, chi2 = {}, {}
    for name, spectra in (
        ("even", jumping(clean, 0.0, 3.0)),
        ("jumping", jumping(clean, 0.1, 3.0)),
        ("told", told(jumping(clean, 0.1, 3.0))),
    ):
        got = SOLVERS[solver].solve(engine, prepare(spectra), 2)
        found[name] = (got.shift[:, 0].numpy() - true, got.sigma[:, 0].numpy())
        chi2[name] = float(got.chi2[:, 0].median())
    right = {name: np.abs(off) < 3.0 for name, (off, _) in found.items()}
    share = {name: rows.mean() for name, rows in right.items()}
    assert share["even"] > 0.9
    assert share["told"] >= share["even"] - 0.02
    assert chi2["jumping"] > chi2["even"] + 8.0
    assert abs(chi2["told"] - chi2["even"]) < 4.0
    off, sigma = (values[right["told"]] for values in found["told"])
    pull = off / sigma
    assert abs(pull.mean()) < 3.0 / np.sqrt(len(pull))
    assert 0.85 < pull.std() < 1.2
