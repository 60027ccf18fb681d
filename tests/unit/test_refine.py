import numpy as np
import pytest
import torch

from gasnet3.solve.prepare import legendre_basis, prepare
from gasnet3.solve.refine import fit_at, refine
from gasnet3.solve.templates import Templates
from gasnet3.spectra.lattice import shift_from_z
from toy import PIXEL, toy_model, toy_spectra


@pytest.fixture(scope="module")
def galaxy():
    model = toy_model("GALAXY")
    card = model.card
    return model, Templates.build(model.eigenspectra, card.shifts, legendre_basis(card.observed, 5))


def at(templates, prepared, shift):
    rows = torch.arange(len(prepared))
    return fit_at(templates, prepared.flux, prepared.ivar, rows, torch.as_tensor(shift))


def follow(templates, prepared, start, reach):
    rows = torch.arange(len(prepared))
    begin = at(templates, prepared, start)
    return refine(templates, prepared.flux, prepared.ivar, rows, begin, reach)


def test_whole_shift_sees_the_lattice_pixels(galaxy):
    model, templates = galaxy
    shifts = model.card.shifts
    seen = templates.at(torch.tensor([100.0], dtype=torch.float64), model.card.n)[0]
    start = int(shifts.start(100))
    expected = model.eigenspectra[:, start : start + model.card.n]
    np.testing.assert_allclose(seen, expected, atol=1e-6)


def test_step_is_minus_the_gradient_over_the_curvature(galaxy):
    model, templates = galaxy
    prepared = prepare(toy_spectra(model, np.array([0.05])))
    shift = shift_from_z(np.array([0.05])) + 0.3
    h = 1e-3
    below, here, above = (float(at(templates, prepared, shift + d).chi2[0]) for d in (-h, 0, h))
    gradient = (above - below) / (2 * h)
    fit = at(templates, prepared, shift)
    # At this distance Gauss-Newton is only close to the second derivative; its sign and size are.
    assert float(fit.step[0]) == pytest.approx(-0.5 * gradient * float(fit.sigma[0]) ** 2, rel=1e-3)
    assert here > float(at(templates, prepared, shift - 0.3).chi2[0])


def test_refine_reaches_the_true_shift_of_noiseless_spectra(galaxy, rng):
    model, templates = galaxy
    z = rng.uniform(0.01, 0.09, 8)
    prepared = prepare(toy_spectra(model, z, noise=False))
    start = torch.from_numpy(np.rint(shift_from_z(z)) + rng.integers(-1, 2, 8))
    fits, converged = follow(templates, prepared, start, 3.0)
    assert converged.all()
    np.testing.assert_allclose(fits.shift, shift_from_z(z), atol=1e-3)


def test_chi2_never_rises(galaxy):
    model, templates = galaxy
    prepared = prepare(toy_spectra(model, np.full(6, 0.04), sn=5))
    start = torch.from_numpy(shift_from_z(np.full(6, 0.04)) + np.linspace(-4, 4, 6))
    first = at(templates, prepared, start)
    fits, _ = follow(templates, prepared, start, 2.0)
    assert (fits.chi2 <= first.chi2).all()
    assert ((fits.shift - start).abs() <= 2.0).all()


def test_shift_errors_have_unit_pulls(galaxy, rng):
    model, templates = galaxy
    z = rng.uniform(0.01, 0.09, 300)
    prepared = prepare(toy_spectra(model, z, sn=10))
    start = torch.from_numpy(np.rint(shift_from_z(z)))
    fits, _ = follow(templates, prepared, start, 3.0)
    pull = (fits.shift.numpy() - shift_from_z(z)) / fits.sigma.numpy()
    assert abs(pull.mean()) < 0.2
    assert 0.85 < pull.std() < 1.15
    assert PIXEL * fits.sigma.mean() < 1e-4


def test_flat_templates_do_not_converge(galaxy):
    model, _ = galaxy
    card = model.card
    nothing = torch.zeros(2, card.rest.n)
    templates = Templates.build(nothing, card.shifts, legendre_basis(card.observed, 5))
    prepared = prepare(toy_spectra(model, np.array([0.05, 0.06])))
    start = torch.tensor([200.0, 200.0], dtype=torch.float64)
    fits, converged = follow(templates, prepared, start, 2.0)
    assert not converged.any()
    assert torch.isnan(fits.sigma).all()


def test_no_fits_at_all(galaxy):
    model, templates = galaxy
    prepared = prepare(toy_spectra(model, np.array([0.05])))
    none = torch.zeros(0, dtype=torch.int64)
    fits = fit_at(templates, prepared.flux, prepared.ivar, none, none.double())
    assert fits.coeff.shape == (0, 4)
