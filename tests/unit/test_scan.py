import numpy as np
import pytest
import torch

from gasnet3.solve.curves import scan_amortised
from gasnet3.solve.prepare import NO_POLYNOMIAL, legendre_basis, prepare
from gasnet3.solve.refine import fit_at
from gasnet3.solve.scan import EXACT, ExactScan, Frugality
from gasnet3.spectra.batch import Spectra
from gasnet3.spectra.lattice import OBSERVED, ShiftRange
from toy import toy_engine, toy_spectra

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


@pytest.mark.parametrize("first", [2, 3])
@pytest.mark.parametrize("n", [600, 601])
def test_amortised_of_pairs_is_the_direct_sum_over_them(first, n, rng):
    shifts = ShiftRange(first, 60)
    flux, ivar = rng.normal(size=(2, 3, n))
    ivar = ivar**2
    rest = rng.normal(size=(3, n + len(shifts) - 1))
    arrays = (torch.from_numpy(part).float() for part in (rest, flux, ivar))
    curve = scan_amortised(*arrays, shifts, pairs=True)
    every = shifts.shifts[::-1][::2][::-1]
    assert curve.shape == (3, len(every))
    for column, shift in enumerate(every):
        start = int(shifts.start(shift))
        direct = (ivar * flux**2).sum(axis=1)
        for i in range(0, n, 2):
            mean = rest[:, start + i : start + i + 2].mean(axis=1)
            weight, product = ivar[:, i : i + 2], (ivar * flux)[:, i : i + 2]
            direct += weight.sum(axis=1) * mean**2 - 2 * product.sum(axis=1) * mean
        np.testing.assert_allclose(curve[:, column], direct, rtol=1e-4, atol=1e-3)


FRUGAL = Frugality(step=2, share=8, average=4)


def prepared_of(flux, ivar):
    pixels = {"loglam": OBSERVED.loglam, "lattice": OBSERVED}
    return prepare(Spectra.from_arrays(flux.numpy(), ivar.numpy(), **pixels))


