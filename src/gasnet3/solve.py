"""From prepared spectra to candidate solutions of one class: three solvers, one interface.

``amortised``: the network's reconstruction, taken as it is, at every shift (eq. 9-10).
``exact``: the best coefficients of its eigenspectra, and the continuum, at every shift
(eq. 22-26). ``hybrid``: a frugal exact scan and the amortised curve propose minima, the best of
which are then solved exactly. Whatever proposes, every minimum kept is re-evaluated in float64.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor

from gasnet3.lattice import C_KM_S, LN10_STEP, shift_from_z, z_from_shift
from gasnet3.minima import Minima, find_minima
from gasnet3.nets.card import Model, ModelError
from gasnet3.prepare import Prepared, legendre_basis
from gasnet3.refine import Fits, fit_at, refine
from gasnet3.scan import EXACT, ExactScan, Frugality, scan_amortised
from gasnet3.slide import Models, slide
from gasnet3.splines import Templates, spline_coefficients

DISTINCT = 0.01
"""Solutions of a class are distinct when Δz/(1+z) is larger than this (paper, section 3.4 v)."""

DISTINCT_STAR_KM_S = 100.0
"""Stellar solutions are distinct when their velocities differ by more than this."""

FRUGAL = {
    "STAR": Frugality(step=4, share=8, average=8, stride=8),
    "GALAXY": Frugality(step=4, share=8, average=8, stride=8),
    "QSO": Frugality(step=4, share=4, average=4, stride=4),
}
"""What the hybrid saves in its scan."""

PROPOSALS = 3
"""Minima the hybrid takes from its scan at least; one more than the solutions wanted."""

REACH = 1.5
"""How far in pixels a minimum may lie from where a curve of whole shifts shows it."""

CLOSE, CLOSEST = 0.2, 0.05
"""Steps in pixels that end the search in float32: of further solutions, and of the best."""

NEAR = 1.0
"""Solutions of a class whose χ² is so near to the least are all refined in float64."""

BLOCK = 32
"""Rows a network sees at once, always: results must not depend on the batch."""


def distinct_pixels(cls: str) -> float:
    """Smallest distance in pixels between distinct solutions of a class."""
    if cls == "STAR":
        return DISTINCT_STAR_KM_S / C_KM_S / LN10_STEP
    return float(shift_from_z(DISTINCT))


@dataclass(frozen=True, eq=False)
class Curves:
    """χ² curves of one class, for pictures and proposals.

    Attributes
    ----------
    shift : Tensor of float64, shape (points,)
        Shifts in pixels, ascending.
    chi2 : Tensor, shape (rows, points)
        χ², not reduced.
    """

    shift: Tensor
    chi2: Tensor

    @property
    def z(self) -> Tensor:
        """Redshift of every point."""
        return torch.from_numpy(z_from_shift(self.shift.cpu().numpy()))


class Source(Protocol):
    """What makes models of a class's candidates."""

    def models(self, rows: Tensor, shift: Tensor, coeff: Tensor, continuum: Tensor) -> Tensor:
        """Models at shifts as the observed window sees them, shape (fits, n)."""


