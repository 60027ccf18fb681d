"""Classification on this machine: arrays in memory, or files."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gasnet3.io import ReadFailure, ReadOptions, expand
from gasnet3.io.options import DEFAULT
from gasnet3.io.registry import Inputs
from gasnet3.machine.cores import allotted_cores
from gasnet3.machine.lock import locked
from gasnet3.machine.progress import Message, Progress, silent
from gasnet3.nets.registry import ModelNames
from gasnet3.pipeline.choices import ANYTHING, Choices
from gasnet3.pipeline.request import Request
from gasnet3.run.config import make_config
from gasnet3.run.memory import share_memory
from gasnet3.run.merge import merge
from gasnet3.run.plan import PARTS, Plan, make_plan, other_parts
from gasnet3.run.work import Settings, work
from gasnet3.run.workers import work_with_workers

ALONE_ROWS = 2048
"""So many spectra are done by threads sooner than workers are started for them."""


@dataclass(frozen=True)
class RunResult:
    """What became of a run.

    Attributes
    ----------
    output : Path
        The catalog.
    rows : int
        Its spectra, those without an answer included.
    files : int
        The files there were.
    failures : list of ReadFailure
        Files that could not be read. Where their spectra could be counted they are in the
        catalog, flagged NODATA.
    """

    output: Path
    rows: int
    files: int
    failures: list[ReadFailure] = field(default_factory=list)


def classify_files(
    inputs: Inputs,
    output: str | Path,
    *,
    solver: str = "hybrid",
    models: ModelNames = "encoder",
    n_best: int = 1,
    options: ReadOptions = DEFAULT,
    choices: Choices = ANYTHING,
    ids: Sequence[str] | None = None,
    save_curves: str | Path | None = None,
    save_models: str | Path | None = None,
    dialect: str = "native",
    settings: Settings | None = None,
    workers: int | None = None,
    max_memory: int | None = None,
    on_progress: Progress | None = None,
    on_message: Message | None = None,
) -> RunResult:
    """Classify all spectra of files, directories or globs, and write the catalog.

    The run is planned, worked on and merged in the directory ``<output>.run``, which is removed
    in the end. If the run is stopped the same call goes on where it was. Memory does not grow
    with the number of spectra.

    Parameters
    ----------
    inputs : str, Path or sequence of them
        What to read, see :func:`gasnet3.io.expand`.
    output : str or Path
        The catalog: .parquet, .fits, .csv or .vot. A file there is replaced.
    solver, models
        See :func:`gasnet3.pipeline.loading.load_classifier`.
    n_best : int
        Solutions a spectrum.
    options : ReadOptions
        What the files do not say: air wavelengths, names and units of columns.
    choices : Choices
        What may be the answer: classes, ranges of redshift, priors.
    ids : sequence of str, optional
        Do these spectra only, in the order of the files. All are read to find them.
    save_curves, save_models : str or Path, optional
        Where to write the χ² curves (:mod:`gasnet3.io.saved_curves`), and the best models
        (:func:`gasnet3.io.write_models.write_models`).
    dialect : {'native', 'sdss', 'redrock'}
        Names of the columns.
    settings : Settings, optional
        Device, spectra read at once, and threads where this process does the work. No answer
        depends on it.
    workers : int, optional
        Processes to share the work; 1: this one does it. Left out, as many as there are cores
        allotted if there is much to do.
    max_memory : int, optional
        Bytes that the run is to keep below; workers and batches are chosen so.
    on_progress : callable, optional
        Called with the number of spectra done, and of all.
    on_message : callable, optional
        Called with what a user should know: a run that is gone on with, a worker restarted.

    Returns
    -------
    RunResult
        A broken file is listed in ``failures`` with the reason, and the run goes on.

    Raises
    ------
    ReadError
        If an input means no file.
    ModelError, ValueError
        If a model cannot be loaded, or a setting is wrong (also
        :class:`~gasnet3.run.memory.MemoryLimitError`).
    LockError
        If another run is at work on the same output.
    WorkersError
        If workers fail again and again.
    OSError
        If something cannot be written. The message says what to do; what is finished is kept.
    """
    share_memory(max_memory, 1)  # before any work
    paths = expand(inputs)
    keep = {"curves": save_curves, "models": save_models}
    wanted = tuple(kind for kind, path in keep.items() if path is not None)
    config = make_config(Request(models, solver, n_best, options, choices, wanted))
    return _carried_out(
        config, paths, Path(output), keep, ids=ids, dialect=dialect,
        settings=settings or Settings(), workers=workers, max_memory=max_memory,
        on_progress=on_progress, on_message=on_message,
    )  # fmt: skip


def measure_files(
    catalog: str | Path,
    inputs: Inputs,
    output: str | Path,
    *,
    only: str = "",
    models: ModelNames = "encoder",
    options: ReadOptions = DEFAULT,
    ids: Sequence[str] | None = None,
    dialect: str = "native",
    settings: Settings | None = None,
    workers: int | None = None,
    max_memory: int | None = None,
    on_progress: Progress | None = None,
    on_message: Message | None = None,
) -> RunResult:
    """Measure dispersions and lines of all spectra of files at the redshifts of a catalog.

    It is done as :func:`classify_files` does: in parts, that are kept if it is stopped.

    Parameters
    ----------
    catalog : str or Path
        Table with id and z, and class and zwarn where it has them, in any dialect.
    only : {"", "vdisp", "lines"}
        Leave out the rest.
    models : str, Path or sequence of them
        Whose STAR network gives the templates.
    inputs, output, options, ids, dialect, settings, workers, max_memory, on_progress, on_message
        See :func:`classify_files`.

    Returns
    -------
    RunResult
        Spectra that the catalog does not have are in the output, flagged NO_REDSHIFT.

    Raises
    ------
    CatalogError
        If the catalog cannot be read, or has no id or z.
    ReadError, ModelError, ValueError, LockError, WorkersError, OSError
        As :func:`classify_files`.
    """
    from gasnet3.run.measuring import measure_config

    share_memory(max_memory, 1)
    paths = expand(inputs)
    config = measure_config(Request(models, reading=options), catalog, only)
    return _carried_out(
        config, paths, Path(output), {}, ids=ids, dialect=dialect,
        settings=settings or Settings(), workers=workers, max_memory=max_memory,
        on_progress=on_progress, on_message=on_message,
    )  # fmt: skip


def _carried_out(
    config: dict[str, Any],
    paths: list[Path],
    output: Path,
    keep: Mapping[str, str | Path | None],
    *,
    ids: Sequence[str] | None,
    dialect: str,
    settings: Settings,
    workers: int | None,
    max_memory: int | None,
    on_progress: Progress | None,
    on_message: Message | None,
) -> RunResult:
    """Plan, work and merge; what is to be kept goes to the paths given for it."""
    note = on_message or silent
    with locked(output.with_name(f".{output.name}.lock"), str(output)):
        run = output.with_name(f"{output.name}.run")
        plan = make_plan(paths, run, config, ids=ids, on_message=note)
        _tidy(plan, note)
        _work(plan, settings, workers, max_memory, on_progress, note)
        wanted = [kind for kind, path in keep.items() if path is not None]
        if wanted and not plan.rows:
            note(f"there are no spectra: no {' and no '.join(wanted)} saved")
            keep = {}
        result = merge(
            plan, output, dialect, allow_failed=True, save_curves=keep.get("curves"),
            save_models=keep.get("models"),
        )  # fmt: skip
        if result.message:
            note(result.message)
        shutil.rmtree(plan.directory)
    return RunResult(output, result.rows, len(paths), result.failures)


def _work(
    plan: Plan,
    settings: Settings,
    workers: int | None,
    max_memory: int | None,
    on_progress: Progress | None,
    note: Message,
) -> None:
    """Make the parts that are missing, here or by workers."""
    if workers is None:  # a GPU is kept busy by one process
        alone = plan.rows <= ALONE_ROWS or settings.device != "cpu"
        workers = 1 if alone else allotted_cores()
    share = share_memory(max_memory, min(workers, len(plan)), settings.batch_rows, settings.threads)
    settings = replace(settings, batch_rows=share.batch_rows, threads=share.threads)
    if share.workers:
        work_with_workers(plan, share.workers, settings, on_progress, note)
        return
    here = on_progress or silent  # called with what is missing, calls with what there is
    work(
        plan, settings=settings,
        on_progress=lambda done, total: here(plan.rows - total + done, plan.rows),
    )  # fmt: skip


def _tidy(plan: Plan, note: Message) -> None:
    """Remove what an earlier run left that is of no use for this one."""
    others = other_parts(plan)
    if others:
        note(
            f"{plan.directory} holds {len(others)} parts of another run (other settings, models "
            "or inputs): removed"
        )
    # Files of workers that were killed while they wrote.
    for path in [*others, *(plan.directory / PARTS).glob(".*.parquet")]:
        path.unlink(missing_ok=True)
    there = len(plan.finished())
    if there:
        note(f"going on with the run in {plan.directory}: {there} of {len(plan)} parts are there")
