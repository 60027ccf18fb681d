"""Coefficients bound by their population: scans and fits against the formula, written out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from gasnet3.decide.posterior import SIZES, _at_solutions, _constant
from gasnet3.nets.model import Model
from gasnet3.pipeline.pipeline import Pipeline
from gasnet3.solve.engine import Engine
from gasnet3.solve.population import SMALLEST, Population, signal_size
from gasnet3.solve.prepare import Prepared, prepare
from gasnet3.solve.refine import fit_at
from gasnet3.solve.scan import EXACT, ExactScan
from gasnet3.solve.solvers import SOLVERS
from toy import toy_engine, toy_model, toy_spectra

MEAN = [0.6, -0.3, 0.2, 0.9]
COVARIANCE = [[2.0, 0.7, 0.1, 0.0], [0.7, 1.5, -0.4, 0.2], [0.1, -0.4, 0.8, 0.1], [0, 0.2, 0.1, 3]]
MOMENT = np.array(COVARIANCE) + np.outer(MEAN, MEAN)


@pytest.fixture(scope="module")
def engine() -> Engine:
    """A toy model whose population has a shape of its own."""
    toy = toy_model("GALAXY")
    population = toy.card.population | {"mean": MEAN, "covariance": COVARIANCE}
    return Engine(Model(replace(toy.card, population=population), toy.network))


@pytest.fixture(scope="module")
def prepared(engine: Engine) -> Prepared:
    spectra = toy_spectra(engine.model, np.array([0.02, 0.05, 0.08]), sn=8.0)
    spectra.ivar[1, 700:900] = 0
    spectra.ivar[:, :2000] *= 3.0
    return prepare(spectra)


def parts(
    engine: Engine, prepared: Prepared, row: int, shift: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Design, S, b and C of eq. 25-26 in float64, the continuum solved for."""
    at = torch.tensor([shift], dtype=torch.float64)
    window = engine.templates.at(at, engine.card.n)[0].numpy()
    basis = engine.templates.basis.double().numpy()
    weight = prepared.ivar[row].double().numpy()
    flux = prepared.flux[row].double().numpy()
    cross = basis * weight @ window.T
    polynomials = basis * weight @ basis.T
    normal = window * weight @ window.T - cross.T @ np.linalg.solve(polynomials, cross)
    left = basis * weight @ flux
    right = window * weight @ flux - cross.T @ np.linalg.solve(polynomials, left)
    constant = flux @ (weight * flux) - left @ np.linalg.solve(polynomials, left)
    return np.concatenate([window, basis]), normal, right, float(constant)


def surprise(normal: np.ndarray, right: np.ndarray, size: float, temperature: float = 1.0) -> float:
    """-2 ln p(F | s, c) of the population's formula, less C; the volume has no temperature."""
    bind = np.linalg.inv(MOMENT) / size
    gain = right @ np.linalg.solve(normal + bind, right)
    volume = np.linalg.slogdet(normal + bind)[1] - np.linalg.slogdet(bind)[1]
    return float(-gain / temperature + volume)


def test_a_card_without_moments_has_no_population() -> None:
    assert Population.of({"z_edges": [0, 1]}) is None


def test_a_population_is_the_second_moment() -> None:
    found = Population.of({"mean": MEAN, "covariance": COVARIANCE})
    assert found is not None
    np.testing.assert_allclose(found.root @ found.root.T, MOMENT)
    np.testing.assert_allclose(found.precision @ MOMENT, np.eye(4), atol=1e-12)


def test_the_scan_gives_the_formula(engine: Engine, prepared: Prepared) -> None:
    scan = engine.full_scan
    assert scan.bound
    curve = scan.scan(prepared)
    for row in range(3):
        for column in (0, 57, 200, len(scan.scanned) - 1):
            _, normal, right, constant = parts(engine, prepared, row, float(scan.scanned[column]))
            expected = constant + surprise(normal, right, float(prepared.size[row]))
            assert float(curve[row, column]) == pytest.approx(expected, rel=3e-4)


def test_a_scan_with_a_population_does_not_depend_on_batch_or_order(
    engine: Engine, rng: np.random.Generator
) -> None:
    spectra = toy_spectra(engine.model, rng.uniform(0.0, 0.1, 40), sn=3.0)
    order = rng.permutation(40)
    for scan in (engine.full_scan, engine.frugal_scan):
        whole = scan.scan(prepare(spectra))
        assert torch.equal(scan.scan(prepare(spectra[order])), whole[order])
        for rows in (slice(0, 1), slice(3, 20)):
            assert torch.equal(scan.scan(prepare(spectra[rows])), whole[rows])


def test_rows_without_data_stay_finite(engine: Engine) -> None:
    spectra = toy_spectra(engine.model, np.array([0.02, 0.05]))
    spectra.ivar[0] = 0
    nothing = prepare(spectra)
    assert torch.isfinite(nothing.size).all()
    assert torch.isfinite(engine.full_scan.scan(nothing)).all()


