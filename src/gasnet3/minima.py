"""Minima of χ² curves."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


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
    curve = torch.where(torch.isfinite(curve), curve, torch.inf)
    points = curve.shape[1]
    end = curve.new_full((len(curve), 1), torch.inf)
    left = torch.cat([end, curve[:, :-1]], dim=1)
    right = torch.cat([curve[:, 1:], end], dim=1)
    candidate = (curve < left) & (curve <= right) & torch.isfinite(curve)
    flat = curve.amin(dim=1) == curve.amax(dim=1)
    if points > 1:
        candidate &= ~flat[:, None]
    remaining = torch.where(candidate, curve, torch.inf)
    place = torch.arange(points, device=curve.device)
    index, value = [], []
    for _ in range(k):
        lowest, at = remaining.min(dim=1)
        found = torch.isfinite(lowest)
        index.append(torch.where(found, at, -1))
        value.append(lowest)
        remaining = torch.where((place - at[:, None]).abs() < separation, torch.inf, remaining)
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
