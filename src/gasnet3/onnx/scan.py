"""χ² curves and their minima in NumPy and SciPy (eq. 9-10), as in :mod:`gasnet3.solve.scan`."""

from __future__ import annotations

import math

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from gasnet3.onnx.blocks import in_blocks
from gasnet3.spectra.lattice import ShiftRange

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]


def scan_amortised(rest: Singles, flux: Singles, ivar: Singles, shifts: ShiftRange) -> Singles:
    """χ² of a given reconstruction at every shift (eq. 9-10), not reduced.

    Parameters
    ----------
    rest : ndarray of float32, shape (rows, N)
        Rest-frame reconstruction F̂.
    flux, ivar : ndarray of float32, shape (rows, n)
        Prepared spectra.
    shifts : ShiftRange
        Shifts the rest lattice covers.

    Returns
    -------
    ndarray of float32, shape (rows, len(shifts))
        χ² by ascending shift.
    """
    length = scipy.fft.next_fast_len(rest.shape[1], real=True)

    def scan(model: Singles, f: Singles, w: Singles) -> tuple[Singles]:
        weighted = f * w
        both = scipy.fft.rfft(w, length).conj() * scipy.fft.rfft(model**2, length)
        both += scipy.fft.rfft(weighted, length).conj() * scipy.fft.rfft(-2.0 * model, length)
        curve = scipy.fft.irfft(both, length)[:, : len(shifts)]
        # The window starts at the red end of the rest lattice for the smallest shift.
        return (curve[:, ::-1] + (weighted * f).sum(axis=1, keepdims=True),)

    return in_blocks(scan, rest, flux, ivar)[0]


def find_minima(curve: NDArray[np.floating], separation: float, k: int) -> tuple[Floats, Singles]:
    """The k lowest local minima at least ``separation`` points apart.

    They are those of :func:`gasnet3.solve.minima.find_minima`.

    Parameters
    ----------
    curve : ndarray, shape (rows, points)
        χ² curves; points that are not finite are never minima.
    separation : float
        Closer minima are the same one; the lower counts.
    k : int
        Number of minima.

    Returns
    -------
    place : ndarray of float64, shape (rows, k)
        Vertex of the parabola through a minimum and its neighbours, in points of the curve, by
        ascending χ²; NaN where there is none.
    chi2 : ndarray, shape (rows, k)
        Curve at its lowest point; inf where there is no minimum.
    """
    curve = np.where(np.isfinite(curve), curve, np.inf)
    rows, points = curve.shape
    falls = np.pad(curve[:, 1:] < curve[:, :-1], ((0, 0), (1, 1)), constant_values=True)
    candidate = falls[:, :-1] & ~falls[:, 1:]
    candidate[:, -1] = falls[:, -2]
    remaining = np.where(candidate, curve, np.inf)
    if points > 1:
        # Of a flat curve the first point is left, and a minimum it is not.
        remaining[curve.min(axis=1) == curve.max(axis=1), 0] = np.inf
    reach = np.arange(-math.ceil(separation) + 1, math.ceil(separation))
    index, value = np.zeros((rows, k), np.int64), np.zeros((rows, k), curve.dtype)
    for nth in range(k):
        index[:, nth] = remaining.argmin(axis=1)
        value[:, nth] = remaining[np.arange(rows), index[:, nth]]
        near = np.clip(index[:, nth, None] + reach, 0, points - 1)
        np.put_along_axis(remaining, near, np.inf, axis=1)
    place = index + _parabola_offset(curve, index)
    return np.where(np.isfinite(value), place, np.nan), value


def _parabola_offset(curve: NDArray[np.floating], index: NDArray[np.int64]) -> Floats:
    """Vertex of the parabola through points and their neighbours, within ±0.5; 0 at the ends."""
    points = curve.shape[1]
    inner = (index > 0) & (index < points - 1)
    at = np.where(inner, index, 0)
    low, middle, high = (
        np.take_along_axis(curve, np.clip(at + d, 0, points - 1), axis=1).astype(np.float64)
        for d in (-1, 0, 1)
    )
    with np.errstate(invalid="ignore"):
        curvature = low - 2 * middle + high
        offset = 0.5 * (low - high) / np.where(curvature > 0, curvature, np.inf)
    offset = np.where(np.isfinite(offset) & inner, offset, 0.0)
    return np.clip(offset, -0.5, 0.5)
