"""The continuum's shape as evidence, against scipy's distributions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal, multivariate_t

from gasnet3.decide import continua as module
from gasnet3.decide.continua import BROADENING, CALIBRATION, TAILS, Z_WIDTH, Continua, Shapes
from gasnet3.solve.prepare import prepare
from toy import toy_model, toy_spectra

DEGREE = 3


def population(rng: np.random.Generator, *, with_z: bool = True) -> Continua:
    """A mixture of three."""
    covariance = []
    for _ in range(3):
        root = rng.normal(size=(DEGREE + 1, DEGREE + 1)) * 0.2
        covariance.append(root @ root.T + 0.01 * np.eye(DEGREE + 1))
    out = np.array(covariance)
    centre = rng.normal(size=(3, DEGREE + 1)) * 0.3
    if not with_z:
        out[:, 0] = out[:, :, 0] = centre[:, 0] = 0.0
    return Continua(np.array([0.5, 0.3, 0.2]), centre, out)


def shapes(rng: np.random.Generator, rows: int = 5) -> Shapes:
    root = rng.normal(size=(rows, DEGREE, DEGREE)) * 0.1
    ratio = rng.normal(size=(rows, DEGREE)) * 0.5
    noise = root @ root.transpose(0, 2, 1)
    return Shapes(ratio, noise, np.full(rows, 50.0), np.ones(rows, bool))


def conditional(found: Continua, k: int, x: float) -> tuple[float, np.ndarray, np.ndarray]:
    """ln weight, centre and covariance of a component at ln(1 + z) = x."""
    centre, covariance = found.centre[k], found.covariance[k]
    width = covariance[0, 0] + Z_WIDTH**2
    rest = covariance[1:, 1:] - np.outer(covariance[1:, 0], covariance[0, 1:]) / width
    share = np.log(found.weight[k])
    if covariance[0, 0] > 0:
        share += multivariate_normal(centre[0], width).logpdf(x)
    at = centre[1:] + covariance[1:, 0] / width * (x - centre[0])
    return share, at, BROADENING * rest + CALIBRATION**2 * np.eye(DEGREE)


@pytest.mark.parametrize("with_z", [True, False])
@pytest.mark.parametrize("tails", [TAILS, 1e9], ids=["student", "normal"])
def test_log_likelihood_is_that_of_scipy(
    with_z: bool, tails: float, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TAILS", tails)
    found, some = population(rng, with_z=with_z), shapes(rng)
    z = np.abs(rng.normal(size=(5, 4)))
    got = found.log_likelihood(some, z)
    expected = np.empty_like(got)
    for row in range(5):
        for column in range(4):
            joint, share = [], []
            for k in range(3):
                w, at, covariance = conditional(found, k, float(np.log1p(z[row, column])))
                total = covariance + some.covariance[row]
                if tails == TAILS:
                    density = multivariate_t(at, total, df=TAILS)
                else:
                    density = multivariate_normal(at, total)
                share.append(w)
                joint.append(w + density.logpdf(some.ratio[row]))
            expected[row, column] = np.logaddexp.reduce(joint) - np.logaddexp.reduce(share)
    constant = got - expected
    np.testing.assert_allclose(constant, constant[0, 0], atol=1e-6)


def test_unknown_shapes_and_redshifts_say_nothing(rng: np.random.Generator) -> None:
    found, some = population(rng), shapes(rng)
    some.known[1] = False
    z = np.full((5, 2), 0.3)
    z[2, 1] = np.nan
    got = found.log_likelihood(some, z)
    assert np.isfinite(got).all()
    assert (got[1] == 0).all()
    assert got[2, 1] == 0
    assert (got[[0, 3, 4]] != 0).all()


def test_log_likelihood_does_not_depend_on_the_batch(rng: np.random.Generator) -> None:
    found, some, z = population(rng), shapes(rng, 40), np.abs(rng.normal(size=(40, 3)))
    whole = found.log_likelihood(some, z)
    for row in (0, 17, 39):
        cut = slice(row, row + 1)
        one = Shapes(*(getattr(some, n)[cut] for n in vars(some)))
        assert (found.log_likelihood(one, z[cut]) == whole[cut]).all()


def test_populations_come_back_from_json(rng: np.random.Generator) -> None:
    found = population(rng)
    again = Continua.from_json(found.to_json())
    for name in vars(found):
        np.testing.assert_array_equal(getattr(again, name), getattr(found, name))


def test_shapes_are_ratios_with_their_errors(rng: np.random.Generator) -> None:
    model = toy_model("GALAXY")
    z = np.full(200, 0.05)
    one = toy_spectra(model, z[:1], noise=False)
    flux = one.flux + 2.0 * rng.standard_normal((200, one.flux.shape[1]))
    spectra = toy_spectra(model, z, sn=5.0)
    spectra.flux[:] = flux
    found = Shapes.of(prepare(spectra))
    assert found.known.all()
    # A continuum of 10 + 3x - 2x², and whatever the lines add to it.
    assert np.abs(found.ratio[:, 0].mean() - 0.32) < 0.1
    assert np.abs(found.level_sn - 10.0 / 2.0 * np.sqrt(one.flux.shape[1])).max() < 100
    error = np.sqrt(np.diagonal(found.covariance, axis1=1, axis2=2))
    assert found.ratio.std(axis=0) == pytest.approx(error.mean(axis=0), rel=0.25)


def test_shapes_of_little_mean_nothing() -> None:
    spectra = toy_spectra(toy_model("GALAXY"), np.full(5, 0.05), sn=5.0)
    spectra.ivar[0] = 0
    spectra.ivar[1, : spectra.lattice.n // 4] = 0
    spectra.flux[2] *= -1
    spectra.ivar[3] *= 1e-8
    found = Shapes.of(prepare(spectra))
    assert found.known.tolist() == [False, False, False, False, True]
    assert np.isfinite(found.ratio).all()
    assert np.isfinite(found.covariance).all()
