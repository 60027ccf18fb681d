"""Proposed minima of one class evaluated, the best chosen and followed to their positions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gasnet3.solve.arms import Stepped
from gasnet3.solve.candidates import ALL, Candidates, Source, collect, later_than
from gasnet3.solve.distinct import distinct_pixels
from gasnet3.solve.engine import Engine
from gasnet3.solve.fits import Fits
from gasnet3.solve.limits import BAD, REACH
from gasnet3.solve.prepare import Prepared
from gasnet3.solve.refine import CONVERGED, fit_at, refine

if TYPE_CHECKING:
    from jaxtyping import Bool, Float64, Int64

CLOSE, CLOSEST = 0.2, 0.05
"""Steps in pixels that end the search in float32: of further solutions, and of the best."""

NEAR = 1.0
"""Solutions of a class whose χ² is so near to the least are all refined in float64."""


def best_minima(
    engine: Engine,
    prepared: Prepared,
    start: Float64[Tensor, "rows proposals"],
    reach: float,
    keep: int,
    looks: Int64[Tensor, " rows"],
) -> Candidates:
    """Evaluate all proposed minima, follow the best ones to their sub-pixel positions.

    Parameters
    ----------
    engine, prepared
        The class, and the spectra as its model wants them.
    start : Tensor of float64, shape (rows, proposals)
        Proposed shifts, by ascending χ²; NaN where there is none.
    reach : float
        How far in pixels a minimum may lie from a proposed shift.
    keep : int
        Distinct solutions wanted of each row.
    looks : Tensor of int64, shape (rows,)
        How many proposals to look at; unless it is :data:`ALL`, in float32 only.
    """
    start, shifts = start.clone(), engine.card.shifts
    contends = looks == ALL
    start[later_than(looks, start)] = torch.nan
    exists = torch.isfinite(start) & prepared.usable[:, None]
    rows, _ = torch.nonzero(exists, as_tuple=True)
    spectra, known = (prepared.flux, prepared.ivar), (prepared.size, prepared.arms)
    search = engine.templates.single
    tried = fit_at(search, *spectra, rows, start[exists], *known)
    chi2 = torch.full(start.shape, torch.inf, dtype=torch.float64, device=start.device)
    ahead = tried.chi2_ahead(reach, shifts).nan_to_num(torch.inf)
    chi2[exists] = ahead + engine.penalty(prepared, rows, tried.shift, reach)
    # Starts nearer than their reach would end in one minimum, as stellar ones could.
    apart = max(distinct_pixels(engine.cls), REACH)
    order, chosen = _lowest_distinct(chi2, start, apart, keep)
    number = torch.zeros_like(chi2, dtype=torch.int64)
    number[exists] = torch.arange(len(rows), device=start.device)
    begin = tried.rows(torch.gather(number, 1, order)[chosen])
    rows, nth = torch.nonzero(chosen, as_tuple=True)
    close = torch.where((nth == 0) & contends[rows], CLOSEST, CLOSE).double()
    found, settled = refine(search, *spectra, rows, begin, reach, close, *known)
    found.chi2 = found.chi2_ahead(CLOSE, shifts)
    _best_in_double(engine, prepared, rows, contends, found, settled, reach)
    return collect(engine, stepped(engine.templates, prepared), prepared, chosen, found, settled)


def stepped(source: Source, prepared: Prepared) -> Source:
    """What makes models of prepared spectra, with the steps at joins of arms, if there are any."""
    if prepared.arms is None:
        return source
    return Stepped(source, prepared.arms, prepared.flux, prepared.ivar)


def _best_in_double(
    engine: Engine,
    prepared: Prepared,
    rows: Tensor,
    contends: Tensor,
    found: Fits,
    settled: Tensor,
    reach: float,
) -> None:
    """Refine in float64, in place, until the best fit of every row that contends is so refined."""
    double = ~contends[rows]
    spectra = prepared.flux, prepared.ivar
    while True:
        # What turns out bad, or higher than it seemed, makes way for the next.
        rank = found.chi2.nan_to_num(torch.inf)
        rank = rank + torch.where(double & ~settled & contends[rows], BAD, 0.0)
        rank = rank + engine.penalty(prepared, rows, found.shift)
        least = torch.full_like(prepared.norm, torch.inf).scatter_reduce(0, rows, rank, "amin")
        next_ones = torch.nonzero((rank < least[rows] + NEAR) & ~double)[:, 0]
        if not len(next_ones):
            return
        these, known = rows[next_ones], (prepared.size, prepared.arms)
        first = fit_at(engine.templates, *spectra, these, found.shift[next_ones], *known)
        first.bend = found.bend[next_ones]
        fits, converged = refine(engine.templates, *spectra, these, first, reach, CONVERGED, *known)
        found.put(next_ones, fits)
        settled[next_ones] = converged
        double[next_ones] = True


def _lowest_distinct(
    chi2: Float64[Tensor, "rows proposals"],
    shift: Float64[Tensor, "rows proposals"],
    pixels: float,
    keep: int,
) -> tuple[Int64[Tensor, "rows {keep}"], Bool[Tensor, "rows {keep}"]]:
    """Columns of the ``keep`` lowest χ² that are distinct, and whether each exists."""
    remaining = chi2.clone()
    order, exists = [], []
    for _ in range(keep):
        lowest, at = remaining.min(dim=1)
        order.append(at)
        exists.append(torch.isfinite(lowest))
        near = (shift - torch.gather(shift, 1, at[:, None])).abs() < pixels
        near.scatter_(1, at[:, None], True)
        remaining = torch.where(near, torch.inf, remaining)
    return torch.stack(order, dim=1), torch.stack(exists, dim=1)
