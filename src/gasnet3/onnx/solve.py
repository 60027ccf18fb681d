"""Candidate solutions of one class by its exported network, as the amortised solver finds them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasnet3.onnx.prepare import Prepared
from gasnet3.onnx.runtime import OnnxModel
from gasnet3.onnx.scan import find_minima, scan_amortised
from gasnet3.onnx.slide import Fits, Models, slide
from gasnet3.solve.distinct import DISTINCT, distinct_pixels
from gasnet3.solve.limits import BAD, OUT_OF_REACH
from gasnet3.solve.priors import Prior
from gasnet3.spectra.lattice import ShiftRange, shift_from_z

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Bools = NDArray[np.bool_]

ALL = np.iinfo(np.int64).max
"""Proposals to look at of a class that may be the right one."""


@dataclass(frozen=True, eq=False)
class Candidates:
    """The best distinct solutions of one class, by ascending χ², bad fits last.

    Attributes
    ----------
    cls : str
        The class.
    dof : int
        Parameters of the model (eq. 9).
    shift, sigma, chi2 : ndarray of float64, shape (rows, k)
        Shift and its error in pixels, χ² (not reduced); NaN where there is no candidate.
    bad, edge : ndarray of bool, shape (rows, k)
        No minimum could be fitted; the minimum is at an end of the range.
    prior : ndarray of float64, shape (rows, k)
        What the prior adds to χ² in the choice among them; 0 without one.
    coeff : ndarray of float64, shape (rows, k, m)
        Coefficients, amplitude included.
    covariance : ndarray of float64, shape (rows, k, m, m)
        0: the coefficients are not solved for.
    source : Models
        The reconstructions.
    """

    cls: str
    dof: int
    shift: Floats
    sigma: Floats
    chi2: Floats
    bad: Bools
    edge: Bools
    prior: Floats
    coeff: Floats
    covariance: Floats
    source: Models

    def put(self, rows: Integers, others: Candidates) -> None:
        """Replace the solutions of some rows by those of ``others``."""
        for f in fields(self):
            values = getattr(self, f.name)
            if isinstance(values, np.ndarray):
                values[rows] = getattr(others, f.name)

    def models(self, rows: Integers, which: Integers) -> Floats:
        """Models of the prepared flux of chosen candidates, shape (chosen, n)."""
        return self.source.models(rows, self.shift[rows, which])


@dataclass(frozen=True, eq=False)
class Curves:
    """χ² curves of one class, without what a prior adds to them.

    Attributes
    ----------
    shift : ndarray of float64, shape (points,)
        Shifts in pixels, ascending, one pixel apart.
    chi2 : ndarray of float32, shape (rows, points)
        χ², not reduced.
    """

    shift: Floats
    chi2: NDArray[np.float32]

    def within(self, shifts: ShiftRange) -> Curves:
        """The points of a range of shifts."""
        inside = (self.shift >= shifts.first) & (self.shift <= shifts.last)
        return Curves(self.shift[inside], self.chi2[:, inside])


@dataclass(frozen=True, eq=False)
class Proposals:
    """Where the solutions of one class may lie, by ascending χ².

    Attributes
    ----------
    start : ndarray of float64, shape (rows, k)
        Shifts in pixels; NaN where there is none.
    chi2 : ndarray, shape (rows, k)
        χ² as the curve has it; inf where there is none.
    coeff : ndarray of float32, shape (rows, m)
        Coefficients, amplitude included.
    source : Models
        The reconstructions.
    scanned : Curves
        What they were proposed from.
    """

    start: Floats
    chi2: NDArray[np.floating]
    coeff: NDArray[np.float32]
    source: Models
    scanned: Curves

    def rows(self, index: Integers) -> Proposals:
        """Those of some rows."""
        curves = Curves(self.scanned.shift, self.scanned.chi2[index])
        return Proposals(
            self.start[index], self.chi2[index], self.coeff[index], self.source.of_rows(index),
            curves,
        )  # fmt: skip


def propose(
    model: OnnxModel,
    prepared: Prepared,
    prior: Prior | None,
    k: int,
    known: Curves | None = None,
) -> Proposals:
    """Where the k best distinct solutions of each prepared spectrum may lie.

    Parameters
    ----------
    model, prepared, prior
        The class, the spectra, and what is known of them.
    k : int
        Number of solutions.
    known : Curves, optional
        Curves of an earlier run, in the place of a scan.
    """
    rest, coeff, source = model.reconstruct(prepared.flux, prepared.ivar)
    shifts = model.card.shifts
    if known is None:
        chi2 = scan_amortised(rest, prepared.flux, prepared.ivar, shifts)
        curves = Curves(shifts.shifts.astype(np.float64), chi2)
    else:
        curves = known.within(shifts)
    chi2 = curves.chi2
    if prior is not None:
        # A minimum may be half a step from a point: a narrow prior must not pass it by.
        added = prior.penalty(curves.shift, model.systematic + 1.0)
        chi2 = chi2 + added.astype(np.float32)
    place, least = find_minima(chi2, distinct_pixels(model.cls), k)
    return Proposals(curves.shift[0] + place, least, coeff, source, curves)


def looks_at(proposals: list[Proposals], dof: list[int], n_good: Integers) -> list[Integers]:
    """How many proposals of each class to look at: :func:`gasnet3.solve.solvers.looks_at`.

    Parameters
    ----------
    proposals : list of Proposals
        One entry a class.
    dof : list of int
        Parameters of each class's model.
    n_good : ndarray of int64, shape (rows,)
        Unmasked pixels.
    """
    both = zip(proposals, dof, strict=True)
    reduced = np.stack([p.chi2[:, 0] / np.maximum(n_good - d, 1) for p, d in both])
    shift = np.stack([p.start[:, 0] for p in proposals])
    least, leader = reduced.min(axis=0), reduced.argmin(axis=0)
    with np.errstate(invalid="ignore"):
        excess = (reduced - least) * n_good / np.maximum(least, 1.0)
    there = np.abs(shift - shift[leader, np.arange(len(leader))]) < float(shift_from_z(DISTINCT))
    few = np.where(there, 2, 1)
    return list(np.where(excess > OUT_OF_REACH, few, ALL))


def settle(
    model: OnnxModel,
    prepared: Prepared,
    prior: Prior | None,
    proposals: Proposals,
    looks: Integers,
) -> Candidates:
    """Follow proposals to their sub-pixel minima, and put them in order.

    Parameters
    ----------
    model, prepared, prior
        The class, the spectra, and what is known of them.
    proposals : Proposals
        Where to look.
    looks : ndarray of int64, shape (rows,)
        How many proposals of each spectrum to look at.
    """
    late = np.arange(proposals.start.shape[1]) >= looks[:, None]
    exists = np.isfinite(proposals.start) & ~late & prepared.usable[:, None]
    rows, _ = np.nonzero(exists)
    fits = slide(proposals.source, prepared, rows, proposals.start[exists])
    found = _ordered(model, exists, fits, _penalty(model, prior, rows, fits.shift))
    m, shape = proposals.coeff.shape[1], exists.shape
    # The fit knows one model, the reconstruction; what made it are these.
    coeff = np.repeat(proposals.coeff.astype(np.float64)[:, None], shape[1], axis=1)
    return Candidates(
        model.cls, model.dof, **found, coeff=coeff, covariance=np.zeros((*shape, m, m)),
        source=proposals.source,
    )  # fmt: skip


def _penalty(model: OnnxModel, prior: Prior | None, rows: Integers, shift: Floats) -> Floats:
    if prior is None:
        return np.zeros_like(shift)
    added = prior.rows(rows).penalty(shift[:, None], model.systematic)
    return np.asarray(added)[:, 0]


def _ordered(model: OnnxModel, exists: Bools, fits: Fits, penalty: Floats) -> dict[str, Any]:
    """Fits as a table, rows by candidates, by ascending χ² with the prior's part, bad ones last.

    Fits that a prior rules out, and those that ended in the minimum of a better one, are left
    out.
    """

    def place(values: Floats) -> Floats:
        table = np.full(exists.shape, np.nan)
        table[exists] = values
        return table

    got = {name: place(getattr(fits, name)) for name in ("shift", "sigma", "chi2")}
    got["prior"] = place(penalty)
    good = np.zeros_like(exists)
    good[exists] = fits.converged
    shifts = model.card.shifts
    edge = (got["shift"] <= shifts.first + 0.5) | (got["shift"] >= shifts.last - 0.5)
    bad = exists & ~good & ~edge
    total = got["chi2"] + got["prior"]
    rank = np.where(np.isnan(total), np.inf, total) + np.where(bad, BAD, 0.0)
    order = np.argsort(rank, axis=1, kind="stable")
    again = _same_minimum(_take(got["shift"], order), distinct_pixels(model.cls))
    again |= np.isinf(_take(got["prior"], order))
    last = np.argsort(again, axis=1, kind="stable")
    order, again = _take(order, last), _take(again, last)
    sort = {name: np.where(again, np.nan, _take(values, order)) for name, values in got.items()}
    return sort | {"bad": _take(bad, order) & ~again, "edge": _take(edge, order) & ~again}


def _same_minimum(shift: Floats, pixels: float) -> Bools:
    """Which minima, by rank, the search has led to one of a better rank, shape (rows, k)."""
    again = np.zeros(shift.shape, bool)
    for j in range(1, shift.shape[1]):
        near = np.abs(shift[:, :j] - shift[:, j, None]) < pixels
        again[:, j] = (near & ~again[:, :j]).any(axis=1)
    return again


def _take(values: NDArray[Any], order: Integers) -> NDArray[Any]:
    return np.take_along_axis(values, order, axis=1)
