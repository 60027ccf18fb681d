"""Minima of χ² curves."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gasnet3.kernels import minima as kernel
from gasnet3.kernels.library import compiled
from gasnet3.solve import batching
from gasnet3.solve.arrays import (
    Array,
    clipped,
    contiguous,
    least,
    like,
    namespace,
    numbers,
    places,
    put,
    taken,
    wide,
    widened,
)

if TYPE_CHECKING:
    from jaxtyping import Float, Float32, Float64, Int64

POINTS = 1 << 17
"""Points of curves looked at together where no loops in C do it: they stay in the cache."""


@dataclass(frozen=True, eq=False)
class Minima:
    """The lowest distinct minima of each curve.

    Attributes
    ----------
    index : Tensor or ndarray of int64, shape (rows, k)
        Point of the curve, by ascending χ²; -1 where there are fewer than k minima.
    offset : Tensor or ndarray of float64, shape (rows, k)
        Vertex of the parabola through the point and its neighbours, in points from ``index``,
        within ±0.5; 0 at the ends of the curve.
    chi2 : Tensor or ndarray, shape (rows, k)
        Curve at ``index``; inf where there is no minimum.
    """

    index: Int64[Array, "rows k"]
    offset: Float64[Array, "rows k"]
    chi2: Float[Array, "rows k"]


def find_minima(curve: Float32[Array, "rows points"], separation: float, k: int) -> Minima:
    """The k lowest local minima at least ``separation`` points apart.

    An end of the curve counts as a minimum when the curve rises from it. Equal neighbours
    count once, at the first of them. A flat curve has no minimum.

    Parameters
    ----------
    curve : Tensor or ndarray of float32, shape (rows, points)
        χ² curves; points that are not finite are never minima.
    separation : float
        Closer minima are the same one; the lower counts.
    k : int
        Number of minima.
    """
    reach = math.ceil(separation) - 1
    if compiled(curve):
        found = kernel.minima(contiguous(curve)[0], reach=reach, k=k)
        return Minima(*(like(curve, part) for part in found))
    together = len(curve) if batching.on_gpu(curve) else max(1, POINTS // curve.shape[1])
    parts = [
        _find_minima(curve[start : start + together], reach, k)
        for start in range(0, max(1, len(curve)), max(1, together))
    ]
    join, names = namespace(curve).concatenate, ("index", "offset", "chi2")
    return Minima(*(join([getattr(part, name) for part in parts]) for name in names))


def _find_minima(curve: Array, reach: int, k: int) -> Minima:
    """The same on a GPU or where nothing could be compiled."""
    xp, inf = namespace(curve), np.inf
    curve = xp.nan_to_num(curve, nan=inf, posinf=inf, neginf=inf)
    points = curve.shape[1]
    falls = widened(curve[:, 1:] < curve[:, :-1], 1, 1, value=True)
    candidate = falls[:, :-1] & ~falls[:, 1:]
    candidate[:, -1] = falls[:, -2]
    remaining = xp.where(candidate, curve, inf)
    if points > 1:
        # Of a flat curve the first point is left, and a minimum it is not.
        first = places(candidate[:, 0])[0]
        flat = first[xp.amin(curve[first], 1) == xp.amax(curve[first], 1)]
        remaining[flat, 0] = inf
    around = numbers(curve, -reach, reach + 1)
    index, value = [], []
    for _ in range(k):
        lowest, at = least(remaining)
        index.append(xp.where(xp.isfinite(lowest), at, -1))
        value.append(lowest)
        put(remaining, clipped(at[:, None] + around, 0, points - 1), inf)
    best = xp.stack(index, 1)
    return Minima(best, _parabola_offset(curve, best), xp.stack(value, 1))


def _parabola_offset(
    curve: Float[Array, "rows points"], index: Int64[Array, "rows k"]
) -> Float64[Array, "rows k"]:
    xp, points = namespace(curve), curve.shape[1]
    inner = (index > 0) & (index < points - 1)
    at = xp.where(inner, index, 0)
    low, middle, high = (wide(taken(curve, clipped(at + d, 0, points - 1))) for d in (-1, 0, 1))
    with np.errstate(invalid="ignore"):  # NumPy would tell of infinite neighbours
        curvature = low - 2 * middle + high
        offset = 0.5 * (low - high) / xp.where(curvature > 0, curvature, np.inf)
    offset = xp.where(xp.isfinite(offset), offset, 0.0)
    return xp.where(inner, clipped(offset, -0.5, 0.5), 0.0)
