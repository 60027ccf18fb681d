"""From prepared spectra to candidate solutions of one class: three solvers, one interface.

``amortised``: the network's reconstruction, taken as it is, at every shift (eq. 9-10).
``exact``: the best coefficients of its eigenspectra, and the continuum, at every shift
(eq. 22-26). ``hybrid``: a frugal exact scan proposes minima, the best of which are then solved
exactly. Whatever proposes, the best minimum of every class that may be the right one is
re-evaluated in float64.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from gasnet3.solve.candidates import ALL, Candidates, Source, best_minima, collect, later_than
from gasnet3.solve.distinct import DISTINCT, distinct_pixels
from gasnet3.solve.engine import Curves, Engine
from gasnet3.solve.limits import OUT_OF_REACH, REACH
from gasnet3.solve.minima import Minima, find_minima
from gasnet3.solve.prepare import Prepared
from gasnet3.solve.slide import Models, slide
from gasnet3.spectra.lattice import shift_from_z

PROPOSALS = 3
"""Minima the hybrid takes from its scan at least; one more than the solutions wanted."""

HOPELESS = 50.0
"""Excess of χ² in a frugal scan that no proposal makes up, where the best reduced χ² is 1."""


@dataclass(frozen=True, eq=False)
class Proposals:
    """Where the solutions of one class may lie, by ascending χ².

    Attributes
    ----------
    start : Tensor of float64, shape (rows, proposals)
        Shifts in pixels; NaN where there is none.
    chi2 : Tensor of float32, shape (rows, proposals)
        χ² as the curve has it; inf where there is none.
    reach : float
        How far in pixels a minimum may lie from its shift.
    source : Source
        What the models are made of.
    coeff : Tensor or None, shape (rows, m)
        Coefficients, where they are not solved for.
    scanned : Curves or None
        The curves that they were taken from, without the prior.
    """

    start: Tensor
    chi2: Tensor
    reach: float
    source: Source
    coeff: Tensor | None = None
    scanned: Curves | None = None

    def rows(self, index: Tensor) -> Proposals:
        """Those of some rows."""
        coeff = None if self.coeff is None else self.coeff[index]
        return Proposals(
            self.start[index], self.chi2[index], self.reach, self.source.of_rows(index), coeff
        )


class Solver(ABC):
    """A way to find the candidates of a class: proposals first, then the best of them refined."""

    name: str

    @abstractmethod
    def propose(
        self, engine: Engine, prepared: Prepared, k: int, scanned: Curves | None = None
    ) -> Proposals:
        """Where the k best distinct solutions of each prepared spectrum may lie.

        Parameters
        ----------
        engine, prepared
            The class, and the spectra as its model wants them.
        k : int
            Solutions wanted.
        scanned : Curves, optional
            Curves of an earlier call, in the place of a scan.
        """

    @abstractmethod
    def settle(
        self, engine: Engine, prepared: Prepared, proposals: Proposals, k: int, looks: Tensor
    ) -> Candidates:
        """The k best distinct solutions of each prepared spectrum.

        Parameters
        ----------
        engine, prepared, proposals, k
            See :meth:`propose`.
        looks : Tensor of int64, shape (rows,)
            How many proposals to look at: :data:`~gasnet3.solve.candidates.ALL` where the class may
            be that of the spectrum; fewer are looked at in single precision.
        """

    def solve(self, engine: Engine, prepared: Prepared, k: int) -> Candidates:
        """Propose and settle one class as if there were no other."""
        proposals = self.propose(engine, prepared, k)
        looks = torch.full(prepared.usable.shape, ALL, device=prepared.usable.device)
        return self.settle(engine, prepared, proposals, k, looks)

    @abstractmethod
    def curves(self, engine: Engine, prepared: Prepared) -> Curves:
        """The finest χ² curve the solver stands on."""


class Amortised(Solver):
    """The paper's: the reconstruction is fixed, only the shift is free."""

    name = "amortised"

    def propose(
        self, engine: Engine, prepared: Prepared, k: int, scanned: Curves | None = None
    ) -> Proposals:
        rest, coeff = engine.reconstruct(prepared)
        scanned = scanned or engine.amortised_curves(rest, prepared)
        curves = scanned.under(prepared.prior, engine.systematic)
        minima = find_minima(curves.chi2, distinct_pixels(engine.cls), k)
        card = engine.model.card
        models = Models(engine.splines(rest, coeff), card.shifts, card.n)
        return Proposals(_position(curves, minima), minima.chi2, REACH, models, coeff, scanned)

    def settle(
        self, engine: Engine, prepared: Prepared, proposals: Proposals, k: int, looks: Tensor
    ) -> Candidates:
        models, coeff = proposals.source, proposals.coeff
        assert isinstance(models, Models)
        assert coeff is not None
        start = proposals.start.clone()
        start[later_than(looks, start)] = torch.nan
        exists = torch.isfinite(start) & prepared.usable[:, None]
        rows, _ = torch.nonzero(exists, as_tuple=True)
        spectra = prepared.flux, prepared.ivar
        fits, converged = slide(models, *spectra, rows, start[exists])
        found = collect(engine, models, prepared, exists, fits, converged)
        shape, m = found.shift.shape, coeff.shape[1]
        # The fit knows one model, the reconstruction; what made it are these.
        made = coeff.double()[:, None].repeat(1, shape[1], 1)
        return replace(found, coeff=made, covariance=made.new_zeros(*shape, m, m))

    def curves(self, engine: Engine, prepared: Prepared) -> Curves:
        return engine.amortised_curves(engine.reconstruct(prepared)[0], prepared)


