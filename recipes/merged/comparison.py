"""The merged Encoder beside the separate ones: the same real spectra, the same minutes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from gasnet3.evaluate import metrics
from gasnet3.evaluate.evaluation import Evaluation, evaluate
from gasnet3.nets.model import Model
from gasnet3.pipeline.pipeline import Pipeline
from gasnet3.solve.engine import Engine
from gasnet3.solve.prepare import prepare
from gasnet3.spectra.batch import Spectra
from merged.network import MergedEncoder

if TYPE_CHECKING:
    from pathlib import Path

SOLVERS = ("amortised", "hybrid")
FASTER = 1.1
"""The whole amortised pipeline must be so many times faster, or a second kind of model is not
worth its upkeep."""


@dataclass(frozen=True, eq=False)
class Truth:
    """Labels of the real spectra the networks never saw.

    Attributes
    ----------
    table : Table
        ``id, class, subclass, z``.
    """

    table: Table

    @property
    def cls(self) -> NDArray[np.str_]:
        """Class of each spectrum."""
        return np.asarray(self.table["class"], np.str_)

    def good(self, catalog: Table) -> NDArray[np.bool_]:
        """Which redshifts of a catalog are good, by the paper's threshold of the true class."""
        z, z_true = np.asarray(catalog["z"]), np.asarray(self.table["z"])
        out = np.zeros(len(z), np.bool_)
        for cls, threshold in metrics.THRESHOLDS["paper"].items():
            mine = self.cls == cls
            out[mine] = metrics.is_good(z[mine], z_true[mine], threshold)
        return out


@dataclass(frozen=True, eq=False)
class Score:
    """One network with one solver.

    Attributes
    ----------
    evaluation : Evaluation
        Class and redshift against the labels.
    right, good : ndarray of bool, shape (rows,)
        Which classes are right, which redshifts are good.
    """

    evaluation: Evaluation
    right: NDArray[np.bool_]
    good: NDArray[np.bool_]


@dataclass(frozen=True)
class Times:
    """Least milliseconds of processor time a spectrum over rounds taken in turn."""

    network: float
    pipeline: float


@dataclass(frozen=True, eq=False)
class Contender:
    """Networks of all classes, ready to classify with any solver.

    Attributes
    ----------
    name : str
        Title of its column.
    pipelines : dict of str to Pipeline
        By solver.
    forget : callable
        Drops what is kept between batches: called before each timing.
    """

    name: str
    pipelines: dict[str, Pipeline]
    forget: Callable[[], None]


def separate(models: Sequence[str | Path]) -> Contender:
    """The three Encoders as they are, the class that of the least reduced χ²."""
    # The fitted class probabilities of the shipped weights know the separate networks' habits.
    loaded = {solver: Pipeline.load(models, solver) for solver in SOLVERS}
    pipelines = {
        solver: replace(one, fitted=replace(one.fitted, confidence=None))
        for solver, one in loaded.items()
    }
    return Contender("separate", pipelines, lambda: None)


def merged(
    name: str, network: MergedEncoder, models: Mapping[str, Model], like: Contender
) -> Contender:
    """One network in the pipelines of the separate ones."""
    # Not by Pipeline.load: it copies each model, and with it the trunk.
    engines = tuple(Engine(view) for view in network.views(models).values())
    pipelines = {s: replace(pipeline, engines=engines) for s, pipeline in like.pipelines.items()}
    return Contender(name, pipelines, network.trunk.forget)


def score(contender: Contender, solver: str, spectra: Spectra, truth: Truth) -> Score:
    """Classify the real spectra and compare with their labels."""
    catalog = contender.pipelines[solver].run(spectra)
    right = np.asarray(catalog["class"], np.str_) == truth.cls
    return Score(evaluate(catalog, truth.table), right, truth.good(catalog))


def paired(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> tuple[int, int, float]:
    """Spectra only the one has right, only the other, and how likely a split as uneven is.

    The last is McNemar's exact test, two-sided: 1 where they differ nowhere.
    """
    from scipy.stats import binomtest

    only_one, only_other = int((one & ~other).sum()), int((other & ~one).sum())
    differing = only_one + only_other
    chance = float(binomtest(only_one, differing).pvalue) if differing else 1.0
    return only_one, only_other, chance


def times(contenders: Sequence[Contender], spectra: Spectra, rounds: int) -> list[Times]:
    """Time the networks alone and the whole amortised pipelines, in turn.

    The network stage is that of a batch of the pipeline: the reconstructions of all classes. It
    is the processor's time that counts, of all threads, so that other work does not.
    """
    batches = [prepare(spectra[first : first + 128]) for first in range(0, len(spectra), 128)]

    def networks(contender: Contender) -> None:
        for prepared in batches:
            for engine in contender.pipelines["amortised"].engines:
                engine.reconstruct(prepared)

    def whole(contender: Contender) -> None:
        contender.pipelines["amortised"].run(spectra)

    least = np.full((len(contenders), 2), np.inf)
    for _ in range(rounds):
        for i, contender in enumerate(contenders):
            for j, work in enumerate((partial(networks, contender), partial(whole, contender))):
                contender.forget()
                began = time.process_time()
                work()
                least[i, j] = min(least[i, j], time.process_time() - began)
    return [Times(*row) for row in (1e3 * least / len(spectra)).tolist()]


def losses(reference: Score, candidate: Score) -> list[str]:
    """Where the candidate is behind the reference: class or good fraction of any class."""
    found = []
    for cls, mine in candidate.evaluation.classes.items():
        theirs = reference.evaluation.classes[cls]
        for what, field in (("class", "accuracy"), ("good redshifts", "good_fraction")):
            value, needed = getattr(mine, field), getattr(theirs, field)
            if value < needed:
                found.append(f"{what} of {cls} ({100 * value:.1f} % for {100 * needed:.1f} %)")
    return found


def verdict(reference: Score, candidate: Score, before: Times, after: Times) -> tuple[bool, str]:
    """Whether the merged network wins, and why, in words."""
    behind = losses(reference, candidate)
    gain = before.pipeline / after.pipeline
    speed = (
        f"The networks are {before.network / after.network:.1f} times faster, the whole "
        f"amortised pipeline {gain:.2f} times"
    )
    if behind:
        speed += f"; it is behind in {', '.join(behind)}"
    elif gain > FASTER:
        speed += ", and it is behind in nothing"
    else:
        speed += f", less than the {FASTER} that would pay for a second kind of model"
    return not behind and gain > FASTER, speed + "."