@dataclass(frozen=True, eq=False)
class Candidates:
    """The best distinct solutions of one class, by ascending χ², bad fits last.

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
    source: Source | None = None

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


@dataclass(frozen=True, eq=False)
class Engine:
    """A model with what its solvers compute once."""

    model: Model

    @property
    def cls(self) -> str:
        """Class of the model."""
        return self.model.card.cls

    @property
    def dof(self) -> int:
        """Parameters fitted: eigenspectra and continuum (16 by default, as in the paper)."""
        spectra = self.model.eigenspectra
        return (0 if spectra is None else len(spectra)) + self.model.card.degree + 1

    @property
    def eigenspectra(self) -> Tensor:
        """Eigenspectra, shape (m, N).

        Raises
        ------
        ModelError
            If the network has none.
        """
        spectra = self.model.eigenspectra
        if spectra is None:
            raise ModelError(
                f"{self.model.card.name} has no eigenspectra to solve with: "
                "use the amortised solver, or Encoder models"
            )
        return spectra

    @cached_property
    def templates(self) -> Templates:
        """Eigenspectra as splines, with a free continuum."""
        card = self.model.card
        basis = legendre_basis(card.n, card.degree, self.eigenspectra.device)
        return Templates.build(self.eigenspectra, card.shifts, basis)

    @cached_property
    def full_scan(self) -> ExactScan:
        """Exact scan of every shift."""
        return self._scan(EXACT)

    @cached_property
    def frugal_scan(self) -> ExactScan:
        """Exact scan whose normal matrices serve for several shifts."""
        return self._scan(FRUGAL[self.cls])

    def _scan(self, frugality: Frugality) -> ExactScan:
        card = self.model.card
        return ExactScan.build(self.eigenspectra, card.n, card.shifts, frugality)

    def reconstruct(self, prepared: Prepared) -> tuple[Tensor, Tensor]:
        """Rest-frame reconstruction (rows, N), and coefficients times amplitude (rows, m)."""
        rest, coeff = [], []
        for start in range(0, len(prepared), BLOCK):
            flux = prepared.flux[start : start + BLOCK]
            ivar = prepared.ivar[start : start + BLOCK]
            missing = (0, 0, 0, BLOCK - len(flux))
            out = self.model.reconstruct(
                torch.nn.functional.pad(flux, missing), torch.nn.functional.pad(ivar, missing)
            )
            rest.append(out.flux[: len(flux)])
            coeff.append((out.amplitude[:, None] * out.coeff)[: len(flux)])
        return torch.cat(rest), torch.cat(coeff)

    def splines(self, rest: Tensor, coeff: Tensor) -> Tensor:
        """Cubic splines through reconstructions, float64, shape (rows, N + 2·PAD)."""
        if self.model.eigenspectra is None:
            return spline_coefficients(rest)
        # The spline of a sum is the sum of the splines.
        parts = []
        for start in range(0, len(coeff), BLOCK):
            some = coeff[start : start + BLOCK].double()
            whole = torch.nn.functional.pad(some, (0, 0, 0, BLOCK - len(some)))
            parts.append((whole @ self.templates.spline)[: len(some)])
        return torch.cat(parts)

    def amortised_curves(self, rest: Tensor, prepared: Prepared) -> Curves:
        """χ² of the network's reconstruction at every shift."""
        shifts = self.model.card.shifts
        chi2 = scan_amortised(rest, prepared.flux, prepared.ivar, shifts)
        return Curves(torch.from_numpy(shifts.shifts.astype(float)).to(chi2.device), chi2)

    def exact_curves(self, scan: ExactScan, prepared: Prepared) -> Curves:
        """The least χ² at every shift of a scan."""
        chi2 = scan.scan(prepared)
        return Curves(scan.scanned.to(chi2.device), chi2)


class Solver(ABC):
    """A way to find the candidates of a class."""

    name: str

    @abstractmethod
    def solve(self, engine: Engine, prepared: Prepared, k: int) -> Candidates:
        """The k best distinct solutions of each prepared spectrum."""

    @abstractmethod
    def curves(self, engine: Engine, prepared: Prepared) -> Curves:
        """The finest χ² curve the solver stands on."""


class Amortised(Solver):
    """The paper's: the reconstruction is fixed, only the shift is free."""

    name = "amortised"

    def solve(self, engine: Engine, prepared: Prepared, k: int) -> Candidates:
        rest, coeff = engine.reconstruct(prepared)
        curves = engine.amortised_curves(rest, prepared)
        minima = find_minima(curves.chi2, distinct_pixels(engine.cls), k)
        start = _position(curves, minima)
        exists = torch.isfinite(start) & prepared.usable[:, None]
        rows, _ = torch.nonzero(exists, as_tuple=True)
        card = engine.model.card
        models = Models(engine.splines(rest, coeff), card.shifts, card.n)
        fits, converged = slide(models, prepared.flux, prepared.ivar, rows, start[exists])
        found = _collect(engine, models, exists, fits, converged)
        shape, m = found.shift.shape, coeff.shape[1]
        # The fit knows one model, the reconstruction; what made it are these.
        made = coeff.double()[:, None].expand(*shape, m)
        return replace(found, coeff=made, covariance=made.new_zeros(*shape, m, m))

    def curves(self, engine: Engine, prepared: Prepared) -> Curves:
        return engine.amortised_curves(engine.reconstruct(prepared)[0], prepared)


class Exact(Solver):
    """Eigenspectra and continuum solved together at every shift."""

    name = "exact"

    def solve(self, engine: Engine, prepared: Prepared, k: int) -> Candidates:
        curves = self.curves(engine, prepared)
        minima = find_minima(curves.chi2, distinct_pixels(engine.cls), k)
        return _refine(engine, prepared, _position(curves, minima), k, REACH)

    def curves(self, engine: Engine, prepared: Prepared) -> Curves:
        return engine.exact_curves(engine.full_scan, prepared)


