"""The whole way from spectra to decided rows, in memory: prepare, solve, decide, flag."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import torch

from gasnet3.anomaly.score import AnomalyFit
from gasnet3.decide.confidence import Confidence
from gasnet3.decide.subclass import SubclassModel
from gasnet3.io.saved_curves import SavedCurves
from gasnet3.nets.devices import check_device
from gasnet3.nets.narrowed import narrowed
from gasnet3.nets.registry import ModelNames, load_models
from gasnet3.pipeline.choices import ANYTHING, Choices
from gasnet3.pipeline.classifier import Classifier
from gasnet3.pipeline.closeup import Inspection, inspected
from gasnet3.pipeline.fitted import find_fitted
from gasnet3.pipeline.outcome import Outcome
from gasnet3.pipeline.request import Request
from gasnet3.solve.candidates import ALL
from gasnet3.solve.engine import Curves, Engine
from gasnet3.solve.prepare import Prepared, prepare
from gasnet3.solve.priors import Priors
from gasnet3.solve.solvers import SOLVERS, Proposals, Solver, looks_at
from gasnet3.spectra.batch import Spectra

ROWS, GPU_ROWS = 128, 2048
"""Spectra held at every stage at once, on a CPU and on a GPU; memory depends on it, not answers."""


@dataclass(frozen=True, eq=False)
class Pipeline(Classifier):
    """Models and a solver, ready to classify.

    Parameters
    ----------
    engines : tuple of Engine
        One a class.
    solver : Solver
        How candidates are found.
    device : torch.device
        Where to compute.
    confidence, subclasses, anomaly, choices, priors, saved
        See :class:`~gasnet3.pipeline.classifier.Classifier`.
    """

    engines: tuple[Engine, ...]
    solver: Solver
    device: torch.device
    confidence: Confidence | None = None
    subclasses: dict[str, SubclassModel] = field(default_factory=dict)
    anomaly: AnomalyFit | None = None
    choices: Choices = ANYTHING
    priors: Priors | None = None
    saved: SavedCurves | None = None

    @classmethod
    def load(
        cls,
        models: ModelNames = "encoder",
        solver: str = "hybrid",
        device: str = "cpu",
        choices: Choices = ANYTHING,
    ) -> Pipeline:
        """A pipeline of the given models.

        Parameters
        ----------
        models : str, Path or sequence of them
            See :func:`gasnet3.load_models`.
        solver : {"amortised", "exact", "hybrid"}
            See :mod:`gasnet3.solve.solvers`.
        device : str
            "cpu", "cuda", ...
        choices : Choices
            What may be the answer.

        Raises
        ------
        ValueError
            If the solver is unknown, the device is not there, or no model can do what is chosen
            (:class:`~gasnet3.solve.priors.PriorsError` and
            :class:`~gasnet3.io.saved_curves.CurvesError` are such).
        ModelError
            If a model cannot be loaded, or has no eigenspectra and the solver needs them.
        """
        request = Request(models, solver, choices=choices)
        check_device(device)
        loaded = load_models(models)
        fitted = find_fitted(request, {cls: model.card for cls, model in loaded.items()})
        tried = [narrowed(loaded[card.cls], card) for card in fitted.cards]
        engines = tuple(Engine(model.to(device)) for model in tried)
        return cls(
            engines, SOLVERS[solver], torch.device(device), fitted.confidence,
            fitted.subclasses, fitted.anomaly, choices, fitted.priors, fitted.saved,
        )  # fmt: skip

    @property
    def solver_name(self) -> str:
        """Name of the solver."""
        return self.solver.name

    @property
    def batch_rows(self) -> int:
        """:data:`ROWS` or :data:`GPU_ROWS`."""
        return ROWS if self.device.type == "cpu" else GPU_ROWS

    @property
    def computed_with(self) -> dict[str, str]:
        """Device, and version of torch."""
        return {"device": self.device.type, "torch": torch.__version__}

    def inspect(self, spectra: Spectra, row: int = 0, n_best: int = 1) -> Inspection:
        """Solve one spectrum of a batch and keep its models and curves.

        Parameters
        ----------
        spectra : Spectra
            The batch.
        row : int
            Which of it.
        n_best : int
            Solutions kept, over class and redshift.

        Raises
        ------
        IndexError
            If there is no such row.
        ValueError
            If the spectra are not on the lattice of the models, or ``n_best`` is less than 1.
        """
        if not 0 <= row < len(spectra):
            raise IndexError(f"no row {row}: the batch has {len(spectra)} spectra")
        if n_best < 1:
            raise ValueError(f"n_best must be 1 or more, got {n_best}")
        outcome = self.solve(spectra[row : row + 1], max(2, n_best))
        both = zip(self.engines, outcome.prepared, strict=True)
        curves = {engine.cls: self.solver.curves(engine, prepared) for engine, prepared in both}
        return inspected(outcome, curves, n_best)

    def solve(self, spectra: Spectra, k: int) -> Outcome:
        """See :meth:`gasnet3.pipeline.classifier.Classifier.solve`."""
        prepared = self._prepare(spectra)
        with torch.inference_mode():
            both = list(zip(self.engines, prepared, strict=True))
            known = self._known_curves(spectra)
            proposals = [
                self.solver.propose(engine, p, k, known.get(engine.cls)) for engine, p in both
            ]
            n_good = torch.from_numpy(spectra.n_good).to(self.device)
            looks = looks_at(proposals, [engine.dof for engine in self.engines], n_good)
            candidates = [
                self.solver.settle(engine, p, proposed, k, few)
                for (engine, p), proposed, few in zip(both, proposals, looks, strict=True)
            ]
            outcome = self.decided(spectra, prepared, candidates)
            # Rarely, a class that was thought out of reach has won.
            while self._settle_winners(outcome, proposals, looks, k):
                outcome = self.decided(spectra, prepared, candidates)
        curves = {e.cls: p.scanned for (e, _), p in zip(both, proposals, strict=True) if p.scanned}
        return replace(outcome, scanned=curves)

    def _known_curves(self, spectra: Spectra) -> dict[str, Curves]:
        """Saved curves of a batch by class, where they are to be used."""
        if self.saved is None:
            return {}
        found, grids = self.saved.of(spectra), self.saved.header.grids
        curves = {
            cls: Curves(torch.from_numpy(grids[cls].shifts), torch.from_numpy(chi2))
            for cls, chi2 in found.items()
        }
        return {
            engine.cls: curves[engine.cls].within(engine.model.card.shifts).to(self.device)
            for engine in self.engines
        }

    def _settle_winners(
        self, outcome: Outcome, proposals: list[Proposals], looks: list[torch.Tensor], k: int
    ) -> bool:
        """Solve classes that have won like any other, in place; whether there were some."""
        ranked, found = outcome.ranked, False
        for index, engine in enumerate(self.engines):
            won = (ranked.cls[:, 0] == index) & np.isfinite(ranked.chi2[:, 0])
            rows = torch.nonzero(torch.from_numpy(won).to(self.device) & (looks[index] < ALL))[:, 0]
            if len(rows):
                found = True
                looks[index][rows] = ALL
                again = outcome.prepared[index].rows(rows), proposals[index].rows(rows)
                better = self.solver.settle(engine, *again, k, looks[index][rows])
                outcome.candidates[index].put(rows, better)
        return found

    def _prepare(self, spectra: Spectra) -> list[Prepared]:
        """The spectra as the model of each engine wants them; the same where they want the same."""
        self.check_lattice(spectra)
        cache: dict[int, Prepared] = {}
        for engine in self.engines:
            card = engine.model.card
            if card.degree not in cache:
                cache[card.degree] = prepare(spectra, card.degree, self.device)
        if self.priors is not None:
            prior = self.priors.of(spectra.ids, self.device)
            cache = {degree: replace(one, prior=prior) for degree, one in cache.items()}
        return [cache[engine.model.card.degree] for engine in self.engines]
