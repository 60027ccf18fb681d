"""gasnet3 plan: what a run is to do, for workers that share it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gasnet3.cli import console
from gasnet3.cli.show import show_failures


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
    nz: console.NzOption = None,
    no_continuum: console.NoContinuum = False,
    ids: console.IdsOption = None,
    curves: console.CurvesOption = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(
            "--keep", metavar="KIND", help="Keep curves or models, for gasnet3 merge to write."
        ),
    ] = None,
    air: console.Air = None,
    force_air: console.ForceAir = None,
    column: console.ColumnOption = None,
    unit: console.UnitOption = None,
    resolution: console.ResolutionOption = None,
    part_rows: Annotated[
        int | None,
        typer.Option(min=1, help="Spectra a part. Default: from their number, at most 4096."),
    ] = None,
    quiet: console.Quiet = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the plan of another run.")
    ] = False,
) -> None:
    """Plan a run: count the spectra of files and cut them into parts.

    Then work on it with gasnet3 work, by one process or many, and merge it.
    """
    from gasnet3.io import expand
    from gasnet3.machine.lock import locked
    from gasnet3.pipeline.request import Request
    from gasnet3.run.config import make_config
    from gasnet3.run.plan import PLAN, make_plan

    options = console.reading(air, column, unit, resolution, force_air)
    choices = console.choices(classes, z_range, priors, curves, nz, no_continuum)
    wanted = console.ids(ids)
    if output.exists() and not output.is_dir():
        console.fail(f"{output}: is a file; give a directory")
    if (output / PLAN).exists() and not overwrite:
        console.fail(
            f"{output}: a run is planned there; go on with gasnet3 work {output}, name another "
            "directory, or add --overwrite"
        )
    named = console.chosen(models)
    with console.working("nothing is planned yet", quiet=quiet) as bar:
        request = Request(named, solver, n_best, options, choices, tuple(keep or ()))
        paths = expand(files)
        config = make_config(request)
        output.mkdir(parents=True, exist_ok=True)
        with locked(output / ".lock", str(output)):
            made = make_plan(
                paths, output, config, part_rows=part_rows, ids=wanted,
                on_progress=bar("count files"), on_message=console.note,
            )  # fmt: skip
    if not quiet:
        console.out.print(
            f"{made.rows} spectra in {len(made)} parts: {output}\nnext: gasnet3 work {output}"
        )
    show_failures(made.failures, made.files)
    raise typer.Exit(console.SOME_FAILED if made.failures else console.OK)
