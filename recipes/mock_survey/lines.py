"""Emission lines, broad absorption and smoothing in the rest frame."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from scipy.ndimage import uniform_filter1d

from gasnet3.spectra.lattice import C_KM_S, LN10_STEP, STEP
from mock_survey.library import K_MIN, PIXELS, WAVE, Floats

RESOLUTION_KM_S = 69.0
"""Gaussian σ of the spectrograph, one pixel."""

Line = tuple[float, float, float]
"""Rest wavelength in Å, equivalent width in Å at a continuum of 1, Gaussian σ in km/s."""

QUASAR_LINES = (
    (1025.72, 10.0), (1215.67, 80.0), (1240.81, 18.0), (1305.53, 3.0), (1397.61, 9.0),
    (1549.48, 30.0), (1640.40, 5.0), (1857.40, 4.0), (1908.73, 22.0), (2326.0, 3.0),
    (2799.12, 35.0), (3426.85, 1.5), (3728.48, 2.0), (3869.86, 3.5), (4102.89, 5.0),
    (4341.68, 13.0), (4862.68, 45.0), (5877.25, 8.0), (6564.61, 200.0),
)  # fmt: skip
"""Broad lines of quasars with typical equivalent widths (Vanden Berk et al. 2001)."""


def emission(lines: Iterable[Line]) -> Floats:
    """Sum of Gaussian lines over a continuum of 1, in units of it, shape (PIXELS,)."""
    out = np.zeros(PIXELS)
    for wave, width, sigma in lines:
        spread = np.hypot(sigma, RESOLUTION_KM_S) / C_KM_S
        centre = np.log10(wave) / STEP - K_MIN
        reach = 6 * spread / LN10_STEP
        first, last = max(0, int(centre - reach)), min(PIXELS, int(centre + reach) + 2)
        x = (np.arange(first, last) - centre) * LN10_STEP / spread
        out[first:last] += width * np.exp(-0.5 * x**2) / (np.sqrt(2 * np.pi) * spread * wave)
    return out


def nebula(rng: np.random.Generator, h_alpha: float, broad: float = 0.0) -> list[Line]:
    """Narrow lines of a galaxy of random excitation, reddening and width.

    Ratios scatter widely around those of star-forming galaxies, far enough to hold Seyferts,
    LINERs and extreme emission-line galaxies.

    Parameters
    ----------
    h_alpha : float
        Equivalent width of Hα in Å.
    broad : float
        Equivalent width of a broad Hα beside it (Seyfert 1.5 to 1.9).
    """
    h_beta = h_alpha / rng.lognormal(np.log(3.2), 0.2)
    o3 = h_beta * rng.lognormal(np.log(1.2), 0.9)
    o2 = h_beta * rng.lognormal(np.log(2.5), 0.5)
    n2 = h_alpha * rng.lognormal(np.log(0.35), 0.6)
    s2 = h_alpha * rng.lognormal(np.log(0.25), 0.5)
    widths = (
        (6564.61, h_alpha), (4862.68, h_beta), (4341.68, 0.47 * h_beta), (4102.89, 0.26 * h_beta),
        (3971.20, 0.16 * h_beta), (5008.24, o3), (4960.30, o3 / 3), (3727.09, 0.45 * o2),
        (3729.88, 0.55 * o2), (6585.27, n2), (6549.86, n2 / 3), (6718.29, 0.55 * s2),
        (6732.68, 0.45 * s2), (3869.86, 0.15 * o3 * rng.lognormal(0, 0.4)),
        (6302.05, 0.2 * s2 * rng.lognormal(0, 0.5)), (5877.25, 0.1 * h_beta),
        (4364.44, 0.02 * o3), (9071.10, 0.4 * s2 * rng.uniform(0.3, 1.5)),
        (9533.20, 0.9 * s2 * rng.uniform(0.3, 1.5)), (4687.02, 0.02 * h_beta),
        (3426.85, 0.05 * o3 * rng.uniform()), (2799.12, 0.1 * o2 * rng.normal()),
    )  # fmt: skip
    sigma = rng.uniform(40, 250)
    lines = [(wave, width, sigma) for wave, width in widths]
    if broad > 0:
        lines += broad_balmer(broad, rng.uniform(1000, 4000), decrement=4.0)
    return lines


def chromosphere(rng: np.random.Generator) -> list[Line]:
    """Balmer and calcium lines of an active M dwarf."""
    h_alpha = rng.lognormal(np.log(4.0), 0.6)
    ratios = ((6564.61, 1.0), (4862.68, 1.2), (4341.68, 1.0), (4102.89, 0.8), (3934.78, 2.0))
    return [(wave, h_alpha * ratio * rng.lognormal(0, 0.3), 40.0) for wave, ratio in ratios]


def broad_balmer(h_alpha: float, sigma: float, decrement: float) -> list[Line]:
    """Broad Balmer lines of an active nucleus."""
    ratios = ((6564.61, 1.0), (4862.68, 1 / decrement), (4341.68, 1 / 9), (4102.89, 1 / 18))
    return [(wave, h_alpha * ratio, sigma) for wave, ratio in ratios]


def smooth(flux: Floats, width: int = 700) -> Floats:
    """The continuum under broad lines: a running mean twice over, NaN ignored."""
    good = np.isfinite(flux).astype(np.float64)
    value = np.nan_to_num(flux)
    for _ in range(2):
        value, good = uniform_filter1d(value, width), uniform_filter1d(good, width)
    return np.asarray(value / np.maximum(good, 1e-9))


def broad_absorption(rng: np.random.Generator) -> Floats:
    """Transmission of broad absorption troughs blueward of C IV, Si IV and N V."""
    out = np.ones(PIXELS)
    velocity, width = rng.uniform(3000, 20000), rng.uniform(1000, 4000)
    for wave, strength in ((1549.48, 1.0), (1397.61, 0.6), (1240.81, 0.7)):
        x = (np.log(WAVE / wave) * C_KM_S + velocity) / width
        out *= 1 - strength * rng.uniform(0.2, 0.9) * np.exp(-0.5 * x**4)
    return out
