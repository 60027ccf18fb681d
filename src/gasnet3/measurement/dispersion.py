"""Velocity dispersions: stars broadened until they look like the galaxy, in least χ²."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gasnet3.machine.typing import Floats
from gasnet3.measurement.templates import GRID, GRID_STEP, PHASES, PIXEL_KM_S, Templates
from gasnet3.measurement.window import Rest
from gasnet3.spectra.atlas import MASKED
from gasnet3.spectra.lattice import STEP

RANGE = (4100.0, 6800.0)
"""Rest-frame wavelengths that count, Å."""

DEGREE = 3
"""Degree of the polynomial beside the stars."""

MASK = 600.0
"""Emission lines are left out as far as this from their centres, km/s."""

LEAST_PIXELS = 600
"""Pixels below which nothing is fitted."""

LEAST_SN = 5.0
"""Median S/N a pixel in the range below which the dispersion cannot be told."""

CLIP = 5.0
"""Pixels farther than this from the first fit, in its own σ, are left out."""

FLOOR = 0.02
"""Error, over the dispersion, of what stars of a galaxy the templates do not have."""

FIRST_WIDTH = 8
"""Number of the width (200 km/s) with which the velocity is sought."""

COARSE = np.array([0, 4, 8, 12, 18, 34])
"""Numbers of the widths that are tried first; then all near the best."""

VELOCITIES = PHASES * np.arange(-2, 3)
"""Offsets of the velocity that are tried, in parts of a pixel: whole pixels."""


@dataclass(frozen=True)
class Dispersions:
    """What was measured, one a row.

    Attributes
    ----------
    vdisp, err : ndarray of float64, shape (rows,)
        km/s, as the templates' resolution and the spectrum's own are taken off; NaN where it
        cannot be told.
    width : ndarray of int64, shape (rows,)
        Number of the width (:data:`~gasnet3.measurement.templates.GRID`) that fits best; -1 where
        nothing was fitted.
    sn : ndarray of float64, shape (rows,)
        Median S/N a pixel of the range; 0 where it is not covered.
    rchi2 : ndarray of float64, shape (rows,)
        Reduced χ² of the fit.
    fitted, ranged, resolved : ndarray of bool, shape (rows,)
        Whether there was enough to fit, the minimum lies below the widest, and above zero.
    """

    vdisp: Floats
    err: Floats
    width: NDArray[np.int64]
    sn: Floats
    rchi2: Floats
    fitted: NDArray[np.bool_]
    ranged: NDArray[np.bool_]
    resolved: NDArray[np.bool_]


class _Row(NamedTuple):
    """One spectrum over the range, and the templates' place in it."""

    flux: Floats
    ivar: Floats
    first: int
    phase: int


class _Found(NamedTuple):
    """Best broadening of one row (km/s), its error, number of the width, and reduced χ²."""

    sigma: float
    err: float
    width: int
    rchi2: float


def measure_dispersions(rest: Rest, resolution: Floats, templates: Templates) -> Dispersions:
    """Velocity dispersions of galaxies.

    Parameters
    ----------
    rest : Rest
        The spectra at their redshifts.
    resolution : ndarray of float64, shape (rows,)
        σ of the line spread in pixels; NaN: that of what the templates were learned from.
    templates : Templates
        Stars.
    """
    first = int(np.ceil(np.log10(RANGE[0]) / STEP))
    n = int(np.floor(np.log10(RANGE[1]) / STEP)) - first + 1
    flux, ivar = (rest.take(values, first, n) for values in (rest.flux, rest.ivar))
    sn = _median_sn(flux, ivar)
    ivar = np.where(_masked(first, n, rest.part), 0.0, ivar)
    places: Floats = np.linspace(-1.0, 1.0, n)
    basis: Floats = np.asarray(np.polynomial.legendre.legvander(places, DEGREE).T, np.float64)
    rows = len(rest)
    sigma, err, rchi2 = (np.full(rows, np.nan) for _ in range(3))
    width = np.full(rows, -1, np.int64)
    for row in np.flatnonzero((ivar > 0).sum(axis=1) >= LEAST_PIXELS):
        one = _Row(flux[row], ivar[row], first, int(rest.phase[row]))
        found = _fit(one, templates, basis)
        if found is not None:
            sigma[row], err[row], width[row], rchi2[row] = found
    return _corrected(sigma, err, width, sn, rchi2, resolution, templates)


def _corrected(
    sigma: Floats,
    err: Floats,
    width: NDArray[np.int64],
    sn: Floats,
    rchi2: Floats,
    resolution: Floats,
    templates: Templates,
) -> Dispersions:
    """What is left of the broadening when the spectrograph's is taken off."""
    known = np.where(np.isfinite(resolution), resolution, templates.sigma)
    variance = sigma**2 - (known**2 - templates.sigma**2) * PIXEL_KM_S**2
    fitted, ranged = width >= 0, width < len(GRID) - 1
    with np.errstate(invalid="ignore", divide="ignore"):
        vdisp = np.sqrt(np.where(variance > 0, variance, np.nan))
        err = np.hypot(err * sigma / vdisp, FLOOR * vdisp)
        resolved = (width > 0) & (variance > 0) & (err < vdisp)
    told = fitted & ranged & resolved & (sn >= LEAST_SN)
    return Dispersions(
        np.where(told, vdisp, np.nan), np.where(told, err, np.nan), width, sn, rchi2,
        fitted, ranged, resolved,
    )  # fmt: skip


