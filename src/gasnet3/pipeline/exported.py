"""Classification by exported networks: no torch is needed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gasnet3.nets.card import ModelError
from gasnet3.nets.registry import TRUNK
from gasnet3.onnx.runtime import OnnxTrunk, load_exported, runtime
from gasnet3.pipeline.choices import ANYTHING, Choices
from gasnet3.pipeline.classifier import Classifier
from gasnet3.pipeline.fitted import resolve
from gasnet3.pipeline.request import Request
from gasnet3.solve.engine import Engine
from gasnet3.solve.solvers import SOLVERS

ROWS = 128
"""Spectra held at every stage at once."""


@dataclass(frozen=True, eq=False)
class OnnxPipeline(Classifier):
    """Exported networks and the amortised solver, ready to classify.

    Answers agree with those of :class:`gasnet3.pipeline.pipeline.Pipeline` and the same solver
    within what is said on the page on ONNX; they are the same to the bit whatever the batch.
    """

    @classmethod
    def load(
        cls,
        directory: str | Path,
        solver: str = "amortised",
        device: str = "cpu",
        choices: Choices = ANYTHING,
    ) -> OnnxPipeline:
        """A pipeline of the networks that ``gasnet3 export`` wrote into a directory.

        They know the amortised solver only, and run on the CPU only: ValueError if another one is
        asked for, or no model can do what is chosen; ModelError if onnxruntime is not installed, or
        a model cannot be loaded.
        """
        request = Request(directory, solver, choices=choices)
        check_exported(request, device)
        loaded = load_exported(directory)
        found = resolve(request, {key: model.card for key, model in loaded.items()})
        trunk = OnnxTrunk.read(Path(directory) / TRUNK) if found.trunk else None
        if trunk is None and any(model.session is None for model in loaded.values()):
            raise ModelError(
                f"{directory}: the trunk that was exported with these models is missing, or "
                "another one: copy the whole directory again"
            )
        engines = tuple(
            Engine(loaded[card.key].narrowed(card), found.expected(card), trunk)
            for card in found.cards
        )
        return cls(
            engines, SOLVERS[solver], None, found.fitted, choices, found.priors, found.saved,
            found.numbers,
        )  # fmt: skip

    @property
    def batch_rows(self) -> int:
        """:data:`ROWS`."""
        return ROWS

    @property
    def computed_with(self) -> dict[str, str]:
        """Device, and version of onnxruntime."""
        return {"device": "cpu", "onnxruntime": runtime().__version__}


def check_exported(request: Request, device: str = "cpu") -> None:
    """Refuse what exported networks cannot do.

    ValueError if the solver or device is another one than theirs; ModelError if onnxruntime is not
    installed.
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
