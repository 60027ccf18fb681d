"""What all pages of one app share: the catalog, the spectra, the models, the judgements."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gasnet3.evaluate.judgements import Judgement, JudgementFile
from gasnet3.pipeline.choices import ANYTHING, Choices
from gasnet3.view.listing import Listing
from gasnet3.view.spectra import MissingSpectrum, SpectrumFinder

if TYPE_CHECKING:
    from gasnet3.pipeline.closeup import Closeup
    from gasnet3.pipeline.pipeline import Pipeline

N_BEST = 5
"""Solutions to step through."""

KEPT = 64
"""Inspections kept in memory."""


@dataclass(eq=False)
class Closeups:
    """Solves the spectra that are looked at; one at a time, in a thread of its own.

    Models, solver, device and choices are those of :meth:`gasnet3.pipeline.pipeline.Pipeline.load`.
    """

    finder: SpectrumFinder
    models: str | Sequence[str] = "encoder"
    solver: str = "hybrid"
    device: str = "cpu"
    choices: Choices = ANYTHING
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))
    _kept: OrderedDict[str, Closeup] = field(default_factory=OrderedDict)
    _loading: Future[Pipeline] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self) -> Future[Pipeline]:
        """Begin to load the models, if that has not begun."""
        with self._lock:
            if self._loading is None:
                self._loading = self._pool.submit(self._load)
            return self._loading

    def _load(self) -> Pipeline:
        from gasnet3.pipeline.pipeline import Pipeline

        return Pipeline.load(self.models, self.solver, self.device, self.choices)

    def inspect(self, name: str) -> Future[Closeup]:
        """The closeup of a spectrum by its id; MissingSpectrum if it is not to be had."""
        pipeline = self.start()
        return self._pool.submit(self._inspect, pipeline, name)

    def _inspect(self, pipeline: Future[Pipeline], name: str) -> Closeup:
        if name not in self._kept:
            spectrum = self.finder.find(name)
            self._kept[name] = pipeline.result().inspect(spectrum, 0, N_BEST)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(name)
        return self._kept[name]

    def model_at(self, name: str, cls: str, z: float) -> Future[NDArray[np.float64]]:
        """The best model of a class at a redshift, in flux units, shape (n,)."""
        pipeline = self.start()
        return self._pool.submit(self._model_at, pipeline, name, cls, z)

    def _model_at(
        self, pipeline: Future[Pipeline], name: str, cls: str, z: float
    ) -> NDArray[np.float64]:
        from gasnet3.pipeline.closeup import model_at

        spectrum = self.finder.find(name)
        engines = pipeline.result().suited(spectrum).engines
        fits = [model_at(engine, spectrum, z) for engine in engines if engine.cls == cls]
        if not fits:
            raise MissingSpectrum(f"there is no model of {cls or 'no class'}")
        # Where several compete, the one that fits best; NaN is not less.
        return min(fits, key=lambda fit: np.nan_to_num(fit[1], nan=np.inf))[0]

    def close(self) -> None:
        """Stop without waiting for what is under way."""
        self._pool.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True, eq=False)
class Shared:
    """What all pages share: rows, what solves their spectra, and where judgements are kept.

    ``colleagues`` are the judgements of other people.
    """

    listing: Listing
    closeups: Closeups
    judgements: JudgementFile
    title: str
    colleagues: tuple[Judgement, ...] = ()