def _median_sn(flux: Floats, ivar: Floats) -> Floats:
    """Median S/N of the pixels that are there, 0 where there is none, shape (rows,)."""
    out = np.zeros(len(flux))
    for row, (values, weights) in enumerate(zip(flux, ivar, strict=True)):
        good = weights > 0
        if good.any():
            out[row] = np.median(values[good] * np.sqrt(weights[good]))
    return out


def _masked(first: int, n: int, part: Floats) -> NDArray[np.bool_]:
    """Where emission lines are in pixels from ``first`` on, shape (rows, n)."""
    out = np.zeros((len(part), n), bool)
    centres = np.log10(MASKED) / STEP - first
    reach = MASK / PIXEL_KM_S
    for at in centres[(centres > -reach) & (centres < n + reach)]:
        low = max(int(np.floor(at - reach)), 0)
        near = np.arange(low, min(int(np.ceil(at + reach)) + 2, n))
        out[:, near] |= np.abs(near - part[:, None] - at) < reach
    return out


def _fit(row: _Row, templates: Templates, basis: Floats) -> _Found | None:
    """The best width of one spectrum; None where no fit makes sense."""
    level = np.median(np.abs(row.flux[row.ivar > 0]))
    if not level > 0:
        return None
    row = row._replace(flux=row.flux / level, ivar=row.ivar * level**2)
    velocity = _velocity(row, templates, basis)
    model = _design(row, templates, basis, FIRST_WIDTH, velocity)
    _, coeff = _solve(row, model)
    off = (row.flux - coeff @ model) ** 2 * row.ivar
    scale = max(1.0, off.sum() / (row.ivar > 0).sum())
    row = row._replace(ivar=np.where(off > CLIP**2 * scale, 0.0, row.ivar))
    chi2: dict[int, float] = {}

    def look(numbers: NDArray[np.int64]) -> int:
        for number in numbers:
            if 0 <= number < len(GRID) and number not in chi2:
                design = _design(row, templates, basis, int(number), velocity)
                chi2[int(number)] = _solve(row, design)[0]
        return min(chi2, key=lambda number: chi2[number])

    best = look(COARSE)
    while True:
        nearer = look(np.array([best - 1, best + 1, _between(chi2, best)]))
        if nearer == best:
            break
        best = nearer
    good = int((row.ivar > 0).sum())
    rchi2 = chi2[best] / max(good - len(basis) - len(templates.flux), 1)
    if best in (0, len(GRID) - 1):
        return _Found(float(GRID[best]), np.nan, best, rchi2)
    left, middle, right = (chi2[best + step] for step in (-1, 0, 1))
    curve = left - 2.0 * middle + right
    sigma = GRID[best] + 0.5 * GRID_STEP * (left - right) / curve
    err = GRID_STEP * np.sqrt(2.0 / curve * max(1.0, rchi2))
    return _Found(float(sigma), float(err), best, rchi2)


def _between(chi2: dict[int, float], best: int) -> int:
    """Number of the width at the least of the parabola through the best and those beside it."""
    tried = sorted(chi2)
    at = tried.index(best)
    if at in (0, len(tried) - 1):
        return best
    a, b, c = tried[at - 1 : at + 2]
    left, right = (chi2[a] - chi2[b]) / (a - b), (chi2[c] - chi2[b]) / (c - b)
    if right <= left:
        return best
    return int(np.clip(np.rint(0.5 * (a + b) - left * (c - a) / (2.0 * (right - left))), a, c))


def _velocity(row: _Row, templates: Templates, basis: Floats) -> int:
    """Offset of the stars from the redshift, in parts of a pixel."""
    chi2 = [
        _solve(row, _design(row, templates, basis, FIRST_WIDTH, step))[0]
        for step in VELOCITIES.tolist()
    ]
    best = int(np.argmin(chi2))
    if best in (0, len(chi2) - 1):
        return int(VELOCITIES[best])
    left, middle, right = chi2[best - 1 : best + 2]
    step = 0.5 * (left - right) / (left - 2.0 * middle + right)
    return int(VELOCITIES[best] + np.rint(PHASES * step))


def _design(row: _Row, templates: Templates, basis: Floats, width: int, velocity: int) -> Floats:
    """Stars of a width at an offset, and the polynomials, shape (m + degree + 1, n)."""
    whole, phase = divmod(row.phase + velocity, PHASES)
    start = row.first - whole - templates.lattice.k_min
    stars = templates.at(width, phase)[:, start : start + len(row.flux)]
    return np.concatenate([stars, basis])


def _solve(row: _Row, design: Floats) -> tuple[float, Floats]:
    """Least χ² of one spectrum, and the coefficients.

    One row at a time: the last bits of a product of matrices depend on their number of rows.
    """
    root = np.sqrt(row.ivar)
    weighted, seen = design * root, row.flux * root
    gram, right = weighted @ weighted.T, weighted @ seen
    scale = np.sqrt(np.maximum(np.diag(gram), 1e-300))
    gram = gram / scale[:, None] / scale + 1e-11 * np.eye(len(scale))
    coeff = np.linalg.solve(gram, right / scale) / scale
    total = float(np.sum(seen**2))
    return total - float(np.sum(coeff * right)), coeff
