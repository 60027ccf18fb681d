"""The best solutions of one class, put in order."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from gasnet3.solve.arrays import Array, ascending, namespace, numbers, places, taken, zeros
from gasnet3.solve.distinct import distinct_pixels
from gasnet3.solve.engine import Engine
from gasnet3.solve.fits import Fits
from gasnet3.solve.limits import BAD
from gasnet3.solve.prepare import Prepared

if TYPE_CHECKING:
    from jaxtyping import Bool, Float64, Int64

ALL = int(np.iinfo(np.int64).max)
"""Proposals to look at of a class that may be the right one."""


@runtime_checkable
class Source(Protocol):
    """What makes models of a class's candidates."""

    def models(self, rows: Array, shift: Array, coeff: Array, continuum: Array) -> Array:
        """Models at shifts as the observed window sees them, shape (fits, n)."""

    def of_rows(self, rows: Array) -> Source:
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
    shift, sigma, chi2 : Tensor or ndarray of float64, shape (rows, k)
        Shift and its error in pixels, χ² (not reduced); NaN where there is no candidate.
    bad, edge : Tensor or ndarray of bool, shape (rows, k)
        No minimum could be fitted; the minimum is at an end of the range.
    coeff : Tensor or ndarray of float64, shape (rows, k, m)
        Coefficients, amplitude included.
    covariance : Tensor or ndarray of float64, shape (rows, k, m, m)
        Covariance of the coefficients; 0 for the amortised solver.
    bound : Tensor or ndarray of float64, shape (rows, k)
        What the population adds to χ² in the choice among them; 0 where coefficients are free.
    continuum : Tensor or ndarray of float64, shape (rows, k, degree + 1)
        Continuum coefficients solved with them; 0 for the amortised solver.
    prior : Tensor or ndarray of float64, shape (rows, k)
        What the prior adds to χ² in the choice among them; 0 without one.
    source : Source or None
        What the models are made of.
    """

    cls: str
    dof: int
    shift: Float64[Array, "rows k"]
    sigma: Float64[Array, "rows k"]
    chi2: Float64[Array, "rows k"]
    bad: Bool[Array, "rows k"]
    edge: Bool[Array, "rows k"]
    coeff: Float64[Array, "rows k m"]
    covariance: Float64[Array, "rows k p p"]
    bound: Float64[Array, "rows k"]
    continuum: Float64[Array, "rows k terms"]
    prior: Float64[Array, "rows k"]
    source: Source | None = None

    def rows(self, index: Array) -> Candidates:
        """The solutions of some rows."""
        kept = {f.name: getattr(self, f.name) for f in fields(self)}
        cut = {name: values[index] for name, values in kept.items() if hasattr(values, "shape")}
        source = None if self.source is None else self.source.of_rows(index)
        return replace(self, **cut, source=source)

    def put(self, rows: Array, others: Candidates) -> None:
        """Replace the solutions of some rows by those of ``others``."""
        for f in fields(self):
            values = getattr(self, f.name)
            if hasattr(values, "shape"):
                values[rows] = getattr(others, f.name)

    def models(
        self, rows: Int64[Array, " chosen"], which: Int64[Array, " chosen"]
    ) -> Float64[Array, "chosen n"]:
        """Models of the prepared flux of chosen candidates, float64, shape (rows, n).

        Parameters
        ----------
        rows, which : Tensor or ndarray of int64, shape (chosen,)
            Row and number of each candidate; it must exist.
        """
        assert self.source is not None
        return self.source.models(
            rows, *(getattr(self, name)[rows, which] for name in ("shift", "coeff", "continuum"))
        )


def later_than(looks: Array, start: Array) -> Array:
    """Which proposals, of shape (rows, proposals), come after those to be looked at."""
    return numbers(looks, 0, start.shape[1]) >= looks[:, None]


def collect(
    engine: Engine,
    source: Source,
    prepared: Prepared,
    exists: Bool[Array, "rows k"],
    fits: Fits,
    converged: Bool[Array, " fits"],
) -> Candidates:
    """Place the fits into a table, rows by candidates, by ascending χ² with bad fits last.

    Where there are priors, by the sum of both; fits that a prior rules out are left out.
    """
    xp, shape = namespace(exists), exists.shape

    def place(values: Array) -> Array:
        table = zeros(values, (*shape, *values.shape[1:]))
        table[...] = np.nan
        table[exists] = values
        return table

    names = ("shift", "sigma", "chi2", "bound", "coeff", "covariance", "continuum")
    got = {name: place(getattr(fits, name)) for name in names}
    got["prior"] = place(engine.penalty(prepared, places(exists)[0], fits.shift))
    good = xp.zeros_like(exists)
    good[exists] = converged
    shifts = engine.card.shifts
    edge = (got["shift"] <= shifts.first + 0.5) | (got["shift"] >= shifts.last - 0.5)
    bad = exists & ~good & ~edge
    rank = xp.nan_to_num(got["chi2"] + got["prior"], nan=np.inf) + xp.where(bad, BAD, 0.0)
    order = ascending(rank)
    again = _same_minimum(_take(got["shift"], order), distinct_pixels(engine.cls))
    again |= xp.isinf(_take(got["prior"], order))
    last = ascending(again)
    order, again = _take(order, last), _take(again, last)
    sort = {key: _take(value, order) for key, value in got.items()}
    for value in sort.values():
        value[again] = np.nan
    bad, edge = (_take(value, order) & ~again for value in (bad, edge))
    sort["chi2"] = sort["chi2"] - sort["bound"]
    return Candidates(engine.cls, engine.dof, bad=bad, edge=edge, source=source, **sort)


def _same_minimum(shift: Array, pixels: float) -> Array:
    """Which minima, by rank, the search has led to one of a better rank, shape (rows, k)."""
    again = namespace(shift).zeros_like(shift, dtype=bool)
    for j in range(1, shift.shape[1]):
        near = abs(shift[:, :j] - shift[:, j, None]) < pixels
        again[:, j] = (near & ~again[:, :j]).any(1)
    return again


def _take(values: Array, order: Array) -> Array:
    return taken(values, order.reshape(*order.shape, *[1] * (values.ndim - 2)))
