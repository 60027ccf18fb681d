"""The work on a run: its parts made one by one, each complete or not at all."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np

from gasnet3.catalog import write_parts
from gasnet3.catalog.rows import Rows
from gasnet3.catalog.schema import BY_NAME, catalog_rows
from gasnet3.io import ReadFailure, prefetched
from gasnet3.io.options import DEFAULT
from gasnet3.machine.progress import Progress, silent
from gasnet3.pipeline.classifier import Classifier
from gasnet3.run.batches import ReadAgain, batches
from gasnet3.run.config import pipeline_of
from gasnet3.run.kept import Keeper
from gasnet3.run.measuring import CatalogMeasurer
from gasnet3.run.plan import Plan, Unit
from gasnet3.spectra.batch import Spectra
from gasnet3.spectra.joining import join_column

BATCH_ROWS = 256
"""Spectra read and solved at once where nothing else is asked for."""

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Errors of a disk, a quota or a file that is full."""


@dataclass(frozen=True)
class Settings:
    """What a worker decides for itself: no answer depends on it.

    Parameters
    ----------
    device : str
        Where to compute: "cpu", "cuda", ...
    batch_rows : int
        Spectra read at once. Memory depends on it.
    threads : int
        Threads that share a batch, see :meth:`gasnet3.pipeline.classifier.Classifier.run`.
    """

    device: str = "cpu"
    batch_rows: int = BATCH_ROWS
    threads: int = 1

    def __post_init__(self) -> None:
        if self.batch_rows < 1:
            raise ValueError(f"a batch needs at least one spectrum, got {self.batch_rows}")
        if self.threads < 1:
            raise ValueError(f"threads must be 1 or more, got {self.threads}")


@dataclass(frozen=True)
class PartResult:
    """What became of a part.

    Attributes
    ----------
    index, rows : int
        Its number and its spectra.
    failures : list of ReadFailure
        Files whose rows have no answer.
    """

    index: int
    rows: int
    failures: list[ReadFailure] = field(default_factory=list)


def work_part(
    plan: Plan,
    index: int,
    settings: Settings | None = None,
    on_progress: Progress | None = None,
) -> PartResult:
    """Make one part of a run: what every engine calls, in any process that sees the files.

    The bytes of the part depend on the plan and its inputs only. The models are kept for the
    next call.

    Parameters
    ----------
    plan : Plan
        The run.
    index : int
        Number of the part; one that is there is replaced.
    settings : Settings, optional
        Device and size of the batches.
    on_progress : callable, optional
        Called after every batch with the number of spectra done, and of the part.

    Returns
    -------
    PartResult
        Rows of files that have vanished, have changed since the plan or cannot be read are
        flagged NODATA; the files are in ``failures``, also those of the part itself.

    Raises
    ------
    PlanError
        If the models of the plan are others now.
    OSError
        If the part cannot be written; the message says what to do.
    IndexError
        If the plan has no such part.
    """
    settings = settings or Settings()
    if not 0 <= index < len(plan):
        raise IndexError(f"no part {index}: the plan has {len(plan)}")
    pipeline = pipeline_of(plan, settings.device)
    failed: dict[Unit, str] = {}
    while True:
        try:
            with Keeper(plan, index) as keeper:
                tables = _tables(
                    plan, pipeline, index, settings, failed, keeper, on_progress or silent
                )
            break
        except ReadAgain:
            continue
    return _written(plan, index, tables, failed)