class Hybrid(Exact):
    """A frugal exact scan proposes, exact solutions decide."""

    name = "hybrid"

    def solve(self, engine: Engine, prepared: Prepared, k: int) -> Candidates:
        frugal, step = engine.frugal_scan, engine.frugal_scan.frugality.step
        curves = engine.exact_curves(frugal, prepared)
        minima = find_minima(curves.chi2, distinct_pixels(engine.cls) / step, max(PROPOSALS, k + 1))
        return _refine(engine, prepared, _position(curves, minima), k, REACH + step / 2)


SOLVERS: dict[str, Solver] = {s.name: s for s in (Amortised(), Exact(), Hybrid())}
"""Solvers by name."""


def _refine(
    engine: Engine, prepared: Prepared, start: Tensor, keep: int, reach: float
) -> Candidates:
    """Evaluate all proposed minima, follow the best ones to their sub-pixel positions.

    Parameters
    ----------
    start : Tensor of float64, shape (rows, proposals)
        Proposed shifts; NaN where there is none.
    keep : int
        Distinct solutions wanted of each row.
    reach : float
        How far in pixels a minimum may lie from a proposed shift.
    """
    exists = torch.isfinite(start) & prepared.usable[:, None]
    rows, _ = torch.nonzero(exists, as_tuple=True)
    spectra = prepared.flux, prepared.ivar
    search = engine.templates.single
    tried = fit_at(search, *spectra, rows, start[exists])
    chi2 = torch.full(start.shape, torch.inf, dtype=torch.float64, device=start.device)
    chi2[exists] = tried.chi2_ahead(reach).nan_to_num(torch.inf)
    # Starts nearer than their reach would end in one minimum, as stellar ones could.
    apart = max(distinct_pixels(engine.cls), REACH)
    order, chosen = _lowest_distinct(chi2, start, apart, keep)
    number = torch.zeros_like(chi2, dtype=torch.int64)
    number[exists] = torch.arange(len(rows), device=start.device)
    begin = tried.rows(torch.gather(number, 1, order)[chosen])
    rows, nth = torch.nonzero(chosen, as_tuple=True)
    close = torch.where(nth == 0, CLOSEST, CLOSE).double()
    found, settled = refine(search, *spectra, rows, begin, reach, close)
    found.chi2 = found.chi2_ahead(CLOSE)
    # The best one decides; the others are there to be compared with it.
    least = torch.full_like(chi2[:, 0], torch.inf).scatter_reduce(0, rows, found.chi2, "amin")
    best = torch.nonzero(found.chi2 < least[rows] + NEAR)[:, 0]
    first = fit_at(engine.templates, *spectra, rows[best], found.shift[best])
    fits, converged = refine(engine.templates, *spectra, rows[best], first, reach)
    found.put(best, fits)
    settled[best] = converged
    return _collect(engine, engine.templates, chosen, found, settled)


def _position(curves: Curves, minima: Minima) -> Tensor:
    """Sub-pixel shifts of minima by their parabolas, NaN where there is none."""
    step = curves.shift[1] - curves.shift[0] if len(curves.shift) > 1 else 1.0
    place = curves.shift[minima.index.clamp(min=0)] + step * minima.offset
    return torch.where(minima.index >= 0, place, torch.nan)


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


def _collect(
    engine: Engine, source: Source, exists: Tensor, fits: Fits, converged: Tensor
) -> Candidates:
    """Place the fits into a table, rows by candidates, by ascending χ² with bad fits last."""
    shape = exists.shape

    def place(values: Tensor) -> Tensor:
        tail = values.shape[1:]
        table = torch.full((*shape, *tail), torch.nan, dtype=torch.float64, device=exists.device)
        table[exists] = values
        return table

    names = ("shift", "sigma", "chi2", "coeff", "covariance", "continuum")
    got = {name: place(getattr(fits, name)) for name in names}
    good = torch.zeros_like(exists)
    good[exists] = converged
    shifts = engine.model.card.shifts
    edge = (got["shift"] <= shifts.first + 0.5) | (got["shift"] >= shifts.last - 0.5)
    bad = exists & ~good & ~edge
    rank = got["chi2"].nan_to_num(torch.inf) + torch.where(bad, 1e30, 0.0)
    order = torch.argsort(rank, dim=1, stable=True)
    again = _same_minimum(_take(got["shift"], order), distinct_pixels(engine.cls))
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