def test_bound_fits_are_ridge_regression(engine: Engine, prepared: Prepared) -> None:
    shift = torch.tensor([90.3, 200.0, 310.7], dtype=torch.float64)
    rows = torch.arange(3)
    fits = fit_at(engine.templates, prepared.flux, prepared.ivar, rows, shift, prepared.size)
    for row in range(3):
        design, *_ = parts(engine, prepared, row, float(shift[row]))
        weight = prepared.ivar[row].double().numpy()
        flux = prepared.flux[row].double().numpy()
        bind = np.zeros((10, 10))
        bind[:4, :4] = np.linalg.inv(MOMENT) / float(prepared.size[row])
        inverse = np.linalg.inv(design * weight @ design.T + bind)
        solution = inverse @ (design * weight @ flux)
        held = solution @ bind @ solution
        left = flux - solution @ design
        np.testing.assert_allclose(fits.coeff[row], solution[:4], rtol=1e-5, atol=1e-8)
        np.testing.assert_allclose(fits.continuum[row], solution[4:], rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(fits.covariance[row], inverse[:4, :4], rtol=1e-5, atol=1e-10)
        assert float(fits.bound[row]) == pytest.approx(held, rel=1e-6)
        assert float(fits.chi2[row]) == pytest.approx(left @ (weight * left) + held, rel=1e-9)


def test_bound_fits_become_free_as_the_signal_may_be_large(
    engine: Engine, prepared: Prepared
) -> None:
    shift = torch.tensor([90.3, 200.0, 310.7], dtype=torch.float64)
    spectra = engine.templates, prepared.flux, prepared.ivar, torch.arange(3), shift
    free = fit_at(*spectra)
    assert (free.bound == 0).all()
    before = torch.zeros(3, dtype=torch.float64)
    for size in (1e-2, 1.0, 1e2, 1e10):
        fits = fit_at(*spectra, torch.full((3,), size, dtype=torch.float64))
        plain = fits.chi2 - fits.bound
        # The free fit has the least χ² of all, the bound one the least of both together.
        assert (plain >= free.chi2 - 1e-8).all()
        spread = (fits.coeff**2).sum(dim=1)
        assert (spread >= before).all()
        before = spread
    np.testing.assert_allclose(fits.coeff, free.coeff, rtol=1e-5)
    np.testing.assert_allclose(fits.chi2, free.chi2, rtol=1e-9)


def test_the_gradient_is_that_of_the_bound_chi2(engine: Engine, prepared: Prepared) -> None:
    shift = torch.tensor([90.3, 200.0, 310.7], dtype=torch.float64)
    spectra = engine.templates, prepared.flux, prepared.ivar, torch.arange(3)
    h = 1e-3
    below, here, above = (fit_at(*spectra, shift + d, prepared.size) for d in (-h, 0.0, h))
    gradient = (above.chi2 - below.chi2) / (2 * h)
    np.testing.assert_allclose(-2.0 * here.step / here.sigma**2, gradient, rtol=1e-3, atol=1e-3)


def test_heights_are_the_formula_averaged_over_sizes(engine: Engine) -> None:
    spectra = toy_spectra(engine.model, np.array([0.02, 0.05, 0.08]), sn=8.0)
    outcome = Pipeline((engine,), SOLVERS["exact"], torch.device("cpu")).solve(spectra, 2)
    found, rows = outcome.candidates[0], outcome.prepared[0]
    temperature = np.array([1.0, 1.7, 4.0])
    height, plain = _at_solutions(engine, rows, found, temperature, _constant(rows))
    for row in range(3):
        _, normal, right, _ = parts(engine, rows, row, float(found.shift[row, 0]))
        size = float(rows.size[row])
        each = [-0.5 * surprise(normal, right, size * f, temperature[row]) for f in SIZES]
        expected = np.logaddexp.reduce(each) - np.log(len(SIZES))
        assert height[row, 0] == pytest.approx(expected, rel=1e-4, abs=1e-2)
        assert plain[row, 0] == pytest.approx(surprise(normal, right, size), rel=1e-4, abs=1e-2)


def test_heights_are_what_the_curve_has_there(engine: Engine) -> None:
    spectra = toy_spectra(engine.model, np.array([0.02, 0.05, 0.08]), sn=8.0)
    outcome = Pipeline((engine,), SOLVERS["exact"], torch.device("cpu")).solve(spectra, 2)
    found, rows = outcome.candidates[0], outcome.prepared[0]
    _, plain = _at_solutions(engine, rows, found, np.ones(3), _constant(rows))
    constant = (rows.flux.double() ** 2 * rows.ivar).sum(dim=1).numpy()
    lowest = engine.full_scan.scan(rows).double().numpy().min(axis=1) - constant
    # The minimum lies between the pixels of the curve.
    assert (plain[:, 0] < lowest + 1.0).all()
    assert (plain[:, 0] > 1.5 * lowest - 5.0).all()


def test_the_size_grows_with_the_signal() -> None:
    level = np.array([0.0, 1.0, 10.0, 100.0, 1000.0])
    noise = np.array([1.0, 1.0, 0.99, 0.3, 0.001])
    size = signal_size(level, noise)
    assert size[0] == SMALLEST
    assert (np.diff(size) >= 0).all()
    assert size[-1] <= 1.0
    # Lines without a continuum are signal too.
    assert signal_size(np.array([0.0]), np.array([0.2]))[0] == pytest.approx(0.7)


def test_a_toy_without_population_is_solved_freely() -> None:
    toy = toy_model("GALAXY")
    card = replace(toy.card, population={})
    free = Engine(Model(card, toy.network))
    assert free.population is None
    assert free.templates.precision is None
    assert not free.full_scan.bound
    prepared = prepare(toy_spectra(toy, np.array([0.03])))
    by_hand = ExactScan.build(toy_engine("GALAXY").eigenspectra, card.n, card.shifts, EXACT).scan(
        prepared
    )
    assert torch.equal(free.full_scan.scan(prepared), by_hand)
