"""gasnet3 work: the parts of a planned run, or one rank's share of them."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from gasnet3.cli import console
from gasnet3.cli.merge import RunDirectory, check_plan
from gasnet3.cli.show import show_failures

if TYPE_CHECKING:
    from gasnet3.run.plan import Plan
    from gasnet3.run.work import PartResult, Settings

LOCAL = "local"
"""What --dask with nothing stands for."""


class WorkCommand(TyperCommand):
    """The command, with a --dask that needs no value."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Give a --dask that nothing follows its value."""
        following = [*args[1:], "-"]
        return super().parse_args(
            ctx,
            [
                f"--dask={LOCAL}" if this == "--dask" and after.startswith("-") else this
                for this, after in zip(args, following, strict=False)
            ],
        )


def work(
    run: RunDirectory,
    rank: Annotated[
        int | None, typer.Option(min=0, help="Which of the workers this is, from 0.")
    ] = None,
    world: Annotated[int | None, typer.Option(min=1, help="How many workers there are.")] = None,
    dask: Annotated[
        str | None,
        typer.Option(
            metavar="[WORKERS|ADDRESS]",
            help="Let Dask do it: that many workers here, or the scheduler at an address.",
        ),
    ] = None,
    device: console.Device = "cpu",
    threads: console.Threads = None,
    batch_size: console.BatchSize = None,
    max_memory: console.MaxMemory = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only errors.")] = False,
    parent: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Make the parts of a run that are missing.

    Several workers share them: each finds its rank from the options, from SLURM (array, srun),
    torchrun or MPI. Parts with files that could not be read are tried again.
    """
    from gasnet3.run.plan import PlanError
    from gasnet3.run.ranks import find_rank, local_device

    again = f"run gasnet3 work {run} again to go on, what is finished is kept"
    with console.interruptible(again), console.told(PlanError, ValueError, OSError):
        planned = check_plan(run)
        if dask is not None and (rank is not None or world is not None):
            console.fail("--dask shares the work itself: leave out --rank and --world")
        found = find_rank(rank, world)
        device = local_device(device, found)
        threads = console.use_networks(planned.config["models"], device, threads)
        settings = _settings(device, batch_size, max_memory, threads)
        with console.rate("work", quiet=quiet) as update:
            if dask is not None:
                made = _by_dask(planned, dask, settings, update)
            else:
                made = _alone(planned, found.rank, found.world, settings, update, parent)
        failed = {failure.path: failure for part in made for failure in part.failures}
        if not quiet:
            rows = sum(part.rows for part in made)
            who = f"rank {found.rank} of {found.world}: " if found.world > 1 else ""
            console.out.print(f"{who}{len(made)} parts made, {rows} spectra", highlight=False)
    failures = [*planned.failures, *failed.values()]
    show_failures(failures, planned.files)
    raise typer.Exit(console.SOME_FAILED if failures else console.OK)


def _settings(
    device: str, batch_size: int | None, max_memory: str | None, threads: int
) -> Settings:
    from gasnet3.run.memory import parse_size, share_memory
    from gasnet3.run.work import BATCH_ROWS, Settings

    limit = None if max_memory is None else parse_size(max_memory)
    share = share_memory(limit, 1, batch_size or BATCH_ROWS, threads)
    return Settings(device, share.batch_rows, share.threads)


def _alone(
    plan: Plan,
    rank: int,
    world: int,
    settings: Settings,
    update: Callable[[int, int], None],
    parent: int | None,
) -> list[PartResult]:
    from gasnet3.run.work import work as work_on

    total = sum(stop - start for start, stop in map(plan.span, plan.missing(rank, world)))
    done = 0

    def advance(rows: int) -> None:
        nonlocal done
        done += rows
        update(done, total)

    return work_on(
        plan.directory,
        rank,
        world,
        settings=settings,
        on_progress=advance,
        # A worker whose starter is gone would work beside those of the next run.
        going_on=lambda: parent is None or os.getppid() == parent,
    )


def _by_dask(
    plan: Plan, dask: str, settings: Settings, update: Callable[[int, int], None]
) -> list[PartResult]:
    from gasnet3.run.dask import DaskError, work_with_dask

    total = sum(stop - start for start, stop in map(plan.span, plan.missing()))
    done = 0

    def advance(part: PartResult) -> None:
        nonlocal done
        done += part.rows
        update(done, total)

    where = None if dask == LOCAL else int(dask) if dask.isdecimal() else dask
    with console.told(DaskError):
        return work_with_dask(plan.directory, where, settings, advance)
