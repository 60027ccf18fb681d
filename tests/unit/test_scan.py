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


@pytest.mark.parametrize("shifts", [SHIFTS, ShiftRange(3, 200)], ids=["direct", "fft"])
@pytest.mark.parametrize("stride", [1, 4])
def test_exact_is_the_direct_least_squares_of_eq_22(stride, shifts, rng):
    rest = shifts.rest_lattice(OBSERVED)
    eigenspectra = torch.from_numpy(rng.normal(size=(3, rest.n))).float()
    scan = ExactScan.build(eigenspectra, OBSERVED.n, shifts, 5, stride)
    flux = torch.from_numpy(rng.normal(size=(2, OBSERVED.n))).float()
    # Even within the bins: then the normal matrices amid each run of shifts are exact.
    ivar = torch.from_numpy(rng.uniform(0.5, 2, size=(2, OBSERVED.n // stride))).float()
    ivar = ivar.repeat_interleave(stride, dim=1)
    curve = scan.scan(flux, ivar)
    assert curve.shape == (2, len(shifts))
    basis = legendre_basis(OBSERVED.n, 5).numpy()
    for row in range(2):
        root = np.sqrt(ivar[row].double().numpy())
        value = flux[row].double().numpy() * root
        for start in (stride // 2, 5 * stride + stride // 2):
            window = eigenspectra[:, start : start + OBSERVED.n].double().numpy()
            design = np.concatenate([window, basis])
            _, residual, *_ = np.linalg.lstsq((design * root).T, value, rcond=None)
            found = float(curve[row, len(shifts) - 1 - start])
            assert found == pytest.approx(float(residual[0]), rel=1e-3)


@pytest.mark.parametrize("classes", ["STAR", "GALAXY"])
def test_shared_normal_matrices_hardly_move_a_curve(classes, rng):
    engine = toy_engine(classes)
    flux = torch.from_numpy(rng.normal(size=(3, OBSERVED.n))).float()
    ivar = torch.from_numpy(rng.uniform(0.5, 2, size=flux.shape)).float()
    full, frugal = engine.full_scan.scan(flux, ivar), engine.frugal_scan.scan(flux, ivar)
    explained = (flux**2 * ivar).sum(dim=1).max() - full.min()
    assert float((full - frugal).abs().max()) < 0.1 * float(explained)


@pytest.mark.parametrize("shifts", [SHIFTS, ShiftRange(3, 200)], ids=["direct", "fft"])
@pytest.mark.parametrize("stride", [1, 4])
def test_curves_do_not_depend_on_batch_or_order(stride, shifts, rng):
    eigenspectra = torch.from_numpy(rng.normal(size=(5, shifts.rest_lattice(OBSERVED).n))).float()
    scan = ExactScan.build(eigenspectra, OBSERVED.n, shifts, 5, stride)
    flux = torch.from_numpy(rng.normal(size=(70, OBSERVED.n))).float()
    ivar = torch.from_numpy(rng.uniform(0.5, 2, size=flux.shape)).float()
    whole, order = scan.scan(flux, ivar), torch.from_numpy(rng.permutation(70))
    assert torch.equal(scan.scan(flux[order], ivar[order]), whole[order])
    for rows in (slice(0, 1), slice(3, 5), slice(17, 50), slice(69, 70)):
        assert torch.equal(scan.scan(flux[rows], ivar[rows]), whole[rows])


def test_exact_scan_agrees_with_float64_refits(batch):
    engine = toy_engine("GALAXY")
    flux, ivar = batch
    curve = engine.full_scan.scan(flux, ivar)
    column = 120
    shift = engine.full_scan.scanned[column].repeat(3)
    fits = fit_at(engine.templates, flux, ivar, torch.arange(3), shift)
    np.testing.assert_allclose(curve[:, column], fits.chi2, rtol=1e-4)


def test_all_masked_rows_stay_finite():
    engine = toy_engine("STAR")
    nothing = torch.zeros(2, OBSERVED.n)
    assert torch.isfinite(engine.full_scan.scan(nothing, nothing)).all()