@pytest.mark.parametrize("shifts", [SHIFTS, ShiftRange(3, 400)], ids=["direct", "fft"])
@pytest.mark.parametrize("frugality", [EXACT, FRUGAL], ids=["all", "frugal"])
def test_exact_is_the_direct_least_squares_of_eq_22(frugality, shifts, rng):
    rest = shifts.rest_lattice(OBSERVED)
    eigenspectra = torch.from_numpy(rng.normal(size=(3, rest.n))).float()
    scan = ExactScan.build(eigenspectra, OBSERVED.n, shifts, frugality)
    # Even within the averages: then the normal matrices that are computed are exact.
    average = frugality.average
    ivar = torch.from_numpy(rng.uniform(0.5, 2, size=(2, OBSERVED.n // average))).float()
    ivar = ivar.repeat_interleave(average, dim=1)
    prepared = prepared_of(torch.from_numpy(rng.normal(size=ivar.shape)), ivar)
    curve = scan.scan(prepared)
    assert curve.shape == (2, len(scan.scanned)) == (2, -(-len(shifts) // frugality.step))
    basis = legendre_basis(OBSERVED, 5).numpy()
    for row in range(2):
        root = np.sqrt(prepared.ivar[row].double().numpy())
        value = prepared.flux[row].double().numpy() * root
        for start in (0, 2 * frugality.share):
            window = eigenspectra[:, start : start + OBSERVED.n].double().numpy()
            design = np.concatenate([window, basis])
            _, residual, *_ = np.linalg.lstsq((design * root).T, value, rcond=None)
            column = int(torch.nonzero(scan.scanned == shifts.last - start))
            # The factor stands for shifts a little off, where it is shared.
            close = 1e-3 if frugality is EXACT else 5e-3
            assert float(curve[row, column]) == pytest.approx(float(residual[0]), rel=close)


@pytest.mark.parametrize("classes", ["STAR", "GALAXY", "QSO"])
def test_frugality_hardly_moves_a_curve(classes, rng):
    engine = toy_engine(classes)
    prepared = prepare(toy_spectra(engine.model, np.array([0.0003, 0.0001, 0.0002])))
    full, frugal = engine.full_scan.scan(prepared), engine.frugal_scan.scan(prepared)
    at = (engine.frugal_scan.scanned - engine.full_scan.scanned[0]).long()
    constant = (prepared.flux**2 * prepared.ivar).sum(dim=1).max()
    moved = (full[:, at] - frugal).abs().max()
    assert float(moved) < 0.1 * float(constant - full.min())


@pytest.mark.parametrize("shifts", [SHIFTS, ShiftRange(3, 400)], ids=["direct", "fft"])
@pytest.mark.parametrize("frugality", [EXACT, FRUGAL], ids=["all", "frugal"])
def test_curves_do_not_depend_on_batch_or_order(frugality, shifts, rng):
    eigenspectra = torch.from_numpy(rng.normal(size=(5, shifts.rest_lattice(OBSERVED).n))).float()
    scan = ExactScan.build(eigenspectra, OBSERVED.n, shifts, frugality)
    flux = torch.from_numpy(rng.normal(size=(70, OBSERVED.n))).float()
    ivar = torch.from_numpy(rng.uniform(0.5, 2, size=flux.shape)).float()
    order = torch.from_numpy(rng.permutation(70))
    whole = scan.scan(prepared_of(flux, ivar))
    assert torch.equal(scan.scan(prepared_of(flux[order], ivar[order])), whole[order])
    for rows in (slice(0, 1), slice(3, 5), slice(17, 50), slice(69, 70)):
        assert torch.equal(scan.scan(prepared_of(flux[rows], ivar[rows])), whole[rows])


@pytest.mark.parametrize("bound", [False, True], ids=["free", "bound"])
def test_exact_scan_agrees_with_float64_refits(bound, batch):
    engine = toy_engine("GALAXY")
    prepared = prepared_of(*batch)
    scan, size = engine.full_scan, prepared.size
    if not bound:
        scan, size = ExactScan.build(engine.eigenspectra, OBSERVED.n, engine.card.shifts), None
    curve = scan.scan(prepared)
    column = 120
    shift = scan.scanned[column].repeat(3)
    fits = fit_at(engine.templates, prepared.flux, prepared.ivar, torch.arange(3), shift, size)
    expected = fits.chi2
    if bound:
        # -2 ln p has the volume, too, of what the population allows.
        allowed = torch.from_numpy(np.linalg.inv(engine.population.precision))
        expected = expected - torch.logdet(fits.covariance)
        expected += torch.logdet(allowed) + 4 * torch.log(size)
    np.testing.assert_allclose(curve[:, column], expected, rtol=1e-4)


def test_all_masked_rows_stay_finite():
    engine = toy_engine("STAR")
    nothing = torch.zeros(2, OBSERVED.n)
    assert torch.isfinite(engine.full_scan.scan(prepared_of(nothing, nothing))).all()


def test_where_templates_are_dark_they_explain_nothing(rng):
    shifts = ShiftRange(3, 400)
    rest = shifts.rest_lattice(OBSERVED)
    pixel = np.arange(rest.n)
    vectors = 100.0 + np.stack([np.sin(pixel / scale) for scale in (300.0, 500.0, 700.0)])
    vectors[:, : rest.n - 2000] *= 1e-3
    ivar = torch.zeros(2, OBSERVED.n)
    ivar[:, 500:1200] = 10.0
    flux = torch.from_numpy(rng.normal(size=(2, OBSERVED.n))).float() * (ivar > 0)
    prepared = prepare(
        Spectra.from_arrays(flux.numpy(), ivar.numpy(), loglam=OBSERVED.loglam, lattice=OBSERVED),
        NO_POLYNOMIAL,
    )
    constant = (prepared.flux**2 * prepared.ivar).sum(dim=1, keepdim=True)
    for frugality in (EXACT, FRUGAL):
        scan = ExactScan.build(torch.from_numpy(vectors).float(), OBSERVED.n, shifts, frugality)
        curve = scan.scan(prepared)
        assert (curve / constant - 1).abs().max() < 2e-3
