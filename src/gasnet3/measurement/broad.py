"""Broad emission lines, where a broad Gaussian beside the narrow lines wins by evidence."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import NDArray

from gasnet3.machine.typing import Floats
from gasnet3.measurement.templates import PIXEL_KM_S
from gasnet3.measurement.window import Rest
from gasnet3.spectra.atlas import NARROW, Broad
from gasnet3.spectra.lattice import STEP

REACH = 260
"""Pixels on either side of the line that are fitted, 18,000 km/s."""

WIDTHS = np.geomspace(800.0, 6000.0, 8)
SHIFTS = np.arange(-1400.0, 1401.0, 350.0)
"""σ and velocities (km/s) that are tried; the best is refined."""

LEAST_WIDTH, LARGEST_WIDTH, LARGEST_SHIFT = 700.0, 9000.0, 3000.0
"""Limits of what is refined, km/s."""

EVIDENCE = 30.0
"""By how much χ², over the reduced χ², must fall: 3 parameters by the BIC cost 19."""

LEAST_SIGNAL = 10.0
"""Least flux over its error."""

PROMISING = 0.4
"""Share of the gain of the least signal that a trial must have to be refined."""

LEAST_EW = 10.0
"""Least rest-frame equivalent width, Å: what stars do not explain is of half this size."""

STEPS = 5
COVERED = 0.6
"""Share of the pixels within ±1500 km/s that must be good."""


_NUMBERS = ("flux", "flux_err", "level", "v", "v_err", "sigma", "sigma_err")


@dataclass
class BroadFit:
    """A broad line in each of some rows; NaN where there is none, arrays of shape (rows,).

    Attributes
    ----------
    flux, flux_err, level : ndarray of float64
        Flux times Å, observed frame; and the fitted background at the line, flux.
    v, v_err, sigma, sigma_err : ndarray of float64
        km/s.
    model : ndarray of float64, shape (rows, n)
        The line in the pixels of the spectra.
    """

    model: Floats
    flux: Floats = field(init=False)
    flux_err: Floats = field(init=False)
    level: Floats = field(init=False)
    v: Floats = field(init=False)
    v_err: Floats = field(init=False)
    sigma: Floats = field(init=False)
    sigma_err: Floats = field(init=False)

    def __post_init__(self) -> None:
        for name in _NUMBERS:
            setattr(self, name, np.full(len(self.model), np.nan))

    def with_rows(self, which: NDArray[np.int64], found: BroadFit) -> BroadFit:
        """The same with some rows replaced."""
        out = BroadFit(self.model.copy())
        for name in ("model", *_NUMBERS):
            values = getattr(self, name).copy()
            values[which] = getattr(found, name)
            setattr(out, name, values)
        return out

    @property
    def there(self) -> NDArray[np.bool_]:
        """Rows that have one, shape (rows,)."""
        return np.isfinite(self.flux)


@cache
def _trials() -> tuple[Floats, Floats]:
    """Velocity and σ of each trial, shape (trials, 2), and its profile, (trials, 2 reach + 1)."""
    both = np.array([(v, width) for width in WIDTHS for v in SHIFTS])
    at = np.arange(-REACH, REACH + 1, dtype=np.float64)
    return both, _gaussian(at, both[:, :1], both[:, 1:])


def _gaussian(at: Floats, v: Floats, sigma: Floats) -> Floats:
    """A line of flux 1 a pixel, at places in pixels from its rest wavelength."""
    u = (at - v / PIXEL_KM_S) / (sigma / PIXEL_KM_S)
    return np.exp(-0.5 * u**2) / (np.sqrt(2 * np.pi) * sigma / PIXEL_KM_S)


def fit_broad(
    rest: Rest, line: Broad, light: Floats, kinematics: Floats, spread: Floats, sky: Floats
) -> BroadFit:
    """Look for one broad line in each spectrum.

    Parameters
    ----------
    rest : Rest
        The spectra at their redshifts.
    line : Broad
        Which line.
    light : ndarray of float64, shape (rows, n)
        Flux less starlight, where that is known.
    kinematics : ndarray of float64, shape (rows, 3)
        Velocity and widths of the narrow lines, km/s.
    spread : ndarray of float64, shape (rows,)
        σ of the line spread in pixels.
    sky : ndarray of float64, shape (rows, n)
        What was taken off as starlight; NaN where nothing was.
    """
    out = BroadFit(np.zeros(rest.flux.shape))
    centre = int(np.rint(np.log10(line.wave) / STEP))
    n = 2 * REACH + 1
    values = rest.take(light, centre - REACH, n)
    ivar = np.where(np.isfinite(values), rest.take(rest.ivar, centre - REACH, n), 0.0)
    below = rest.take(sky, centre - REACH, n)[:, REACH]
    near = slice(REACH - 22, REACH + 23)
    ready = ((ivar[:, near] > 0).mean(axis=1) >= COVERED) & ((ivar > 0).mean(axis=1) >= COVERED)
    for row in np.flatnonzero(ready):
        one = rest.part[row] + np.log10(line.wave) / STEP - centre
        at = np.arange(-REACH, REACH + 1) - one
        narrow = _narrow(line, at, kinematics[row], float(spread[row]))
        pixel = 10.0 ** ((centre + rest.whole[row] + rest.part[row]) * STEP) * STEP * np.log(10.0)
        found = _fit_one(values[row], ivar[row], at, narrow)
        if found is None:
            continue
        coeff, err, level, shape, rchi2, gain = found
        beneath = level + (below[row] if np.isfinite(below[row]) else 0.0)
        ew = coeff[0] * pixel / beneath / 10.0 ** ((rest.whole[row] + rest.part[row]) * STEP)
        wins = gain / max(rchi2, 1.0) > EVIDENCE and coeff[0] > LEAST_SIGNAL * err[0]
        if not wins or (beneath > 0 and ew < LEAST_EW):
            continue
        out.flux[row], out.flux_err[row] = coeff[0] * pixel, err[0] * pixel
        out.level[row] = level
        out.v[row], out.sigma[row] = shape
        out.v_err[row], out.sigma_err[row] = err[1], err[2] * shape[1]
        places = rest.lattice.k_min + np.arange(rest.lattice.n) - rest.whole[row] - rest.part[row]
        off = places - np.log10(line.wave) / STEP
        out.model[row] = coeff[0] * _gaussian(off, np.array(shape[0]), np.array(shape[1]))
    return out


def _narrow(line: Broad, at: Floats, kinematics: Floats, spread: float) -> Floats:
    """The narrow lines in reach, at the velocity and widths that they have."""
    out = []
    for one in NARROW:
        if one.key not in line.within:
            continue
        sigma = float(np.hypot(kinematics[1 + one.family], spread * PIXEL_KM_S))
        profile = np.zeros(len(at))
        for wave, ratio in zip(one.waves, one.ratios, strict=True):
            v = kinematics[0] + np.log(wave / line.wave) / (STEP * np.log(10.0)) * PIXEL_KM_S
            profile += ratio * _gaussian(at, np.array(v), np.array(sigma))
        out.append(profile)
    return np.array(out).reshape(len(out), len(at))


def _fit_one(
    values: Floats, ivar: Floats, at: Floats, narrow: Floats
) -> tuple[Floats, tuple[float, float, float], float, tuple[float, float], float, float] | None:
    """Coefficients, errors (flux, v, ln σ), background, (v, σ), reduced χ² and gain of one row."""
    root = np.sqrt(ivar)
    below = np.stack([np.ones(len(at)), at / REACH])
    base = np.concatenate([narrow, below])
    weighted, seen = base * root, values * root
    inverse = _inverse(weighted @ weighted.T)
    left = seen - (inverse @ (weighted @ seen)) @ weighted
    both, profiles = _trials()
    shown = profiles * root
    cross = shown @ weighted.T
    own = (shown**2).sum(axis=1) - ((cross @ inverse) * cross).sum(axis=1)
    top = shown @ left
    gain = np.where((top > 0) & (own > 0), top**2 / np.where(own > 0, own, 1.0), 0.0)
    # Most galaxies end here: what is to be seen at 10 σ gains that much before it is refined.
    rchi2 = float((left**2).sum()) / max(int((ivar > 0).sum()), 1)
    if gain.max() < PROMISING * LEAST_SIGNAL**2 * max(1.0, rchi2):
        return None
    v, sigma = both[gain.argmax()]
    for _ in range(STEPS):
        line = _gaussian(at, np.array(v), np.array(sigma))
        u = (at - v / PIXEL_KM_S) / (sigma / PIXEL_KM_S)
        flux = float(_solved(seen, root, line[None], base)[0][0])
        if not flux > 0:
            return None
        bend = flux * line * np.stack([u / sigma, u**2 - 1.0])
        coeff, cov, chi2 = _solved(seen, root, np.concatenate([line[None], bend]), base)
        # The background goes on beneath what is refined; steps are kept within reason.
        v = float(np.clip(v + np.clip(coeff[1], -400.0, 400.0), -LARGEST_SHIFT, LARGEST_SHIFT))
        ratio = np.exp(np.clip(coeff[2], -0.3, 0.3))
        sigma = float(np.clip(sigma * ratio, LEAST_WIDTH, LARGEST_WIDTH))
    if not LEAST_WIDTH < sigma < LARGEST_WIDTH or abs(v) >= LARGEST_SHIFT:
        return None
    good = int((ivar > 0).sum())
    rchi2 = chi2 / max(good - len(coeff), 1)
    err = np.sqrt(np.maximum(np.diag(cov)[:3], 0.0) * max(rchi2, 1.0))
    level = float(coeff[-2])
    return (
        coeff, (float(err[0]), float(err[1]), float(err[2])), level, (v, sigma), rchi2,
        float((left**2).sum() - chi2),
    )  # fmt: skip


def _inverse(gram: Floats) -> Floats:
    """Inverse of a small matrix; what no pixel sees has no coefficient."""
    diagonal = np.diag(gram)
    dead = diagonal <= 1e-6 * diagonal.max()
    scale = np.sqrt(np.where(dead, 1.0, diagonal))
    both = dead[:, None] | dead
    unit = np.where(both, 0.0, gram / scale[:, None] / scale)
    unit += (1e-10 + dead) * np.eye(len(scale))
    return np.where(both, 0.0, np.linalg.inv(unit) / scale[:, None] / scale)


def _solved(
    seen: Floats, root: Floats, lines: Floats, base: Floats
) -> tuple[Floats, Floats, float]:
    """Coefficients, their covariance, and χ² of a linear fit."""
    weighted = np.concatenate([lines, base]) * root
    cov = _inverse(weighted @ weighted.T)
    coeff = cov @ (weighted @ seen)
    return coeff, cov, float(np.sum((seen - coeff @ weighted) ** 2))
