"""The posterior along the redshift: its interval about the answer, and its shares on a grid.

It is a sum of normal distributions in ln(1 + z), one a solution, of its error as it is in the
catalog and its share of all weights; and of what lies between the solutions, along the curves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr

from gasnet3.decide.posterior import NOTHING, Weights
from gasnet3.machine.typing import Floats
from gasnet3.spectra.lattice import LN10_STEP

if TYPE_CHECKING:
    from gasnet3.decide.rank import Ranked

ONE_SIGMA = float(2.0 * ndtr(1.0) - 1.0)
"""What an interval holds: 68 %, as much as a normal distribution within its σ."""

SURE = 0.99
"""Share of the posterior from which a solution is taken for all of it."""

LEAST = 1e-3
"""Parts of the posterior that an interval does not see, in units of the largest."""

NODES = np.linspace(-4.0, 4.0, 41)
"""In units of a solution's error, where its distribution is looked at."""

POINTS = 500
"""Points of a curve that an interval tells apart, at most."""


@dataclass(frozen=True, eq=False)
class Peaks:
    """The solutions of a batch as parts of the posterior, best first.

    Attributes
    ----------
    x, width : ndarray of float64, shape (rows, c)
        ln(1 + z), and its error.
    share : ndarray of float64, shape (rows, c)
        Of all weights; 0 where there is no solution, or it weighs nothing.
    rest : ndarray of float64, shape (rows, classes)
        Share of what lies between those of each class.
    """

    x: Floats
    width: Floats
    share: Floats
    rest: Floats

    @classmethod
    def of(cls, weights: Weights, ranked: Ranked) -> Peaks:
        """The parts of weights, in the order of the ranked solutions."""
        each = np.stack(weights.solutions, axis=1)
        rows = np.arange(len(each))[:, None]
        weight = each[rows, ranked.cls, ranked.which]
        width = ranked.z_err / (1.0 + ranked.z)
        weight = np.where(np.isfinite(width) & (width > 0), weight, NOTHING)
        rest = np.stack(weights.between, axis=1)
        every = np.concatenate([weight, rest], axis=1)
        top = every.max(axis=1, keepdims=True)
        share = np.where(every > NOTHING, np.exp(every - top), 0.0)
        share /= np.maximum(share.sum(axis=1, keepdims=True), 1.0)
        known = share[:, : weight.shape[1]] > 0
        return cls(
            np.where(known, np.log1p(np.where(known, ranked.z, 0.0)), 0.0),
            np.where(known, width, 1.0),
            share[:, : weight.shape[1]],
            share[:, weight.shape[1] :],
        )


def interval(weights: Weights, ranked: Ranked) -> tuple[Floats, Floats]:
    """The shortest interval of redshift about the best solution that holds 68 % of the posterior.

    Of one solution that holds nearly all it is z ± z_err. Where others hold a part it grows, and
    reaches to them as soon as less than 68 % is near the best: what it has within it is then more
    than one peak, and all between them. Classes play no part.

    Parameters
    ----------
    weights : Weights
        Of a batch.
    ranked : Ranked
        Its solutions, with their errors.

    Returns
    -------
    z_lo, z_hi : ndarray of float64, shape (rows,)
        z ± z_err where nothing weighs anything; NaN where there is no error either.
    """
    peaks = Peaks.of(weights, ranked)
    z, error = ranked.z[:, 0], ranked.z_err[:, 0]
    low, high = z - error, z + error
    anything = (peaks.share > 0).any(axis=1) | (peaks.rest > 0).any(axis=1)
    for row in np.flatnonzero(anything & (peaks.share[:, 0] < SURE) & np.isfinite(z)).tolist():
        low[row], high[row] = np.expm1(_shortest(*_cumulative(weights, peaks, row, z[row])))
    return low, high


def on_curves(weights: Weights, ranked: Ranked) -> dict[str, Floats]:
    """The posterior along the curve of each class.

    Parameters
    ----------
    weights, ranked
        As in :func:`interval`.

    Returns
    -------
    dict of str to ndarray of float64, shape (rows, points)
        By class, the probability of what is nearest to each point of its curve
        (``weights.shifts``); all of them together make 1, or 0 where nothing weighs anything.
        Classes without a curve have none.
    """
    peaks, out = Peaks.of(weights, ranked), {}
    for index, cls in enumerate(weights.classes):
        if not len(weights.shifts[index]):
            continue
        share = peaks.rest[:, index, None] * weights.along[index]
        edges = _edges(weights.shifts[index])
        mine = np.where(ranked.cls == index, peaks.share, 0.0)
        for x, width, height in zip(peaks.x.T, peaks.width.T, mine.T, strict=True):
            rows = np.flatnonzero(height > 0)
            # Beyond the ends of the curve nothing was looked at.
            centre = np.clip(x[rows, None], edges[0], edges[-1])
            part = np.diff(ndtr((edges - centre) / width[rows, None]), axis=1)
            share[rows] += height[rows, None] * part / part.sum(axis=1, keepdims=True)
        out[cls] = share
    return out


def _edges(shifts: Floats) -> Floats:
    """ln(1 + z) of the ends of the points of a curve, shape (points + 1,)."""
    half = 0.5 * (shifts[1] - shifts[0]) if len(shifts) > 1 else 0.5
    return LN10_STEP * np.append(shifts - half, shifts[-1] + half)


def _cumulative(weights: Weights, peaks: Peaks, row: int, z: float) -> tuple[Floats, Floats, float]:
    """Places in ln(1 + z), what of the posterior lies below each, and the place of z."""
    at = float(np.log1p(z))
    least = LEAST * max(peaks.share[row].max(), peaks.rest[row].max())
    seen = np.flatnonzero(peaks.share[row] > least)
    x, width, share = (part[row, seen, None] for part in (peaks.x, peaks.width, peaks.share))
    curves = []
    for index in np.flatnonzero(peaks.rest[row] > least):
        along, edges = weights.along[index][row].astype(np.float64), _edges(weights.shifts[index])
        first = np.arange(0, len(along), -(-len(along) // POINTS))
        held = peaks.rest[row, index] * np.cumsum(np.add.reduceat(along, first))
        curves.append((np.append(edges[first], edges[-1]), np.append(0.0, held)))
    nodes = [(x + width * NODES).ravel(), *(edges for edges, _ in curves)]
    places = np.unique(np.concatenate([*nodes, [at]]))
    below = (share * ndtr((places - x) / width)).sum(axis=0)
    for edges, held in curves:
        below += np.interp(places, edges, held)
    return places, (below - below[0]) / (below[-1] - below[0]), at


def _shortest(places: Floats, below: Floats, at: float) -> tuple[float, float]:
    """Ends of the shortest interval that holds :data:`ONE_SIGMA` and a place.

    Between places what lies below grows linearly: one of its ends is a place, or the given one.
    """
    part = float(below[np.searchsorted(places, at)])
    first = places[(below <= min(part, 1.0 - ONE_SIGMA)) & (below >= part - ONE_SIGMA)]
    last = places[(below >= max(part, ONE_SIGMA)) & (below <= part + ONE_SIGMA)]
    ends = np.interp(np.interp(first, places, below) + ONE_SIGMA, below, places)
    starts = np.interp(np.interp(last, places, below) - ONE_SIGMA, below, places)
    low, high = np.append(first, starts), np.append(ends, last)
    low, high = np.minimum(low, at), np.maximum(high, at)
    best = int((high - low).argmin())
    return float(low[best]), float(high[best])
