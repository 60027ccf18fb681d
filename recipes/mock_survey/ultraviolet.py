"""Young galaxies in the ultraviolet: what the libraries, which end at 1350 Å or redder, lack."""

from __future__ import annotations

import numpy as np

from gasnet3.spectra.lattice import C_KM_S
from mock_survey.intergalactic import LYMAN_ALPHA, LYMAN_LIMIT, forest
from mock_survey.library import PIXELS, WAVE, Floats
from mock_survey.lines import Line, emission

FOREST_Z = 1.9
"""Redshift from which Lyman-α can be in the observed window."""

EDGE = 300
"""Pixels at the blue end of a template whose slope is taken for what follows."""

GAS_END = 3000.0
"""Where a young population's interstellar lines end, rest Å."""

LOW_IONS = (
    (977.02, 3.0), (1025.72, 2.5), (949.74, 1.5), (1190.42, 0.7), (1193.29, 0.7), (1260.42, 1.6),
    (1302.17, 1.1), (1304.37, 1.1), (1334.53, 1.7), (1526.71, 1.7), (1608.45, 0.9),
    (1670.79, 1.0), (1854.72, 0.6), (1862.79, 0.4), (2026.1, 0.4), (2249.9, 0.2),
    (2260.8, 0.3), (2344.21, 1.6), (2374.46, 1.3), (2382.76, 1.8), (2586.65, 1.8),
    (2600.17, 2.2), (2796.35, 2.0), (2803.53, 1.7), (2852.96, 0.6),
)  # fmt: skip
"""Interstellar lines of neutral gas with equivalent widths in Å (after Shapley et al. 2003)."""

HIGH_IONS = (
    (1031.93, 1.0), (1037.62, 0.7), (1206.50, 1.2), (1238.82, 0.5), (1242.80, 0.3),
    (1393.76, 1.4), (1402.77, 0.8), (1548.20, 1.2), (1550.78, 0.8),
)  # fmt: skip
"""Interstellar lines of ionized gas."""

STARS = ((1175.7, 1.1), (1296.3, 0.6), (1343.4, 0.2), (1417.2, 0.3), (1501.8, 0.4), (1718.6, 0.5),
         (1425.0, 0.4), (1978.0, 0.6), (1930.0, 0.8))  # fmt: skip
"""Photospheric lines and blends of young stars."""

NEBULAR = (
    (1264.74, 0.2), (1309.28, 0.3), (1533.43, 0.4), (1640.42, 0.5), (1660.81, 0.25),
    (1666.15, 0.6), (1882.7, 0.15), (1892.0, 0.12), (1906.68, 1.0), (1908.73, 0.7),
    (2326.0, 0.7), (2396.4, 0.4), (2470.97, 0.2), (2626.5, 0.5), (1548.20, 0.1), (1550.78, 0.1),
)  # fmt: skip
"""Emission lines and fluorescent lines of the gas."""


def with_ultraviolet(
    rng: np.random.Generator, flux: Floats, z: float, join: float | None = None
) -> Floats:
    """A galaxy whose spectrum goes on to the blue, with the lines of gas and young stars.

    Parameters
    ----------
    rng : Generator
        Random numbers.
    flux : ndarray, shape (PIXELS,)
        A spectrum of a library, NaN where it has nothing.
    z : float
        Redshift, for the hydrogen on the way.
    join : float, optional
        Rest wavelength in Å blueward of which a young population is put in place of what the
        library has; by default only what it lacks is added, with its own slope.
    """
    first = int(np.flatnonzero(np.isfinite(flux))[0]) + 3  # the outermost pixels were smoothed
    if join is None:
        slope = _slope(flux, first) + rng.normal(0, 0.3)
    else:
        first = max(first, int(np.searchsorted(WAVE, join)))
        slope = np.clip(rng.normal(-1.6, 0.55), -2.8, 0.5)
    level = np.nanmedian(flux[first : first + 40])
    continuum = max(float(level), 0.0) * (WAVE / WAVE[first]) ** slope
    continuum[WAVE < LYMAN_LIMIT] *= 0.1 * rng.uniform()
    out = np.where(np.arange(PIXELS) < first, continuum, flux)
    with_gas = np.arange(PIXELS) < first if join is None else WAVE < GAS_END
    out[with_gas] *= _gas(rng)[with_gas]
    return np.asarray(out * forest(rng, z, quasar=False) if z > FOREST_Z else out)


def _slope(flux: Floats, first: int) -> float:
    """Power of the wavelength at the blue end of a template."""
    part = slice(first, first + EDGE)
    good = flux[part] > 0
    if good.sum() < EDGE // 2:
        return 0.0
    slope = np.polyfit(np.log(WAVE[part][good]), np.log(flux[part][good]), 1)[0]
    return float(np.clip(slope, -3.0, 5.0))


def _gas(rng: np.random.Generator) -> Floats:
    """What stars, winds, gas and Lyman-α make of a continuum of 1."""
    strength, outflow = rng.lognormal(0, 0.45), rng.normal(-120, 100)
    ionized = strength * rng.lognormal(0, 0.35)
    width = rng.uniform(100, 350)
    lines = [_line(w, -ew * strength, outflow, width) for w, ew in LOW_IONS]
    lines += [_line(w, -ew * ionized, outflow, width) for w, ew in HIGH_IONS]
    young = rng.lognormal(0, 0.4)
    lines += [_line(w, -ew * young, 0.0, 250.0) for w, ew in STARS]
    # The winds of massive stars: broad absorption, and emission redward of it.
    for wave, share in ((1549.5, 1.0), (1240.8, 0.6), (1398.0, 0.3)):
        lines += [_line(wave, -3.0 * share * young, -1300.0, 700.0)]
        lines += [_line(wave, 1.2 * share * young, 400.0, 500.0)]
    gas = rng.lognormal(0, 0.7)
    lines += [
        _line(wave, ew * gas * rng.lognormal(0, 0.4), 0.0, rng.uniform(60, 200))
        for wave, ew in NEBULAR
    ]
    lines.append(_line(1640.42, rng.exponential(1.0), 0.0, 700.0))
    return np.clip(1 + emission(lines), 0.0, None) * _damped(rng, outflow) + _lyman_alpha(rng)


def _line(wave: float, width: float, velocity: float, sigma: float) -> Line:
    return wave * (1 + velocity / C_KM_S), width, sigma


def _damped(rng: np.random.Generator, outflow: float) -> Floats:
    """Transmission of the damped Lyman-α line of the galaxy's own gas."""
    centre = LYMAN_ALPHA * (1 + outflow / C_KM_S)
    wing = rng.lognormal(np.log(3.0), 0.8) / np.abs(WAVE - centre).clip(min=1e-3)
    return np.asarray(np.exp(-np.minimum(wing**2, 50.0)))


def _lyman_alpha(rng: np.random.Generator) -> Floats:
    """Lyman-α in emission: of half of them little, of emitters much; redder than the galaxy."""
    if rng.uniform() < 0.3:
        return np.zeros(PIXELS)
    width = rng.lognormal(np.log(12.0), 1.2)
    sigma = rng.uniform(80, 300)
    lines = [_line(LYMAN_ALPHA, width, rng.normal(350, 120), sigma)]
    if rng.uniform() < 0.25:
        lines.append(_line(LYMAN_ALPHA, 0.3 * width, rng.normal(-300, 120), sigma))
    return emission(lines)
