"""The light of the stars below the lines, so that absorption in Balmer lines is taken off."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gasnet3.machine.typing import Floats
from gasnet3.measurement.templates import PHASES, PIXEL_KM_S, Templates
from gasnet3.measurement.window import Rest
from gasnet3.spectra.atlas import ABSORBED, BALMER, MASKED
from gasnet3.spectra.lattice import STEP

DEGREE = 8
"""Degree of the polynomial beside the stars, over what is covered."""

MASK, MASK_BROAD = 600.0, 6000.0
"""Lines are left out as far as this from their centres, km/s; broad ones of quasars as far."""

WIDTH = 6
"""Number of the width (150 km/s) of stars where no dispersion was measured."""

EDGE = 15
"""Pixels at the ends of the templates that are not used."""

LEAST_PIXELS = 300
"""Pixels below which no stars are fitted."""

AROUND = 30
"""Pixels on either side of a line where the light around it is looked at."""

CLIP = 6.0
"""Pixels above the first fit by more than this, in its own σ, are left out of the second."""


def starlight(
    rest: Rest, width: NDArray[np.int64], templates: Templates, broad: NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """Stars and a polynomial fitted between the lines, in the pixels of the spectra.

    Parameters
    ----------
    rest : Rest
        The spectra at their redshifts.
    width : ndarray of int64, shape (rows,)
        Number of the width of each; -1: not known.
    templates : Templates
        Stars.
    broad : ndarray of bool, shape (rows,)
        Whether broad lines are to be expected, and left out.

    Returns
    -------
    stars : ndarray of float64, shape (rows, n)
        NaN where the templates do not reach, or nothing could be fitted.
    depth_err : ndarray of float64, shape (rows, lines)
        Error of the depth of each line of :data:`~gasnet3.spectra.atlas.ABSORBED` below what is
        around it; 0 where there is no starlight.
    """
    out = np.full(rest.flux.shape, np.nan)
    depth_err = np.zeros((len(rest), len(ABSORBED)))
    for row in range(len(rest)):
        whole, phase = divmod(int(rest.phase[row]), PHASES)
        # Observed pixel i shows the template's pixel i - start.
        start = int(rest.whole[row]) + whole + templates.lattice.k_min - rest.lattice.k_min
        first = max(0, start + EDGE)
        last = min(rest.lattice.n, start + templates.lattice.n - EDGE)
        if last - first < LEAST_PIXELS:
            continue
        stars = templates.at(int(width[row]) if width[row] >= 0 else WIDTH, phase)
        place = rest.lattice.k_min + np.arange(first, last) - rest.whole[row] - rest.part[row]
        ivar = rest.ivar[row, first:last].copy()
        ivar[_near(place, MASKED, MASK)] = 0.0
        if broad[row]:
            ivar[_near(place, BALMER, MASK_BROAD)] = 0.0
        design = stars[:, first - start : last - start]
        lines = np.rint(np.log10(list(ABSORBED.values())) / STEP - place[0]).astype(np.int64)
        found = _fitted(rest.flux[row, first:last], ivar, design, lines)
        if found is not None:
            out[row, first:last], depth_err[row] = found
    return out, depth_err


def _near(place: Floats, waves: tuple[float, ...], reach: float) -> NDArray[np.int64]:
    """Which of consecutive rest-frame places are close to a line."""
    half = int(np.ceil(reach / PIXEL_KM_S))
    centres = np.rint(np.log10(waves) / STEP - place[0]).astype(np.int64)
    near = (centres[:, None] + np.arange(-half, half + 1)).ravel()
    return near[(near >= 0) & (near < len(place))]


def _fitted(
    flux: Floats, ivar: Floats, stars: Floats, lines: NDArray[np.int64]
) -> tuple[Floats, Floats] | None:
    """The model of one spectrum, and the errors of depths; None where too little is there."""
    good = np.flatnonzero(ivar > 0)
    if len(good) < LEAST_PIXELS:
        return None
    n = len(flux)
    place = 2.0 * (np.arange(n) - good[0]) / (good[-1] - good[0]) - 1.0
    basis = np.polynomial.legendre.legvander(np.clip(place, -1.05, 1.05), DEGREE).T
    design = np.concatenate([stars, basis])
    coeff, cov = _solved(flux, ivar, design)
    above = (flux - coeff @ design) * np.sqrt(ivar)
    scale = max(1.0, float(np.sqrt(np.mean(above[good] ** 2))))
    out = above > CLIP * scale
    if out.any():
        coeff, cov = _solved(flux, np.where(out, 0.0, ivar), design)
    depth_err = np.zeros(len(lines))
    inside = (lines >= AROUND) & (lines < n - AROUND)
    at = lines[inside]
    depth = design[:, at] - 0.5 * (design[:, at - AROUND] + design[:, at + AROUND])
    variance = ((cov @ depth) * depth).sum(axis=0)
    depth_err[inside] = scale * np.sqrt(np.maximum(variance, 0.0))
    return coeff @ design, depth_err


def _solved(flux: Floats, ivar: Floats, design: Floats) -> tuple[Floats, Floats]:
    """Least squares of one spectrum, and covariance; a weak ridge where stars are alike."""
    root = np.sqrt(ivar)
    weighted = design * root
    gram, right = weighted @ weighted.T, weighted @ (flux * root)
    scale = np.sqrt(np.maximum(np.diag(gram), 1e-300))
    gram = gram / scale[:, None] / scale + 1e-10 * np.eye(len(scale))
    cov = np.linalg.inv(gram) / scale[:, None] / scale
    return cov @ right, cov