def work(
    plan: Plan,
    rank: int = 0,
    world: int = 1,
    *,
    settings: Settings | None = None,
    on_progress: Progress | None = None,
    going_on: Callable[[], bool] | None = None,
) -> list[PartResult]:
    """Make the parts of a run that are missing, or one rank's share of them.

    Parameters
    ----------
    plan, settings
        See :func:`work_part`, also for errors.
    rank, world : int
        Which of how many workers this is: it makes the parts ``rank``, ``rank + world``, ...
        Parts whose files could not be read are made anew.
    on_progress : callable, optional
        Called after every batch with the number of spectra done, and of all these parts.
    going_on : callable, optional
        Asked before every part; the work ends when it says no.
    """
    made: list[PartResult] = []
    todo = plan.missing(rank, world)
    total = plan.rows_in(todo)

    def advance(done: int, _: int) -> None:
        if on_progress:
            on_progress(sum(part.rows for part in made) + done, total)

    for index in todo:
        if going_on is not None and not going_on():
            break
        made.append(work_part(plan, index, settings, advance))
    return made


def _tables(
    plan: Plan,
    pipeline: Classifier | CatalogMeasurer,
    index: int,
    settings: Settings,
    failed: dict[Unit, str],
    keeper: Keeper,
    on_progress: Progress,
) -> list[Rows]:
    """The catalogs of a part; while one batch is solved the next is read."""
    tables: list[Rows] = []
    request, (start, stop), done = plan.request, plan.span(index), 0
    rows = settings.batch_rows
    read = batches(plan.units(index), rows, failed, pipeline.lattice, request.reading)
    for pieces in prefetched(read, depth=1):
        tables.extend(_solved(pipeline, pieces, request.n_best, keeper, settings.threads))
        done += sum(map(len, pieces))
        on_progress(done, stop - start)
    return tables


def _solved(
    pipeline: Classifier | CatalogMeasurer,
    pieces: Sequence[Spectra],
    n_best: int,
    keeper: Keeper,
    threads: int,
) -> Iterator[Rows]:
    """Catalogs of pieces that are solved as one batch.

    Pieces with the same key columns stay together, others get a catalog each: what becomes of
    the columns of unlike files must not depend on which of them met in a batch.
    """
    bare = [piece.bare() for piece in pieces]
    table = pipeline.rows(Spectra.concatenate(bare), n_best, keeper.add, threads)
    start = 0
    for _, same in groupby(pieces, _kinds):
        group = list(same)
        rows = list(map(len, group))
        stop = start + sum(rows) * n_best
        keys = {
            name: np.repeat(
                join_column([piece.meta[name] for piece in group], rows), n_best, axis=0
            )
            for name in group[0].meta
        }
        columns = {name: table[name][start:stop] for name in table.colnames if name in BY_NAME}
        yield catalog_rows(columns, keys, table.meta["gasnet3"])
        start = stop


def _kinds(piece: Spectra) -> tuple[tuple[str, str, tuple[int, ...]], ...]:
    """What must agree for the key columns of two pieces to become one column each as they are."""
    return tuple(
        (
            name,
            column.dtype.kind if column.dtype.kind in "SU" else column.dtype.str,
            column.shape[1:],
        )
        for name, column in piece.meta.items()
    )


def _written(plan: Plan, index: int, tables: list[Rows], failed: dict[Unit, str]) -> PartResult:
    """Write a part, complete or not at all."""
    start, stop = plan.span(index)
    about = {
        "key": plan.key, "index": index, "start": start, "stop": stop,
        "failures": [
            {"path": str(unit.path), "reason": reason, "rows": unit.stop - unit.start}
            for unit, reason in failed.items()
        ],
    }  # fmt: skip
    options = plan.request.reading
    reading = {} if options == DEFAULT else {"reading": options.to_json()}
    for table in tables:
        table.meta["gasnet3"] = {**table.meta["gasnet3"], **reading, "part": about}
    path = plan.part_path(index)
    try:
        write_parts(tables, path)
    except OSError as error:
        why = error.strerror or str(error)
        what = "make room" if error.errno in FULL else "put that right"
        raise OSError(
            error.errno,
            f"cannot write {path}: {why}; {what} and run the same command again, the parts that "
            "are finished are kept",
        ) from error
    failures = [ReadFailure(unit.path, reason) for unit, reason in failed.items()]
    return PartResult(index, stop - start, failures)
