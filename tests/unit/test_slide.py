"""Fixed models slid to the least χ², against direct float64 sums."""

import numpy as np
import pytest
import torch

from gasnet3.solve.limits import REACH
from gasnet3.solve.slide import FixedModels, slide
from gasnet3.solve.splines import spline_coefficients
from gasnet3.spectra.lattice import OBSERVED, ShiftRange

SHIFTS = ShiftRange(3, 60)


def smooth(rng, rows):
    """Rest-frame models whose features are a few pixels wide."""
    n = SHIFTS.rest_lattice(OBSERVED).n
    kernel = np.exp(-0.5 * (np.arange(-12, 13) / 3.0) ** 2)
    noise = rng.normal(size=(rows, n + 24))
    return torch.from_numpy(np.array([np.convolve(row, kernel, "valid") for row in noise]))


@pytest.fixture
def models(rng):
    return FixedModels(spline_coefficients(smooth(rng, 4)), SHIFTS, OBSERVED.n)


def seen(models, shift):
    rows = torch.arange(len(shift))
    nothing = shift.new_zeros(len(shift), 0)
    return models.models(rows, shift, nothing, nothing)


@pytest.mark.parametrize("shift", [3.0, 3.4, 17.0, 31.37, 59.9, 60.0])
def test_true_shift_of_noiseless_spectra_is_found(models, shift, rng):
    true = torch.full((4,), shift, dtype=torch.float64)
    flux = seen(models, true).float()
    ivar = torch.from_numpy(rng.uniform(0.5, 2.0, flux.shape)).float()
    start = torch.clamp(torch.round(true) + torch.tensor([0.0, 1.0, -1.0, 0.4]), 3, 60)
    fits, converged = slide(models, flux, ivar, torch.arange(4), start)
    np.testing.assert_allclose(fits.shift, true, atol=1e-6)
    assert (fits.chi2 < 1e-9 * (flux**2 * ivar).sum(dim=1)).all()
    assert converged.all() or shift in (3.0, 60.0)


def test_chi2_is_the_direct_sum_and_least_within_reach(models, rng):
    true = torch.full((4,), 31.4, dtype=torch.float64)
    flux = (seen(models, true) + torch.from_numpy(rng.normal(size=(4, OBSERVED.n)))).float()
    ivar = torch.ones_like(flux)
    ivar[:, 700:900] = 0
    fits, converged = slide(models, flux, ivar, torch.arange(4), torch.round(true))
    assert converged.all()

    def direct(shift):
        return ((flux - seen(models, shift)) ** 2 * ivar).sum(dim=1)

    np.testing.assert_allclose(fits.chi2, direct(fits.shift), rtol=1e-12)
    for offset in np.linspace(-REACH, REACH, 31):
        assert (direct(torch.round(true) + offset) >= fits.chi2 - 1e-9).all()
    h = 1e-3
    bend = (direct(fits.shift + h) - 2 * fits.chi2 + direct(fits.shift - h)) / h**2
    np.testing.assert_allclose(fits.sigma, (bend / 2) ** -0.5, rtol=0.05)


def test_nothing_to_slide_along_does_not_converge(rng):
    flat = FixedModels(
        spline_coefficients(torch.zeros(2, SHIFTS.rest_lattice(OBSERVED).n)), SHIFTS, 4076
    )
    flux = torch.from_numpy(rng.normal(size=(2, OBSERVED.n))).float()
    start = torch.tensor([20.0, 30.0], dtype=torch.float64)
    fits, converged = slide(flat, flux, torch.ones_like(flux), torch.arange(2), start)
    assert not converged.any()
    assert torch.isnan(fits.sigma).all()


def test_answers_do_not_depend_on_company(models, rng):
    flux = torch.from_numpy(rng.normal(size=(4, OBSERVED.n))).float()
    ivar = torch.ones_like(flux)
    rows = torch.arange(4).repeat_interleave(5)
    start = torch.from_numpy(rng.uniform(3, 60, 20))
    whole, _ = slide(models, flux, ivar, rows, start)
    for cut in (slice(0, 1), slice(7, 9), slice(3, 20)):
        some, _ = slide(models, flux, ivar, rows[cut], start[cut])
        assert torch.equal(some.shift, whole.shift[cut])
        assert torch.equal(some.chi2, whole.chi2[cut])


def test_no_fits_at_all(models):
    none = torch.zeros(0, dtype=torch.int64)
    flux = torch.zeros(4, OBSERVED.n)
    fits, converged = slide(models, flux, flux, none, none.double())
    assert len(fits.shift) == len(converged) == 0
