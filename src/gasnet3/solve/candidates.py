"""The best solutions of one class: proposed minima evaluated, chosen, refined, put in order."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Protocol

import torch
from torch import Tensor

from gasnet3.solve.distinct import distinct_pixels
from gasnet3.solve.engine import Engine
from gasnet3.solve.limits import BAD, REACH
from gasnet3.solve.prepare import Prepared
from gasnet3.solve.refine import Fits, fit_at, refine

CLOSE, CLOSEST = 0.2, 0.05
"""Steps in pixels that end the search in float32: of further solutions, and of the best."""

ALL = torch.iinfo(torch.int64).max
"""Proposals to look at of a class that may be the right one."""

NEAR = 1.0
"""Solutions of a class whose χ² is so near to the least are all refined in float64."""


class Source(Protocol):
    """What makes models of a class's candidates."""

    def models(self, rows: Tensor, shift: Tensor, coeff: Tensor, continuum: Tensor) -> Tensor:
        """Models at shifts as the observed window sees them, shape (fits, n)."""

    def of_rows(self, rows: Tensor) -> Source:
        """What makes the models of some rows, counted anew."""


@dataclass(frozen=True, eq=False)
class Candidates:
    """The best distinct solutions of one class, by ascending χ², bad fits last.

    The first of a class that may be the right one is of float64. Further ones, and those of
    classes out of reach, may be of float32: their χ² is that of the minimum, their coefficients
    and errors those of a shift up to 0.2 pixels from it.

    Attributes
    ----------
    cls : str
        The class.
    dof : int
        Parameters of the model (eq. 9): m + degree + 1.
    shift, sigma, chi2 : Tensor of float64, shape (rows, k)
        Shift and its error in pixels, χ² (not reduced); NaN where there is no candidate.
    bad, edge : Tensor of bool, shape (rows, k)
        No minimum could be fitted; the minimum is at an end of the range.
    coeff : Tensor of float64, shape (rows, k, m)
        Coefficients, amplitude included.
    covariance : Tensor of float64, shape (rows, k, m, m)
        Covariance of the coefficients; 0 for the amortised solver.
    continuum : Tensor of float64, shape (rows, k, degree + 1)
        Continuum coefficients solved with them; 0 for the amortised solver.
    prior : Tensor of float64, shape (rows, k)
        What the prior adds to χ² in the choice among them; 0 without one.
    source : Source or None
        What the models are made of.
    """

    cls: str
    dof: int
    shift: Tensor
    sigma: Tensor
    chi2: Tensor
    bad: Tensor
    edge: Tensor
    coeff: Tensor
    covariance: Tensor
    continuum: Tensor
    prior: Tensor
    source: Source | None = None

    def put(self, rows: Tensor, others: Candidates) -> None:
        """Replace the solutions of some rows by those of ``others``."""
        for f in fields(self):
            values = getattr(self, f.name)
            if isinstance(values, Tensor):
                values[rows] = getattr(others, f.name)

    def models(self, rows: Tensor, which: Tensor) -> Tensor:
        """Models of the prepared flux of chosen candidates, float64, shape (rows, n).

        Parameters
        ----------
        rows, which : Tensor of int64, shape (chosen,)
            Row and number of each candidate; it must exist.
        """
        assert self.source is not None
        return self.source.models(
            rows, *(getattr(self, name)[rows, which] for name in ("shift", "coeff", "continuum"))
        )


