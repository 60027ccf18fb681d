"""Classification by exported networks: no torch is needed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from gasnet3.anomaly.score import AnomalyFit
from gasnet3.decide.confidence import Confidence
from gasnet3.decide.subclass import SubclassModel
from gasnet3.io.saved_curves import SavedCurves
from gasnet3.onnx.prepare import Prepared, prepare
from gasnet3.onnx.runtime import OnnxModel, load_exported, runtime
from gasnet3.onnx.solve import (
    ALL,
    Candidates,
    Curves,
    Integers,
    Proposals,
    looks_at,
    propose,
    settle,
)
from gasnet3.pipeline.choices import ANYTHING, Choices
from gasnet3.pipeline.classifier import Classifier
from gasnet3.pipeline.fitted import find_fitted
from gasnet3.pipeline.outcome import Outcome
from gasnet3.pipeline.request import Request
from gasnet3.solve.priors import Prior, Priors
from gasnet3.spectra.batch import Spectra

ROWS = 128
"""Spectra held at every stage at once."""


@dataclass(frozen=True, eq=False)
class OnnxPipeline(Classifier):
    """Exported networks and the amortised solver, ready to classify.

    Answers agree with those of :class:`gasnet3.pipeline.pipeline.Pipeline` and the same solver
    within what is said on the page on ONNX; they are the same to the bit whatever the batch.

    Parameters
    ----------
    engines : tuple of OnnxModel
        One a class.
    confidence, subclasses, anomaly, choices, priors, saved
        See :class:`~gasnet3.pipeline.classifier.Classifier`.
    """

    engines: tuple[OnnxModel, ...]
    confidence: Confidence | None = None
    subclasses: dict[str, SubclassModel] = field(default_factory=dict)
    anomaly: AnomalyFit | None = None
    choices: Choices = ANYTHING
    priors: Priors | None = None
    saved: SavedCurves | None = None

    @classmethod
    def load(
        cls,
        directory: str | Path,
        solver: str = "amortised",
        device: str = "cpu",
        choices: Choices = ANYTHING,
    ) -> OnnxPipeline:
        """A pipeline of the networks that ``gasnet3 export`` wrote into a directory.

        Parameters
        ----------
        directory : str or Path
            Where they lie.
        solver : {"amortised"}
            The only one that exported networks know.
        device : {"cpu"}
            The only one that they run on.
        choices : Choices
            What may be the answer.

        Raises
        ------
        ValueError
            If the solver or device is another one, or no model can do what is chosen.
        ModelError
            If onnxruntime is not installed, or a model cannot be loaded.
        """
        request = Request(directory, solver, choices=choices)
        check_exported(request, device)
        loaded = load_exported(directory)
        fitted = find_fitted(request, {cls: model.card for cls, model in loaded.items()})
        return cls(
            tuple(loaded[card.cls].narrowed(card) for card in fitted.cards), fitted.confidence,
            fitted.subclasses, fitted.anomaly, choices, fitted.priors, fitted.saved,
        )  # fmt: skip

    @property
    def solver_name(self) -> str:
        """The amortised one."""
        return "amortised"

    @property
    def batch_rows(self) -> int:
        """:data:`ROWS`."""
        return ROWS

    @property
    def computed_with(self) -> dict[str, str]:
        """Device, and version of onnxruntime."""
        return {"device": "cpu", "onnxruntime": runtime().__version__}

    def solve(self, spectra: Spectra, k: int) -> Outcome:
        """See :meth:`gasnet3.pipeline.classifier.Classifier.solve`."""
        self.check_lattice(spectra)
        degrees = {engine.card.degree for engine in self.engines}
        by_degree = {degree: prepare(spectra, degree) for degree in degrees}
        prepared: list[Any] = [by_degree[engine.card.degree] for engine in self.engines]
        prior = None if self.priors is None else self.priors.of(spectra.ids)
        both = list(zip(self.engines, prepared, strict=True))
        known = self._known_curves(spectra)
        proposals = [propose(engine, p, prior, k, known.get(engine.cls)) for engine, p in both]
        looks = looks_at(proposals, [engine.dof for engine in self.engines], spectra.n_good)
        candidates: list[Any] = [
            settle(engine, p, prior, proposed, few)
            for (engine, p), proposed, few in zip(both, proposals, looks, strict=True)
        ]
        outcome = self.decided(spectra, prepared, candidates)
        # Rarely, a class that was thought out of reach has won.
        while self._settle_winners(outcome, prepared, prior, candidates, proposals, looks):
            outcome = self.decided(spectra, prepared, candidates)
        curves: Any = {e.cls: p.scanned for e, p in zip(self.engines, proposals, strict=True)}
        return replace(outcome, scanned=curves)

    def _known_curves(self, spectra: Spectra) -> dict[str, Curves]:
        """Saved curves of a batch by class, where they are to be used."""
        if self.saved is None:
            return {}
        grids = self.saved.header.grids
        found = self.saved.of(spectra)
        return {cls: Curves(grids[cls].shifts, chi2) for cls, chi2 in found.items()}

    def _settle_winners(
        self,
        outcome: Outcome,
        prepared: list[Prepared],
        prior: Prior | None,
        candidates: list[Candidates],
        proposals: list[Proposals],
        looks: list[Integers],
    ) -> bool:
        """Solve classes that have won like any other, in place; whether there were some."""
        ranked, found = outcome.ranked, False
        for index, engine in enumerate(self.engines):
            won = (ranked.cls[:, 0] == index) & np.isfinite(ranked.chi2[:, 0])
            rows = np.flatnonzero(won & (looks[index] < ALL))
            if len(rows):
                found = True
                looks[index][rows] = ALL
                better = settle(
                    engine, prepared[index].rows(rows), None if prior is None else prior.rows(rows),
                    proposals[index].rows(rows), looks[index][rows],
                )  # fmt: skip
                candidates[index].put(rows, better)
        return found


def check_exported(request: Request, device: str = "cpu") -> None:
    """Refuse what exported networks cannot do.

    Raises
    ------
    ValueError
        If the solver or device is another one than theirs.
    ModelError
        If onnxruntime is not installed.
    """
    if request.solver != "amortised":
        raise ValueError(
            f"{request.models} holds exported networks (ONNX), which know the amortised solver "
            f"only: add --solver amortised; the {request.solver} one needs torch and the "
            "networks that these were exported from"
        )
    if device != "cpu":
        raise ValueError(f"{request.models}: exported networks (ONNX) run on the CPU, not {device}")
    runtime()
