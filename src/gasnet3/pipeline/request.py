"""What is asked of a classification."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gasnet3.io.options import DEFAULT, ReadOptions, reading_of
from gasnet3.nets.registry import ModelNames, is_shipped
from gasnet3.pipeline.choices import ANYTHING, Choices

SOLVERS = ("amortised", "exact", "hybrid")
"""Names of :data:`gasnet3.solve.solvers.SOLVERS`."""

KEPT = ("curves", "models")
"""What can be kept beside the catalog."""


@dataclass(frozen=True)
class Request:
    """All that an answer depends on but the spectra: what is decided once and travels together.

    Parameters
    ----------
    models : str, Path or sequence of them
        See :func:`gasnet3.load_models`; held as a str or a tuple of them.
    solver : {"amortised", "exact", "hybrid"}
        See :mod:`gasnet3.solve.solvers`.
    n_best : int
        Solutions a spectrum.
    reading : ReadOptions
        What the files do not say.
    choices : Choices
        What may be the answer.
    keep : sequence of {"curves", "models"}
        What a run keeps beside the catalog, see :mod:`gasnet3.run.kept`.

    Raises
    ------
    ValueError
        If the solver is unknown, ``n_best`` less than 1, or something else is to be kept.
    """

    models: ModelNames = "encoder"
    solver: str = "hybrid"
    n_best: int = 1
    reading: ReadOptions = DEFAULT
    choices: Choices = ANYTHING
    keep: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "models", self._named(str))
        object.__setattr__(self, "keep", tuple(sorted(set(self.keep))))
        if self.solver not in SOLVERS:
            raise ValueError(f"unknown solver {self.solver!r}: choose one of {', '.join(SOLVERS)}")
        if self.n_best < 1:
            raise ValueError(f"n_best must be 1 or more, got {self.n_best}")
        unknown = [kind for kind in self.keep if kind not in KEPT]
        if unknown:
            raise ValueError(f"{unknown[0]!r} cannot be kept: choose of {', '.join(KEPT)}")

    def absolute(self) -> Request:
        """The same for a process that may be started in another directory."""

        def absolute(name: str | Path) -> str:
            there = Path(name).exists() and not is_shipped(name)
            return str(Path(name).absolute() if there else name)

        return replace(self, models=self._named(absolute))

    def _named(self, of: Callable[[str | Path], str]) -> str | tuple[str, ...]:
        """What a function makes of the names of the models."""
        models = self.models
        return of(models) if isinstance(models, str | Path) else tuple(map(of, models))

    @classmethod
    def from_json(cls, settings: Mapping[str, Any]) -> Request:
        """What :meth:`to_json` gave; what is missing is as by default."""
        given = {name: settings[name] for name in ("models", "solver", "n_best", "keep")
                 if name in settings}  # fmt: skip
        choices = Choices.from_json(settings["choices"]) if "choices" in settings else ANYTHING
        return cls(**given, reading=reading_of(settings), choices=choices)

    def to_json(self) -> dict[str, Any]:
        """The request in the types of JSON."""
        return {
            "models": self.models,
            "solver": self.solver,
            "n_best": self.n_best,
            "reading": self.reading.to_json(),
            "choices": self.choices.to_json(),
            "keep": list(self.keep),
        }
