import numpy as np
import pytest
import torch

from gasnet3.lattice import OBSERVED, ShiftRange
from gasnet3.prepare import legendre_basis
from gasnet3.refine import fit_at
from gasnet3.scan import ExactScan, scan_amortised
from toy import toy_engine

SHIFTS = ShiftRange(3, 60)
REST = SHIFTS.rest_lattice(OBSERVED)


@pytest.fixture
def batch(rng):
    flux = torch.from_numpy(rng.normal(size=(3, OBSERVED.n))).float()
    ivar = torch.from_numpy(rng.uniform(0.5, 2, size=flux.shape)).float()
    ivar[:, 700:900] = 0
    return flux * (ivar > 0), ivar


def test_amortised_is_the_direct_sum_of_eq_9(batch, rng):
    flux, ivar = batch
    rest = torch.from_numpy(rng.normal(size=(3, REST.n))).float()
    curve = scan_amortised(rest, flux, ivar, SHIFTS)
    assert curve.shape == (3, len(SHIFTS))
    for column, shift in enumerate(SHIFTS.shifts):
        start = int(SHIFTS.start(shift))
        seen = rest[:, start : start + OBSERVED.n].double()
        direct = ((seen - flux) ** 2 * ivar).sum(dim=1)
        np.testing.assert_allclose(curve[:, column], direct, rtol=1e-4)


def test_amortised_finds_a_perfect_match_at_chi2_zero(rng):
    """The original code is off by up to 1.7e-4 in z for a perfect match."""
    rest = torch.from_numpy(rng.normal(size=(1, REST.n))).float()
    start = int(SHIFTS.start(41))
    flux = rest[:, start : start + OBSERVED.n]
    curve = scan_amortised(rest, flux, torch.ones_like(flux), SHIFTS)
    assert SHIFTS.shifts[int(curve.argmin())] == 41
    assert abs(float(curve.min())) < 0.05


@pytest.mark.parametrize("bin_width", [1, 4])
def test_exact_is_the_direct_least_squares_of_eq_22(bin_width, rng):
    eigenspectra = torch.from_numpy(rng.normal(size=(3, REST.n))).float()
    scan = ExactScan.build(eigenspectra, OBSERVED.n, SHIFTS, 5, bin_width)
    flux = torch.from_numpy(rng.normal(size=(2, OBSERVED.n))).float()
    ivar = torch.from_numpy(rng.uniform(0.5, 2, size=flux.shape)).float()
    curve = scan.scan(flux, ivar)
    assert curve.shape == (2, len(scan.scanned))

    def binned(x):
        whole = x.shape[-1] // bin_width * bin_width
        return x[..., :whole].reshape(*x.shape[:-1], -1, bin_width).mean(axis=-1)

    rest = binned(eigenspectra.double().numpy())
    basis = binned(legendre_basis(OBSERVED.n, 5).numpy())
    for row in range(2):
        weight = binned(ivar[row].double().numpy()) * bin_width
        value = binned((flux * ivar)[row].double().numpy()) * bin_width / weight
        for column in (0, len(scan.scanned) // 2, len(scan.scanned) - 1):
            start = len(scan.scanned) - 1 - column
            design = np.concatenate([rest[:, start : start + basis.shape[1]], basis])
            root = np.sqrt(weight)
            _, residual, *_ = np.linalg.lstsq((design * root).T, value * root, rcond=None)
            assert float(curve[row, column]) == pytest.approx(float(residual[0]), rel=1e-3)


def test_exact_scan_agrees_with_float64_refits(batch):
    engine = toy_engine("GALAXY")
    flux, ivar = batch
    curve = engine.full_scan.scan(flux, ivar)
    column = 120
    shift = engine.full_scan.scanned[column].repeat(3)
    fits = fit_at(engine.templates, flux, ivar, torch.arange(3), shift)
    np.testing.assert_allclose(curve[:, column], fits.chi2, rtol=1e-4)


def test_bins_must_divide_the_lattice():
    with pytest.raises(ValueError, match="whole number of bins"):
        ExactScan.build(torch.zeros(2, REST.n), OBSERVED.n, SHIFTS, 5, 3)


def test_all_masked_rows_stay_finite():
    engine = toy_engine("STAR")
    nothing = torch.zeros(2, OBSERVED.n)
    assert torch.isfinite(engine.full_scan.scan(nothing, nothing)).all()
