"""gasnet3 plan: what a run is to do, for workers that share it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gasnet3.cli import console
from gasnet3.cli.show import show_failures

if TYPE_CHECKING:
    from gasnet3.run.plan import Plan


def plan(
    files: console.Inputs,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="RUN", help="Directory of the run.")
    ],
    solver: console.SolverOption = "hybrid",
    models: console.Models = None,
    n_best: console.NBest = 1,
    classes: console.ClassesOption = None,
    z_range: console.ZRange = None,
    priors: console.PriorsOption = None,
    ids: console.IdsOption = None,
    curves: console.CurvesOption = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(
            "--keep", metavar="KIND", help="Keep curves or models, for gasnet3 merge to write."
        ),
    ] = None,
    air: console.Air = None,
    column: console.ColumnOption = None,
    unit: console.UnitOption = None,
    part_rows: Annotated[
        int | None,
        typer.Option(min=1, help="Spectra a part. Default: from their number, at most 4096."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only errors.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the plan of another run.")
    ] = False,
) -> None:
    """Plan a run: count the spectra of files and cut them into parts.

    Then work on it with gasnet3 work, by one process or many, and merge it.
    """
    options = console.reading(air, column, unit)
    choices, wanted = console.choices(classes, z_range, priors, curves), console.ids(ids)
    with console.rate("count files", quiet=quiet) as update:
        made = _made(
            files, output, overwrite=overwrite, part_rows=part_rows, ids=wanted,
            on_progress=update, models=console.chosen(models), solver=solver, n_best=n_best,
            options=options, choices=choices, keep=keep or (),
        )  # fmt: skip
    if not quiet:
        console.out.print(
            f"{made.rows} spectra in {len(made)} parts: {output}\nnext: gasnet3 work {output}",
            markup=False,
            highlight=False,
        )
    show_failures(made.failures, made.files)
    raise typer.Exit(console.SOME_FAILED if made.failures else console.OK)


def _made(
    files: list[str],
    output: Path,
    *,
    overwrite: bool,
    part_rows: int | None,
    ids: list[str] | None,
    on_progress: Callable[[int, int], None],
    **settings: Any,
) -> Plan:
    """The plan, written; what is wrong with the call is told."""
    from gasnet3.io import ReadError, expand
    from gasnet3.machine.lock import LockError, locked
    from gasnet3.nets.card import ModelError
    from gasnet3.run.config import make_config
    from gasnet3.run.plan import PLAN, make_plan

    if output.exists() and not output.is_dir():
        console.fail(f"{output}: is a file; give a directory")
    if (output / PLAN).exists() and not overwrite:
        console.fail(
            f"{output}: a run is planned there; go on with gasnet3 work {output}, name another "
            "directory, or add --overwrite"
        )
    with (
        console.interruptible("nothing is planned yet"),
        console.told(ReadError, ModelError, LockError, ValueError, OSError),
    ):
        paths = expand(files)
        config = make_config(**settings)
        output.mkdir(parents=True, exist_ok=True)
        with locked(output / ".lock", str(output)):
            return make_plan(
                paths, output, config, part_rows=part_rows, ids=ids, on_progress=on_progress,
                on_message=console.note,
            )  # fmt: skip
