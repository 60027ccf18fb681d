"""The whole path, `gasnet3 classify` as a user runs it: files in, catalog out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from speed.commands import Cost, run_gasnet3
from speed.data import first_shards, first_specs, mock_shards, mock_specs
from speed.turns import tell

SHARDS, SPECS = "shards", "spec files"
"""What is read."""


@dataclass(frozen=True)
class Run:
    """One way to run the command.

    Parameters
    ----------
    solver : str
        Its solver.
    inputs : str
        :data:`SHARDS` or :data:`SPECS`.
    cores : int
        Cores it may use, with as many workers.
    rows : int
        Spectra.
    """

    solver: str
    inputs: str
    cores: int
    rows: int


@dataclass(frozen=True)
class Sizes:
    """How much is measured.

    Parameters
    ----------
    batch, rounds : int
        Spectra and rounds of the stages.
    redrock : int
        How many of the spectra redrock gets.
    whole : mapping of str to (int, int)
        Few and many spectra of the whole path by solver: the difference is the steady rate.
    numbers : tuple of int
        Numbers of spectra whose cost is compared, for the solvers of ``scaled``.
    scaled : tuple of str
        Solvers whose cost is compared by number of spectra and of workers.
    repeats : int
        Rounds of the whole path; the numbers are run once.
    shard_rows : int
        Spectra a shard.
    cores : int
        Cores that are used, at most.
    parts, catalog : int
        Files planned and parts merged, and spectra of the catalog that is looked at.
    """

    batch: int = 128
    rounds: int = 4
    redrock: int = 6
    whole: Mapping[str, tuple[int, int]] = field(
        default_factory=lambda: {
            "amortised": (1_000, 6_000), "hybrid": (500, 3_000), "exact": (500, 1_000),
        }
    )  # fmt: skip
    numbers: tuple[int, ...] = (2_000, 20_000)
    scaled: tuple[str, ...] = ("amortised", "hybrid")
    repeats: int = 2
    shard_rows: int = 500
    cores: int = 8
    parts: int = 2_000
    catalog: int = 1_000_000


QUICK = Sizes(
    batch=4,
    rounds=1,
    redrock=1,
    whole={"amortised": (2, 6)},
    numbers=(2, 6),
    scaled=("amortised",),
    repeats=1,
    shard_rows=2,
    cores=1,
    parts=4,
    catalog=60,
)
"""Enough to see that all of it runs."""


def runs_wanted(sizes: Sizes, cores: int) -> tuple[list[Run], list[Run]]:
    """What is run in turns, and what is run once: the larger numbers of spectra.

    Parameters
    ----------
    sizes : Sizes
        How much.
    cores : int
        Cores at hand; 1, 2, 4, ... of them are used.
    """
    counts = [count for count in (1, 2, 4, 8) if count <= min(cores, sizes.cores)]
    turns = [
        Run(solver, inputs, count, rows)
        for solver, few_and_many in sizes.whole.items()
        for inputs in (SHARDS, SPECS)
        for count in counts
        if count <= 2 or (inputs == SHARDS and solver in sizes.scaled)
        for rows in few_and_many
    ]
    most = min(2, counts[-1])
    once = [Run(solver, SHARDS, most, rows) for solver in sizes.scaled for rows in sizes.numbers]
    return turns, [run for run in once if run not in turns]


def measure_runs(sizes: Sizes, cores: int, directory: Path) -> list[dict[str, Any]]:
    """Seconds and memory of all runs.

    Parameters
    ----------
    sizes, cores
        See :func:`runs_wanted`.
    directory : Path
        For the spectra and the catalogs.

    Returns
    -------
    list of dict
        The fields of :class:`Run`, ``seconds`` (the least of the rounds) and ``memory`` (the
        most of them, MB).
    """
    turns, once = runs_wanted(sizes, cores)
    shards = mock_shards(directory / "shards", most_rows([*turns, *once]), sizes.shard_rows)
    specs = mock_specs(directory / "specs", most_rows(r for r in turns if r.inputs == SPECS))
    costs: dict[Run, Cost] = {}
    for number, runs in enumerate([turns] * sizes.repeats + [once]):
        for run in runs:
            tell(f"round {number + 1}: {run.solver}, {run.rows:,} {run.inputs}, {run.cores} cores")
            named = (
                first_shards(shards, run.rows, sizes.shard_rows)
                if run.inputs == SHARDS
                else first_specs(specs, run.rows)
            )
            cost = classify(run, named, directory / "catalog.parquet")
            before = costs.get(run, cost)
            costs[run] = Cost(min(cost.seconds, before.seconds), max(cost.memory, before.memory))
    return [asdict(run) | asdict(cost) for run, cost in costs.items()]


def most_rows(runs: Iterable[Run]) -> int:
    """The greatest number of spectra."""
    return max(run.rows for run in runs)


def classify(run: Run, inputs: list[str], output: Path) -> Cost:
    """Run the command; its catalog is written."""
    options = ["--solver", run.solver, "--workers", str(run.cores), "--quiet", "--overwrite"]
    return run_gasnet3(["classify", *inputs, "-o", str(output), *options], cores=run.cores)


def steady(runs: list[dict[str, Any]], solver: str, inputs: str, cores: int) -> tuple[float, float]:
    """Spectra a second once it runs, and the seconds before and after.

    From the times of few and of many spectra, as a straight line; NaN where it was not run, or
    the machine was so busy that many took no longer than few.
    """
    of = [r for r in runs if (r["solver"], r["inputs"], r["cores"]) == (solver, inputs, cores)]
    if len(of) < 2:
        return float("nan"), float("nan")
    few, many = min(of, key=lambda r: r["rows"]), max(of, key=lambda r: r["rows"])
    slope = (many["seconds"] - few["seconds"]) / (many["rows"] - few["rows"])
    if slope <= 0:
        return float("nan"), float("nan")
    return 1 / slope, few["seconds"] - few["rows"] * slope
