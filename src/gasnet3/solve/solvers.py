"""From prepared spectra to candidate solutions of one class: three solvers, one interface.

``amortised``: the network's reconstruction, taken as it is, at every shift (eq. 9-10).
``exact``: the best coefficients of its eigenspectra, and the continuum, at every shift
(eq. 22-26). ``hybrid``: a frugal exact scan proposes minima, the best of which are then solved
exactly. Whatever proposes, the best minimum of every class that may be the right one is
re-evaluated in float64.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from gasnet3.solve.arrays import (
    Array,
    clipped,
    copied,
    least,
    namespace,
    picked,
    places,
    repeated,
    whole,
    wide,
    zeros,
)
from gasnet3.solve.candidates import ALL, Candidates, Source, collect, later_than
from gasnet3.solve.curves import Curves
from gasnet3.solve.distinct import DISTINCT, distinct_pixels
from gasnet3.solve.engine import Engine
from gasnet3.solve.limits import OUT_OF_REACH, REACH
from gasnet3.solve.minima import find_minima
from gasnet3.solve.prepare import Prepared
from gasnet3.solve.slide import FixedModels, slide
from gasnet3.spectra.lattice import shift_from_z

if TYPE_CHECKING:
    from jaxtyping import Float, Float64, Int64

PROPOSALS = 3
"""Minima the hybrid takes from its scan at least; one more than the solutions wanted."""

HOPELESS = 50.0
"""Excess of χ² in a frugal scan that no proposal makes up, where the best reduced χ² is 1."""


@dataclass(frozen=True, eq=False)
class Proposals:
    """Where the solutions of one class may lie, by ascending χ².

    Attributes
    ----------
    start : Tensor or ndarray of float64, shape (rows, proposals)
        Shifts in pixels; NaN where there is none.
    chi2 : Tensor or ndarray of float32, shape (rows, proposals)
        χ² as the curve has it; inf where there is none.
    reach : float
        How far in pixels a minimum may lie from its shift.
    source : Source
        What the models are made of.
    coeff : Tensor, ndarray or None, shape (rows, m)
        Coefficients, where they are not solved for.
    scanned : Curves or None
        The curves that they were taken from, without the prior.
    """

    start: Float64[Array, "rows proposals"]
    chi2: Float[Array, "rows proposals"]
    reach: float
    source: Source
    coeff: Array | None = None
    scanned: Curves | None = None

    def rows(self, index: Array) -> Proposals:
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
        self, engine: Engine, prepared: Prepared, proposals: Proposals, k: int, looks: Array
    ) -> Candidates:
        """The k best distinct solutions of each prepared spectrum.

        Parameters
        ----------
        engine, prepared, proposals, k
            See :meth:`propose`.
        looks : Tensor or ndarray of int64, shape (rows,)
            How many proposals to look at: :data:`~gasnet3.solve.candidates.ALL` where the class may
            be that of the spectrum; fewer are looked at in single precision.
        """

    def solve(self, engine: Engine, prepared: Prepared, k: int) -> Candidates:
        """Propose and settle one class as if there were no other."""
        proposals = self.propose(engine, prepared, k)
        usable = whole(prepared.usable)
        looks = namespace(usable).full_like(usable, ALL)
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
        scanned = scanned or engine.proposing_curves(rest, prepared)
        curves = engine.under(scanned, prepared.prior)
        minima = find_minima(curves.chi2, distinct_pixels(engine.cls) / float(curves.step), k)
        card = engine.card
        models = FixedModels(engine.splines(rest, coeff), card.shifts, card.n)
        return Proposals(curves.position(minima), minima.chi2, REACH, models, coeff, scanned)

    def settle(
        self, engine: Engine, prepared: Prepared, proposals: Proposals, k: int, looks: Array
    ) -> Candidates:
        models, coeff = proposals.source, proposals.coeff
        assert isinstance(models, FixedModels)
        assert coeff is not None
        start = copied(proposals.start)
        start[later_than(looks, start)] = np.nan
        exists = namespace(start).isfinite(start) & prepared.usable[:, None]
        spectra = prepared.flux, prepared.ivar
        fits, converged = slide(models, *spectra, places(exists)[0], start[exists])
        found = collect(engine, models, prepared, exists, fits, converged)
        shape, m = found.shift.shape, coeff.shape[1]
        # The fit knows one model, the reconstruction; what made it are these.
        made = repeated(wide(coeff)[:, None], shape[1])
        return replace(found, coeff=made, covariance=zeros(made, (*shape, m, m)))

    def curves(self, engine: Engine, prepared: Prepared) -> Curves:
        return engine.amortised_curves(engine.reconstruct(prepared)[0], prepared)


class Exact(Solver):
    """Eigenspectra and continuum solved together at every shift."""

    name = "exact"

    def propose(
        self, engine: Engine, prepared: Prepared, k: int, scanned: Curves | None = None
    ) -> Proposals:
        scanned = scanned or self.curves(engine, prepared)
        curves = engine.under(scanned, prepared.prior)
        minima = find_minima(curves.chi2, distinct_pixels(engine.cls), k)
        start = curves.position(minima)
        return Proposals(start, minima.chi2, REACH, engine.templates, scanned=scanned)

    def settle(
        self, engine: Engine, prepared: Prepared, proposals: Proposals, k: int, looks: Array
    ) -> Candidates:
        from gasnet3.solve.search import best_minima  # loads torch

        return best_minima(engine, prepared, proposals.start, proposals.reach, k, looks)

    def curves(self, engine: Engine, prepared: Prepared) -> Curves:
        return engine.full_scan.curves(prepared)


class Hybrid(Exact):
    """A frugal exact scan proposes, exact solutions decide."""

    name = "hybrid"

    def propose(
        self, engine: Engine, prepared: Prepared, k: int, scanned: Curves | None = None
    ) -> Proposals:
        frugal, step = engine.frugal_scan, engine.frugal_scan.frugality.step
        scanned = scanned or frugal.curves(prepared)
        curves = engine.under(scanned, prepared.prior)
        minima = find_minima(curves.chi2, distinct_pixels(engine.cls) / step, max(PROPOSALS, k + 1))
        start, chi2 = curves.position(minima), minima.chi2
        # What lies far above the last wanted one in the scan is not below it in truth.
        n_good = clipped((prepared.ivar > 0).sum(1), 1)[:, None]
        noise = clipped(chi2[:, :1] / n_good, 1.0)
        hopeless = chi2[:, k:] > chi2[:, k - 1 : k] + HOPELESS * noise
        start[:, k:] = namespace(start).where(hopeless, np.nan, start[:, k:])
        return Proposals(start, chi2, REACH + step / 2, engine.templates, scanned=scanned)


SOLVERS: dict[str, Solver] = {s.name: s for s in (Amortised(), Exact(), Hybrid())}
"""Solvers by name."""


def looks_at(
    proposals: list[Proposals], engines: Sequence[Engine], n_good: Int64[Array, " rows"]
) -> list[Int64[Array, " rows"]]:
    """How many proposals of each model to look at, by the χ² of the best ones.

    Parameters
    ----------
    proposals : list of Proposals
        One entry a model.
    engines : sequence of Engine
        Their classes, and numbers of parameters.
    n_good : Tensor or ndarray of int64, shape (rows,)
        Unmasked pixels.

    Returns
    -------
    list of Tensor or ndarray of int64, shape (rows,)
        :data:`~gasnet3.solve.candidates.ALL` for models that may be the right one. Of others one,
        or two where the first is at the redshift of the model that leads: then the second may be
        what ``delta_chi2`` is counted to. None of models that cannot be the best of their class.
    """
    both = list(zip(proposals, engines, strict=True))
    xp = namespace(n_good)
    reduced = xp.stack([p.chi2[:, 0] / clipped(n_good - e.dof, 1) for p, e in both], 1)
    shift = xp.stack([p.start[:, 0] for p in proposals], 1)
    lowest, leader = least(reduced)
    with np.errstate(invalid="ignore"):  # NumPy would tell of rows without proposals
        excess = ((reduced - lowest[:, None]) * n_good[:, None]) / clipped(lowest, 1.0)[:, None]
    there = abs(shift - picked(shift, leader)[:, None]) < float(shift_from_z(DISTINCT))
    looks = xp.where(excess > OUT_OF_REACH, xp.where(there, 2, 1), ALL)
    for cls in {engine.cls for engine in engines}:
        of = [index for index, engine in enumerate(engines) if engine.cls == cls]
        if len(of) > 1:
            behind = excess[:, of] - least(excess[:, of])[0][:, None]
            looks[:, of] = xp.where(behind > OUT_OF_REACH, 0, looks[:, of])
    return [looks[:, index] for index in range(len(both))]