def best_minima(
    engine: Engine, prepared: Prepared, start: Tensor, reach: float, keep: int, looks: Tensor
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
    start, shifts = start.clone(), engine.model.card.shifts
    contends = looks == ALL
    start[later_than(looks, start)] = torch.nan
    exists = torch.isfinite(start) & prepared.usable[:, None]
    rows, _ = torch.nonzero(exists, as_tuple=True)
    spectra = prepared.flux, prepared.ivar
    search = engine.templates.single
    tried = fit_at(search, *spectra, rows, start[exists])
    chi2 = torch.full(start.shape, torch.inf, dtype=torch.float64, device=start.device)
    ahead = tried.chi2_ahead(reach, shifts).nan_to_num(torch.inf)
    chi2[exists] = ahead + prepared.penalty(rows, tried.shift, engine.systematic + reach)
    # Starts nearer than their reach would end in one minimum, as stellar ones could.
    apart = max(distinct_pixels(engine.cls), REACH)
    order, chosen = _lowest_distinct(chi2, start, apart, keep)
    number = torch.zeros_like(chi2, dtype=torch.int64)
    number[exists] = torch.arange(len(rows), device=start.device)
    begin = tried.rows(torch.gather(number, 1, order)[chosen])
    rows, nth = torch.nonzero(chosen, as_tuple=True)
    close = torch.where((nth == 0) & contends[rows], CLOSEST, CLOSE).double()
    found, settled = refine(search, *spectra, rows, begin, reach, close)
    found.chi2 = found.chi2_ahead(CLOSE, shifts)
    _best_in_double(engine, prepared, rows, contends, found, settled, reach)
    return collect(engine, engine.templates, prepared, chosen, found, settled)


def later_than(looks: Tensor, start: Tensor) -> Tensor:
    """Which proposals, of shape (rows, proposals), come after those to be looked at."""
    return torch.arange(start.shape[1], device=start.device) >= looks[:, None]


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
        rank = rank + prepared.penalty(rows, found.shift, engine.systematic)
        least = torch.full_like(prepared.norm, torch.inf).scatter_reduce(0, rows, rank, "amin")
        next_ones = torch.nonzero((rank < least[rows] + NEAR) & ~double)[:, 0]
        if not len(next_ones):
            return
        first = fit_at(engine.templates, *spectra, rows[next_ones], found.shift[next_ones])
        first.bend = found.bend[next_ones]
        fits, converged = refine(engine.templates, *spectra, rows[next_ones], first, reach)
        found.put(next_ones, fits)
        settled[next_ones] = converged
        double[next_ones] = True


def _lowest_distinct(
    chi2: Tensor, shift: Tensor, pixels: float, keep: int
) -> tuple[Tensor, Tensor]:
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


def collect(
    engine: Engine,
    source: Source,
    prepared: Prepared,
    exists: Tensor,
    fits: Fits,
    converged: Tensor,
) -> Candidates:
    """Place the fits into a table, rows by candidates, by ascending χ² with bad fits last.

    Where there are priors, by the sum of both; fits that a prior rules out are left out.
    """
    shape = exists.shape

    def place(values: Tensor) -> Tensor:
        tail = values.shape[1:]
        table = torch.full((*shape, *tail), torch.nan, dtype=torch.float64, device=exists.device)
        table[exists] = values
        return table

    names = ("shift", "sigma", "chi2", "coeff", "covariance", "continuum")
    got = {name: place(getattr(fits, name)) for name in names}
    rows, _ = torch.nonzero(exists, as_tuple=True)
    got["prior"] = place(prepared.penalty(rows, fits.shift, engine.systematic))
    good = torch.zeros_like(exists)
    good[exists] = converged
    shifts = engine.model.card.shifts
    edge = (got["shift"] <= shifts.first + 0.5) | (got["shift"] >= shifts.last - 0.5)
    bad = exists & ~good & ~edge
    rank = (got["chi2"] + got["prior"]).nan_to_num(torch.inf) + torch.where(bad, BAD, 0.0)
    order = torch.argsort(rank, dim=1, stable=True)
    again = _same_minimum(_take(got["shift"], order), distinct_pixels(engine.cls))
    again |= torch.isinf(_take(got["prior"], order))
    last = torch.argsort(again, dim=1, stable=True)
    order, again = _take(order, last), _take(again, last)
    sort = {key: _take(value, order) for key, value in got.items()}
    for value in sort.values():
        value[again] = torch.nan
    bad, edge = (_take(value, order) & ~again for value in (bad, edge))
    return Candidates(engine.cls, engine.dof, bad=bad, edge=edge, source=source, **sort)


def _same_minimum(shift: Tensor, pixels: float) -> Tensor:
    """Which minima, by rank, the search has led to one of a better rank, shape (rows, k)."""
    again = torch.zeros_like(shift, dtype=torch.bool)
    for j in range(1, shift.shape[1]):
        near = (shift[:, :j] - shift[:, j, None]).abs() < pixels
        again[:, j] = (near & ~again[:, :j]).any(dim=1)
    return again


def _take(values: Tensor, order: Tensor) -> Tensor:
    index = order.reshape(*order.shape, *[1] * (values.ndim - 2))
    return torch.take_along_dim(values, index, dim=1)
