"""Classification by networks that torch runs."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch

from gasnet3.nets.devices import check_device
from gasnet3.nets.narrowed import narrowed
from gasnet3.nets.registry import ModelNames, load_models, load_trunk
from gasnet3.pipeline.choices import ANYTHING, Choices
from gasnet3.pipeline.classifier import Classifier
from gasnet3.pipeline.closeup import Closeup, closeup_of
from gasnet3.pipeline.fitted import resolve
from gasnet3.pipeline.request import Request
from gasnet3.solve.engine import Engine
from gasnet3.solve.solvers import SOLVERS
from gasnet3.spectra.batch import Spectra

ROWS, GPU_ROWS = 128, 2048
"""Spectra held at every stage at once, on a CPU and on a GPU; memory depends on it, not answers."""


@dataclass(frozen=True, eq=False)
class Pipeline(Classifier):
    """Models and a solver, ready to classify; see :class:`~gasnet3.pipeline.classifier.Classifier`.

    ``device`` is one of torch.
    """

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
            (:class:`~gasnet3.solve.priors.PriorsError`,
            :class:`~gasnet3.solve.numbers.NumbersError` and
            :class:`~gasnet3.io.saved_curves.CurvesError` are such).
        ModelError
            If a model cannot be loaded, or has no eigenspectra and the solver needs them.
        """
        request = Request(models, solver, choices=choices)
        check_device(device)
        loaded = load_models(models)
        found = resolve(request, {key: model.card for key, model in loaded.items()})
        tried = [narrowed(loaded[card.key], card) for card in found.cards]
        trunk = load_trunk(models) if found.trunk else None
        trunk = trunk and trunk.to(device)
        engines = (Engine(model.to(device), found.expected(model.card), trunk) for model in tried)
        return cls(
            tuple(engines), SOLVERS[solver], torch.device(device), found.fitted, choices,
            found.priors, found.saved, found.numbers,
        )  # fmt: skip

    @property
    def batch_rows(self) -> int:
        """:data:`ROWS` or :data:`GPU_ROWS`."""
        return ROWS if self.device.type == "cpu" else GPU_ROWS

    @property
    def computed_with(self) -> dict[str, str]:
        """Device, and version of torch."""
        return {"device": self.device.type, "torch": torch.__version__}

    def computing(self) -> AbstractContextManager[Any]:
        """Without gradients."""
        return torch.inference_mode()

    def inspect(self, spectra: Spectra, row: int = 0, n_best: int = 1) -> Closeup:
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
            If the spectra are on a lattice without all pixels of that of the models, or ``n_best``
            is less than 1.
        """
        if not 0 <= row < len(spectra):
            raise IndexError(f"no row {row}: the batch has {len(spectra)} spectra")
        if n_best < 1:
            raise ValueError(f"n_best must be 1 or more, got {n_best}")
        outcome = self.solve(spectra[row : row + 1], max(2, n_best))
        both = zip(outcome.engines, outcome.prepared, strict=True)
        curves = [self.solver.curves(engine, prepared) for engine, prepared in both]
        return closeup_of(outcome, curves, n_best)