class Exact(Solver):
    """Eigenspectra and continuum solved together at every shift."""

    name = "exact"

    def propose(
        self, engine: Engine, prepared: Prepared, k: int, scanned: Curves | None = None
    ) -> Proposals:
        scanned = scanned or self.curves(engine, prepared)
        curves = scanned.under(prepared.prior, engine.systematic)
        minima = find_minima(curves.chi2, distinct_pixels(engine.cls), k)
        start = _position(curves, minima)
        return Proposals(start, minima.chi2, REACH, engine.templates, scanned=scanned)

    def settle(
        self, engine: Engine, prepared: Prepared, proposals: Proposals, k: int, looks: Tensor
    ) -> Candidates:
        return best_minima(engine, prepared, proposals.start, proposals.reach, k, looks)

    def curves(self, engine: Engine, prepared: Prepared) -> Curves:
        return engine.exact_curves(engine.full_scan, prepared)


class Hybrid(Exact):
    """A frugal exact scan proposes, exact solutions decide."""

    name = "hybrid"

    def propose(
        self, engine: Engine, prepared: Prepared, k: int, scanned: Curves | None = None
    ) -> Proposals:
        frugal, step = engine.frugal_scan, engine.frugal_scan.frugality.step
        scanned = scanned or engine.exact_curves(frugal, prepared)
        curves = scanned.under(prepared.prior, engine.systematic)
        minima = find_minima(curves.chi2, distinct_pixels(engine.cls) / step, max(PROPOSALS, k + 1))
        start, chi2 = _position(curves, minima), minima.chi2
        # What lies far above the last wanted one in the scan is not below it in truth.
        n_good = (prepared.ivar > 0).sum(dim=1, keepdim=True).clamp(min=1)
        noise = (chi2[:, :1] / n_good).clamp(min=1.0)
        hopeless = chi2[:, k:] > chi2[:, k - 1 : k] + HOPELESS * noise
        start[:, k:] = torch.where(hopeless, torch.nan, start[:, k:])
        return Proposals(start, chi2, REACH + step / 2, engine.templates, scanned=scanned)


SOLVERS: dict[str, Solver] = {s.name: s for s in (Amortised(), Exact(), Hybrid())}
"""Solvers by name."""


def looks_at(proposals: list[Proposals], dof: list[int], n_good: Tensor) -> list[Tensor]:
    """How many proposals of each class to look at, by the χ² of the best ones.

    Parameters
    ----------
    proposals : list of Proposals
        One entry a class.
    dof : list of int
        Parameters of each class's model.
    n_good : Tensor of int64, shape (rows,)
        Unmasked pixels.

    Returns
    -------
    list of Tensor of int64, shape (rows,)
        :data:`~gasnet3.solve.candidates.ALL` for classes that may be the right one. Of others one,
        or two where the first is at the redshift of the class that leads: then the second may be
        what ``delta_chi2`` is counted to.
    """
    reduced = torch.stack(
        [p.chi2[:, 0] / (n_good - d).clamp(min=1) for p, d in zip(proposals, dof, strict=True)]
    )
    shift = torch.stack([p.start[:, 0] for p in proposals])
    least, leader = reduced.min(dim=0)
    excess = (reduced - least) * n_good / least.clamp(min=1.0)
    there = (shift - shift.gather(0, leader[None])).abs() < float(shift_from_z(DISTINCT))
    few = torch.where(there, 2, 1)
    return list(torch.where(excess > OUT_OF_REACH, few, ALL))


def _position(curves: Curves, minima: Minima) -> Tensor:
    """Sub-pixel shifts of minima by their parabolas, NaN where there is none."""
    step = curves.shift[1] - curves.shift[0] if len(curves.shift) > 1 else 1.0
    place = curves.shift[minima.index.clamp(min=0)] + step * minima.offset
    return torch.where(minima.index >= 0, place, torch.nan)
