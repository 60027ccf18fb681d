"""Rebinning conserves flux and variance, and leaves native pixels alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gasnet3.spectra.lattice import OBSERVED, LogLattice
from gasnet3.spectra.resample import BadGrid, rebin

LATTICE = LogLattice(36000, 200)


def linear_grid(step, start=3950.0, stop=4200.0):
    return np.arange(start, stop, step)


@st.composite
def spectra(draw):
    """A spectrum on an irregular grid that reaches beyond both ends of LATTICE."""
    seed = draw(st.integers(0, 2**32 - 1))
    step = draw(st.floats(0.2, 4.0))
    rng = np.random.default_rng(seed)
    wave = 3950.0 + np.cumsum(step * rng.uniform(0.7, 1.3, int(300 / step)))
    return rng.normal(3, 2, wave.size), rng.uniform(0.1, 9, wave.size), wave


def widths(wave):
    middle = 0.5 * (np.log10(wave[1:]) + np.log10(wave[:-1]))
    ends = [2 * np.log10(wave[0]) - middle[0]], middle, [2 * np.log10(wave[-1]) - middle[-1]]
    edges = 10 ** np.concatenate(ends)
    return edges, np.diff(edges)


def integral(values, wave, low, high):
    """Integral of a histogram between two wavelengths."""
    edges, width = widths(wave)
    total = np.concatenate([[0], np.cumsum(values * width)])
    return np.interp(high, edges, total) - np.interp(low, edges, total)


@settings(max_examples=50)
@given(spectra())
def test_flux_is_conserved(spectrum):
    flux, ivar, wave = spectrum
    new, _, poor = rebin(flux, ivar, wave, LATTICE, log=False)
    expected = integral(flux, wave, LATTICE.edges[0], LATTICE.edges[-1])
    assert (new * np.diff(LATTICE.edges)).sum() == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert not poor


@settings(max_examples=50)
@given(spectra())
def test_variance_of_the_total_flux_is_conserved(spectrum):
    flux, ivar, wave = spectrum
    _, new, _ = rebin(flux, ivar, wave, LATTICE, log=False)
    _, width = widths(wave)
    expected = integral(width / ivar, wave, LATTICE.edges[0], LATTICE.edges[-1])
    assert (np.diff(LATTICE.edges) ** 2 / new).sum() == pytest.approx(expected, rel=1e-9)


@settings(max_examples=30)
@given(spectra(), st.booleans())
def test_falling_grids_and_log_grids_give_the_same(spectrum, log):
    flux, ivar, wave = spectrum
    rising = rebin(flux, ivar, wave, LATTICE, log=False)
    grid = np.log10(wave) if log else wave
    falling = rebin(flux[::-1], ivar[::-1], grid[::-1], LATTICE, log=log)
    np.testing.assert_allclose(falling[0], rising[0], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(falling[1], rising[1], rtol=1e-9)


@given(st.integers(-60, 230), st.integers(1, 120), st.booleans(), st.integers(0, 2**32 - 1))
def test_native_pixels_are_copied_to_the_bit(first, pixels, float32, seed):
    rng = np.random.default_rng(seed)
    k = LATTICE.k_min + first + np.arange(pixels)
    flux, ivar = rng.normal(size=pixels), rng.uniform(0.1, 2, pixels)
    loglam = (k * 1e-4).astype(np.float32 if float32 else np.float64).astype(np.float64)
    new, new_ivar, _ = rebin(flux, ivar, loglam, LATTICE, log=True)
    inside = (k >= LATTICE.k_min) & (k <= LATTICE.k_max)
    expected = np.zeros((2, LATTICE.n))
    expected[:, k[inside] - LATTICE.k_min] = flux[inside], ivar[inside]
    np.testing.assert_array_equal([new, new_ivar], expected)


def test_native_pixels_with_some_left_out_are_copied_and_the_rest_masked():
    keep = np.ones(LATTICE.n, bool)
    keep[[3, 50, 51, 52, 120]] = False
    flux, ivar, _ = rebin(
        np.full(keep.sum(), 2.0), np.ones(keep.sum()), LATTICE.loglam[keep], LATTICE, log=True
    )
    np.testing.assert_array_equal(ivar, keep.astype(float))
    np.testing.assert_array_equal(flux, 2.0 * keep)


def test_a_coarser_grid_that_falls_on_the_lattice_fills_the_pixels_between():
    coarse = LATTICE.loglam[::3]
    flux, ivar, _ = rebin(
        np.full(coarse.size, 2.0), np.full(coarse.size, 9.0), coarse, LATTICE, log=True
    )
    np.testing.assert_allclose(flux[:-1], 2.0)
    np.testing.assert_allclose(ivar[3:-4], 3.0, rtol=2e-3)  # a third of the information each


def test_masked_pixels_give_nothing():
    wave = linear_grid(0.5)
    ivar = np.ones(wave.size)
    ivar[(wave > 4000) & (wave < 4020)] = 0
    flux = np.where(ivar > 0, 1.0, 1e6)
    new, new_ivar, poor = rebin(flux, ivar, wave, LATTICE, log=False)
    assert not poor
    hidden = (LATTICE.wave > 4001) & (LATTICE.wave < 4019)
    assert hidden.sum() > 15
    assert not new_ivar[hidden].any()
    np.testing.assert_allclose(new[new_ivar > 0], 1.0, rtol=1e-12)


def test_a_gap_in_the_grid_stays_a_gap():
    wave = linear_grid(0.8)
    wave = wave[(wave < 4000) | (wave > 4050)]
    _, ivar, _ = rebin(np.ones(wave.size), np.ones(wave.size), wave, LATTICE, log=False)
    inside = (LATTICE.wave > 4001) & (LATTICE.wave < 4049)
    outside = (LATTICE.wave < 3999) | (LATTICE.wave > 4051)
    assert inside.sum() > 40
    assert not ivar[inside].any()
    assert (ivar[outside] > 0).all()


@pytest.mark.parametrize(("flux_spike", "ivar_spike"), [(1e30, 1.0), (1.0, 1e-30), (-1e100, 1e90)])
def test_one_huge_pixel_spoils_only_where_it_lies(flux_spike, ivar_spike):
    wave = linear_grid(0.7)
    flux, ivar = np.full(wave.size, 2.0), np.ones(wave.size)
    clean = rebin(flux, ivar, wave, LATTICE, log=False)
    at = wave.size // 3
    flux[at], ivar[at] = flux_spike, ivar_spike
    spoiled = rebin(flux, ivar, wave, LATTICE, log=False)
    away = np.abs(LATTICE.wave - wave[at]) > 2
    for before, after in zip(clean[:2], spoiled[:2], strict=True):
        np.testing.assert_array_equal(after[away], before[away])


@pytest.mark.parametrize("bad", [(np.nan, 1.0), (np.inf, 1.0), (1.0, np.nan), (1.0, -1.0)])
@pytest.mark.parametrize("native", [True, False])
def test_pixels_that_are_not_numbers_are_masked_and_told(bad, native):
    wave = LATTICE.wave if native else linear_grid(1.0)
    flux, ivar = np.ones(wave.size), np.ones(wave.size)
    flux[60], ivar[60] = bad
    new, new_ivar, poor = rebin(flux, ivar, wave, LATTICE, log=False)
    assert poor
    assert np.isfinite(new).all()
    assert np.isfinite(new_ivar).all()
    near = np.argmin(np.abs(LATTICE.wave - wave[60]))
    assert new_ivar[near] == 0 or not native
    np.testing.assert_allclose(new[new_ivar > 0], 1.0)


def test_whatever_the_flux_is_where_ivar_is_0_does_not_make_a_spectrum_poor():
    flux, ivar = np.ones(LATTICE.n), np.ones(LATTICE.n)
    flux[:5], ivar[:5] = np.nan, 0
    new, new_ivar, poor = rebin(flux, ivar, LATTICE.loglam, LATTICE, log=True)
    assert not poor
    assert not new[:5].any()
    assert not new_ivar[:5].any()


def test_a_spectrum_elsewhere_is_fully_masked():
    wave = np.arange(12000.0, 13000.0, 1.3)
    flux, ivar, poor = rebin(np.ones(wave.size), np.ones(wave.size), wave, OBSERVED, log=False)
    assert not ivar.any()
    assert not flux.any()
    assert not poor


@pytest.mark.parametrize(
    ("grid", "log", "message"),
    [
        ([], False, "no pixels"),
        ([4000.0, 4001.0, 4001.0], False, "rise or fall strictly"),
        ([4000.0, 4002.0, 4001.0], False, "rise or fall strictly"),
        ([4000.0, np.nan, 4001.0], False, "finite and positive"),
        ([-4000.0, 4000.0], False, "finite and positive"),
        ([4000.0, 1e300], False, "between"),
        ([4000.0, 4001.0], True, "pass them as wave"),
        ([4000.3], False, "at least two wavelengths"),
    ],
)
def test_grids_that_cannot_be_used_are_refused_with_the_reason(grid, log, message):
    ones = np.ones(len(grid))
    with pytest.raises(BadGrid, match=message):
        rebin(ones, ones, np.array(grid, float), OBSERVED, log=log)
