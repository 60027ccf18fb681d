"""gasnet3 work: the parts of a planned run, or one rank's share of them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from gasnet3.cli import console
from gasnet3.cli.merge import RunDirectory
from gasnet3.cli.show import show_failures

if TYPE_CHECKING:
    from gasnet3.run.work import Settings

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
    quiet: console.Quiet = False,
    parent: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Make the parts of a run that are missing.

    Several workers share them: each finds its rank from the options, from SLURM (array, srun),
    torchrun or MPI. Parts with files that could not be read are tried again.
    """
    from gasnet3.run.dask import work_with_dask
    from gasnet3.run.measuring import MEASURE
    from gasnet3.run.plan import Plan
    from gasnet3.run.ranks import find_rank, local_device
    from gasnet3.run.work import work as make_parts

    again = f"run gasnet3 work {run} again to go on, what is finished is kept"
    with console.interruptible(again), console.reported(ValueError, OSError):
        planned = Plan.load(run)
        if dask is not None and (rank is not None or world is not None):
            console.fail("--dask shares the work itself: leave out --rank and --world")
        found = find_rank(rank, world)
        device = local_device(device, found)
        if MEASURE in planned.config:
            threads = console.without_networks(threads)
        else:
            threads = console.use_networks(planned.request.models, device, threads)
        settings = _settings(device, batch_size, max_memory, threads)
        with console.bars(quiet=quiet) as bar:
            if dask is not None:
                where = None if dask == LOCAL else int(dask) if dask.isdecimal() else dask
                made = work_with_dask(planned, where, settings, bar("work"))
            else:
                made = make_parts(
                    planned, found.rank, found.world, settings=settings, on_progress=bar("work"),
                    # A worker whose starter is gone would work beside those of the next run.
                    going_on=lambda: parent is None or os.getppid() == parent,
                )  # fmt: skip
        failed = {failure.path: failure for part in made for failure in part.failures}
        if not quiet:
            rows = sum(part.rows for part in made)
            who = f"rank {found.rank} of {found.world}: " if found.world > 1 else ""
            console.out.print(f"{who}{len(made)} parts made, {rows} spectra")
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
