"""The parts of a run made by Dask: processes of this machine, or a cluster that runs already."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from gasnet3.errors import GasnetError
from gasnet3.machine.allocator import keep_freed_memory
from gasnet3.machine.collector import spare_collector
from gasnet3.machine.cores import allotted_cores
from gasnet3.machine.progress import Progress
from gasnet3.run.plan import PLAN, Plan
from gasnet3.run.work import PartResult, Settings, work_part

RETRIES = 2
"""How often a part is tried again when it raises (a file system that is away for a moment)."""

_ONE_AT_A_TIME = threading.Lock()


class DaskError(GasnetError):
    """Dask could not do the work. The message says why and what to do."""


def work_with_dask(
    plan: Plan,
    dask: str | int | None = None,
    settings: Settings | None = None,
    on_progress: Progress | None = None,
) -> list[PartResult]:
    """Make all parts of a run that are missing, as tasks of Dask.

    A task is the name of the run and the number of a part: workers read the spectra and write
    the part themselves, so they must see both under the same names. A part whose worker dies is
    given to another one.

    Parameters
    ----------
    plan : Plan
        The run.
    dask : str, int or None
        Address of a scheduler ("tcp://host:8786"), or a number of worker processes to start
        here; as many as there are cores allotted where it is None.
    settings : Settings, optional
        What a worker decides for itself: device, spectra at a time.
    on_progress : callable, optional
        Called after every part with the number of spectra done, and of all that were missing.

    Returns
    -------
    list of PartResult
        The parts that were made, in the order of their numbers.

    Raises
    ------
    DaskError
        If Dask is not installed, the scheduler cannot be reached, or a part's workers die again
        and again. What is finished stays.
    PlanError, OSError
        As :func:`gasnet3.run.work.work_part`.
    ValueError
        If the number of workers is less than 1.
    """
    where = str(plan.directory.absolute())
    todo = plan.missing()
    made: list[PartResult] = []
    if not todo:
        return made
    with _client(dask) as client:
        from distributed import as_completed

        futures = {
            client.submit(
                _task, where, index, settings, key=f"gasnet3-{plan.key}-{index}", retries=RETRIES
            ): index
            for index in todo
        }
        try:
            for future in as_completed(futures, loop=client.loop):
                made.append(_result(future, futures[future]))
                if on_progress:
                    on_progress(sum(part.rows for part in made), plan.rows_in(todo))
                future.release()
        finally:
            client.cancel([future for future in futures if not future.done()])
    return sorted(made, key=lambda part: part.index)


def _task(directory: str, index: int, settings: Settings | None) -> PartResult:
    """One part, on a worker, by one core: Dask counts threads itself."""
    from gasnet3.pipeline.loading import use_threads

    # What work_part keeps between parts belongs to the process, and workers may have threads.
    with _ONE_AT_A_TIME:
        # As the commands do; Dask has its workers give back every 64 kB at once.
        spare_collector()
        keep_freed_memory()
        plan = planned(directory)
        use_threads(plan.request.models, 1)
        return work_part(plan, index, replace(settings or Settings(), threads=1))


def planned(directory: str) -> Plan:
    """The plan of a run, read once in each process of a worker."""
    path = Path(directory, PLAN)
    return _plan(directory, path.stat().st_mtime_ns if path.exists() else 0)


@lru_cache(maxsize=1)
def _plan(directory: str, version: int) -> Plan:
    return Plan.load(directory)


def _result(future: Any, index: int) -> PartResult:
    from distributed import KilledWorker

    try:
        result: PartResult = future.result()
    except KilledWorker as error:
        raise DaskError(
            f"part {index}: its worker died {error.allowed_failures + 1} times, most likely for "
            "want of memory; give the workers more, or plan smaller parts; then run again, what "
            "is finished is kept"
        ) from None
    return result


@contextmanager
def _client(dask: str | int | None) -> Iterator[Any]:
    """A client of the cluster at an address, or of one that lives as long as the block."""
    try:
        import distributed
        from distributed.comm.addressing import resolve_address
    except ImportError:
        raise DaskError("Dask is not installed: pip install 'gasnet3[dask]'") from None
    with ExitStack() as stack:
        if isinstance(dask, str):
            try:
                # A client of what is no address would wait for a minute when it is given up.
                resolve_address(dask)
                client = distributed.Client(dask, set_as_default=False)
            except (OSError, ValueError) as error:
                raise DaskError(
                    f"no Dask scheduler answers at {dask} ({error}); start one with 'dask "
                    "scheduler', or give a number of workers to start here"
                ) from error
        else:
            client = distributed.Client(stack.enter_context(_local(dask)), set_as_default=False)
        yield stack.enter_context(client)


def _local(workers: int | None) -> Any:
    from distributed import LocalCluster

    if workers is not None and workers < 1:
        raise ValueError(f"the number of Dask workers must be 1 or more, got {workers}")
    return LocalCluster(
        n_workers=workers or allotted_cores(),
        threads_per_worker=1,
        processes=True,
        dashboard_address=None,
        # Its web server starts all the same, and would warn where another cluster has the port.
        scheduler_kwargs={"dashboard_address": ":0"},
        silence_logs=logging.CRITICAL,  # a worker that dies is replaced, or is an error
    )
