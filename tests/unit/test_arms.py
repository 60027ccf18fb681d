"""Steps where arms join: what marginalising them does, beside a direct least squares."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from gasnet3.decide.continua import Shapes
from gasnet3.decide.posterior import _constant
from gasnet3.solve.arms import STEP, Arms, sides
from gasnet3.solve.prepare import legendre_basis, prepare
from gasnet3.solve.refine import fit_at
from gasnet3.solve.scan import EXACT, ExactScan
from gasnet3.solve.search import stepped
from gasnet3.solve.templates import Templates
from gasnet3.spectra.batch import ARM_JOINS, Spectra
from gasnet3.spectra.lattice import shift_from_z
from toy import toy_model, toy_spectra

JOINS = (5800.0, 7600.0)
Z = np.array([0.02, 0.05, 0.08])


def with_joins(spectra: Spectra, *joins: object) -> Spectra:
    """Spectra whose rows join at one wavelength each, or all at the same two."""
    columns = {
        name: np.broadcast_to(np.asarray(at, float), len(spectra))
        for name, at in zip(ARM_JOINS, joins, strict=False)
    }
    return replace(spectra, meta=columns)


@pytest.fixture(scope="module")
def model():
    return toy_model("GALAXY")


@pytest.fixture(scope="module")
def templates(model):
    basis = legendre_basis(model.card.observed, 5)
    return Templates.build(model.eigenspectra, model.card.shifts, basis)


@pytest.fixture(scope="module")
def plain(model):
    return toy_spectra(model, Z, sn=20)


def direct(templates, prepared, row, shift, value):
    """χ² with the prior of the steps, parameters (templates, polynomials, steps), of float64."""
    n = prepared.flux.shape[1]
    seen = templates.at(torch.tensor([shift], dtype=torch.float64), n)[0].numpy()
    step = sides(prepared.lattice.wave, np.array([JOINS]))[0] * np.maximum(value, 0.0)
    design = np.concatenate([seen, templates.basis.numpy(), step])
    root = np.sqrt(prepared.ivar[row].double().numpy())
    bound = np.zeros((2, len(design)))
    bound[0, -2] = bound[1, -1] = 1.0 / STEP
    matrix = np.concatenate([(design * root).T, bound])
    target = np.concatenate([prepared.flux[row].double().numpy() * root, [0.0, 0.0]])
    found = np.linalg.lstsq(matrix, target, rcond=None)[0]
    return ((target - matrix @ found) ** 2).sum(), found, found @ design


def test_fits_are_those_of_a_direct_least_squares_with_the_prior_of_the_steps(templates, plain):
    prepared = prepare(with_joins(plain, *JOINS))
    rows, shift = torch.arange(3), torch.from_numpy(shift_from_z(Z) + 0.3)
    spectra = prepared.flux, prepared.ivar
    fits = fit_at(templates, *spectra, rows, shift, arms=prepared.arms)
    source = stepped(templates, prepared)
    models = source.models(rows, fits.shift, fits.coeff, fits.continuum)
    values = (prepared.evaluate_continuum() / prepared.norm[:, None]).numpy()
    for row in range(3):
        chi2, found, model = direct(templates, prepared, row, float(shift[row]), values[row])
        assert float(fits.chi2[row]) == pytest.approx(chi2, rel=1e-5)
        np.testing.assert_allclose(fits.coeff[row], found[:4], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(models[row], model, atol=1e-4)
    free = fit_at(templates, *spectra, rows, shift)
    assert (free.chi2 > fits.chi2 + 1e-3).all()


def test_the_scan_has_the_chi2_of_the_fits(model, templates, plain):
    prepared = prepare(with_joins(plain, *JOINS))
    shifts = model.card.shifts
    scan = ExactScan.build(model.eigenspectra, model.card.n, shifts, EXACT)
    curve = scan.scan(prepared)
    whole = torch.full((3,), 150.0, dtype=torch.float64)
    fits = fit_at(
        templates, prepared.flux, prepared.ivar, torch.arange(3), whole, arms=prepared.arms
    )
    np.testing.assert_allclose(curve[:, 150 - int(shifts.first)], fits.chi2, rtol=1e-3)


def test_without_features_chi2_is_that_of_continuum_and_steps(model, plain):
    prepared = prepare(with_joins(plain, *JOINS))
    card = model.card
    nothing = Templates.build(
        torch.zeros(2, card.rest.n), card.shifts, legendre_basis(card.observed, 5)
    )
    rows, shift = torch.arange(3), torch.full((3,), 100.0, dtype=torch.float64)
    fits = fit_at(nothing, prepared.flux, prepared.ivar, rows, shift, arms=prepared.arms)
    np.testing.assert_allclose(_constant(prepared), fits.chi2, rtol=1e-5)


def test_a_row_does_not_notice_the_joins_of_others(model, templates, plain):
    alone = prepare(plain[1:])
    assert alone.arms is None
    mixed = prepare(with_joins(plain, [5800.0, np.nan, np.nan], [7600.0, np.nan, np.nan]))
    assert mixed.arms is not None
    rest = mixed.rows(torch.tensor([1, 2]))
    for name in ("flux", "ivar", "continuum", "norm", "certainty", "shape", "size"):
        assert torch.equal(getattr(rest, name), getattr(alone, name)), name
    scan = ExactScan.build(model.eigenspectra, model.card.n, model.card.shifts, EXACT, bound=True)
    assert torch.equal(scan.scan(mixed)[1:], scan.scan(alone))
    shift = torch.from_numpy(shift_from_z(Z) + 0.2)
    for search in (templates, templates.single):
        together = fit_at(
            search, mixed.flux, mixed.ivar, torch.arange(3), shift, arms=mixed.arms
        ).rows(torch.tensor([1, 2]))
        apart = fit_at(search, alone.flux, alone.ivar, torch.arange(2), shift[1:])
        for name in ("chi2", "step", "sigma", "coeff", "continuum", "covariance"):
            assert torch.equal(getattr(together, name), getattr(apart, name)), name
    assert (_constant(mixed)[1:] == _constant(alone)).all()


def test_a_row_with_joins_does_not_notice_its_company(plain):
    both = prepare(with_joins(plain, *JOINS)).arms
    for row in range(3):
        one = prepare(with_joins(plain[row : row + 1], *JOINS)).arms
        assert isinstance(one, Arms)
        assert torch.equal(one.level[0], both.level[row])
        assert torch.equal(one.shape[0], both.shape[row])


def test_numpy_finds_the_same_steps(plain):
    spectra = with_joins(plain, *JOINS)
    ours, theirs = prepare(spectra).arms, prepare(spectra, device=None).arms
    np.testing.assert_allclose(ours.level, theirs.level, atol=1e-6)
    np.testing.assert_allclose(ours.shape, theirs.shape, rtol=1e-9)


def test_the_shape_of_the_continuum_is_that_beside_the_steps(model):
    spectra = toy_spectra(model, Z, sn=200)
    side = np.where(spectra.lattice.wave < 5800, -0.04, 0.04).astype(np.float32)
    jump = replace(spectra, flux=spectra.flux * (1 + side))
    true = Shapes.of(prepare(spectra)).ratio
    bent = Shapes.of(prepare(jump))
    known = Shapes.of(prepare(with_joins(jump, 5800.0)))
    # The jump bends the continuum of which it is taken for a share.
    assert np.abs(known.ratio - true).max() < 0.3 * np.abs(bent.ratio - true).max()
    assert (np.linalg.det(known.covariance) > np.linalg.det(bent.covariance)).all()


@pytest.mark.parametrize(
    "joins",
    [(3000.0,), (12000.0,), (5800.0, 5800.0), (np.inf,), (0.0,), (-5.0,)],
)
def test_joins_that_say_nothing_change_little(templates, plain, joins):
    prepared = prepare(with_joins(plain, *joins))
    free = prepare(plain)
    assert torch.equal(prepared.flux, free.flux)
    assert prepared.usable.all()
    shift = torch.from_numpy(shift_from_z(Z))
    rows = torch.arange(3)
    fits = fit_at(templates, prepared.flux, prepared.ivar, rows, shift, arms=prepared.arms)
    assert torch.isfinite(fits.chi2).all()
    if len(joins) == 1:
        expected = fit_at(templates, free.flux, free.ivar, rows, shift).chi2
        np.testing.assert_allclose(fits.chi2, expected, rtol=1e-4)


def test_rows_that_cannot_be_fitted_have_no_steps(plain):
    ivar = plain.ivar.copy()
    ivar[0] = 0.0
    ivar[1, 20:] = 0.0
    prepared = prepare(with_joins(replace(plain, ivar=ivar), *JOINS))
    assert prepared.usable.tolist() == [False, False, True]
    assert (prepared.arms.level[:2] == 0).all()
    assert torch.isfinite(prepared.arms.level).all()


def test_key_columns_that_are_no_numbers_are_no_joins(plain):
    spectra = replace(plain, meta={ARM_JOINS[0]: np.array(["5800", "", "b/r"])})
    assert np.isnan(spectra.arm_joins).all()
    assert prepare(spectra).arms is None
