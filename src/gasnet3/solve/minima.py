"""Minima of χ² curves."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from gasnet3.solve import batching

POINTS = 1 << 17
"""Points of curves looked at together on a CPU: they stay in its cache."""


@dataclass(frozen=True, eq=False)
class Minima:
    """The lowest distinct minima of each curve.

    Attributes
    ----------
    index : Tensor of int64, shape (rows, k)
        Point of the curve, by ascending χ²; -1 where there are fewer than k minima.
    offset : Tensor of float64, shape (rows, k)
        Vertex of the parabola through the point and its neighbours, in points from ``index``,
        within ±0.5; 0 at the ends of the curve.
    chi2 : Tensor, shape (rows, k)
        Curve at ``index``; inf where there is no minimum.
    """

    index: Tensor
    offset: Tensor
    chi2: Tensor


def find_minima(curve: Tensor, separation: float, k: int) -> Minima:
    """The k lowest local minima at least ``separation`` points apart.

    An end of the curve counts as a minimum when the curve rises from it. Equal neighbours
    count once, at the first of them. A flat curve has no minimum.

    Parameters
    ----------
    curve : Tensor, shape (rows, points)
        χ² curves; points that are not finite are never minima.
    separation : float
        Closer minima are the same one; the lower counts.
    k : int
        Number of minima.
    """
    together = len(curve) if batching.on_gpu(curve) else max(1, POINTS // curve.shape[1])
    parts = [
        _find_minima(curve[start : start + together], separation, k)
        for start in range(0, max(1, len(curve)), max(1, together))
    ]
    names = ("index", "offset", "chi2")
    return Minima(*(torch.cat([getattr(part, name) for part in parts]) for name in names))


def _find_minima(curve: Tensor, separation: float, k: int) -> Minima:
    inf = torch.inf
    curve = torch.nan_to_num(curve, nan=inf, posinf=inf, neginf=inf)
    points = curve.shape[1]
    falls = torch.nn.functional.pad(curve[:, 1:] < curve[:, :-1], (1, 1), value=True)
    candidate = falls[:, :-1] & ~falls[:, 1:]
    candidate[:, -1] = falls[:, -2]
    remaining = torch.where(candidate, curve, inf)
    if points > 1:
        # Of a flat curve the first point is left, and a minimum it is not.
        first = torch.nonzero(candidate[:, 0])[:, 0]
        flat = first[curve[first].amin(dim=1) == curve[first].amax(dim=1)]
        remaining[flat, 0] = inf
    reach = torch.arange(-math.ceil(separation) + 1, math.ceil(separation), device=curve.device)
    index, value = [], []
    for _ in range(k):
        lowest, at = remaining.min(dim=1)
        index.append(torch.where(torch.isfinite(lowest), at, -1))
        value.append(lowest)
        remaining.scatter_(1, (at[:, None] + reach).clamp(0, points - 1), inf)
    best = torch.stack(index, dim=1)
    return Minima(best, _parabola_offset(curve, best), torch.stack(value, dim=1))


def _parabola_offset(curve: Tensor, index: Tensor) -> Tensor:
    points = curve.shape[1]
    inner = (index > 0) & (index < points - 1)
    at = torch.where(inner, index, 0)
    low, middle, high = (
        torch.gather(curve, 1, (at + d).clamp(0, points - 1)).double() for d in (-1, 0, 1)
    )
    curvature = low - 2 * middle + high
    offset = 0.5 * (low - high) / torch.where(curvature > 0, curvature, torch.inf)
    offset = torch.where(torch.isfinite(offset), offset, 0.0)
    return torch.where(inner, offset.clamp(-0.5, 0.5), 0.0)
