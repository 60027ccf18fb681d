"""gasnet3 classify: files in, catalog out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from gasnet3.cli import console
from gasnet3.cli.merge import (
    CATALOG_ENDINGS,
    DialectOption,
    SaveCurves,
    SaveModels,
    check_saved,
)
from gasnet3.cli.show import SHOWN_ROWS, show_catalog, show_failures

if TYPE_CHECKING:
    from gasnet3.run.local import RunResult


def classify(
    files: console.Inputs,
    output: console.CatalogOutput,
    solver: console.SolverOption = "hybrid",
    models: console.Models = None,
    device: console.Device = "cpu",
    batch_size: console.BatchSize = None,
    n_best: console.NBest = 1,
    classes: console.ClassesOption = None,
    z_range: console.ZRange = None,
    priors: console.PriorsOption = None,
    nz: console.NzOption = None,
    no_continuum: console.NoContinuum = False,
    ids: console.IdsOption = None,
    curves: console.CurvesOption = None,
    save_curves: SaveCurves = None,
    save_models: SaveModels = None,
    air: console.Air = None,
    force_air: console.ForceAir = None,
    column: console.ColumnOption = None,
    unit: console.UnitOption = None,
    resolution: console.ResolutionOption = None,
    dialect: DialectOption = "native",
    workers: console.Workers = None,
    threads: console.Threads = None,
    max_memory: console.MaxMemory = None,
    quiet: console.Quiet = False,
    overwrite: console.Overwrite = False,
) -> None:
    """Classify spectra and write a catalog.

    Every spectrum gets its class, redshift with error, and warnings. Files that cannot be read
    are listed on stderr and the rest is classified; the exit status is then 1. Run the same
    command again to go on with a run that was stopped.
    """
    console.check_output(output, overwrite=overwrite, endings=CATALOG_ENDINGS)
    check_saved(output, save_curves, save_models, overwrite=overwrite)
    again = "run the same command again to go on, what is finished is kept"
    with console.interruptible(again):
        result = _run(
            files, output, quiet=quiet, device=device, threads=threads, batch_size=batch_size,
            memory=max_memory, solver=solver, models=console.chosen(models), n_best=n_best,
            options=console.reading(air, column, unit, resolution, force_air), dialect=dialect,
            ids=console.ids(ids),
            choices=console.choices(classes, z_range, priors, curves, nz, no_continuum),
            workers=workers, save_curves=save_curves, save_models=save_models,
        )  # fmt: skip
        if not quiet:
            _show(result)
            _tell_of_templates(console.chosen(models))
    show_failures(result.failures, result.files)
    raise typer.Exit(console.SOME_FAILED if result.failures else console.OK)


def _run(
    files: list[str],
    output: Path,
    *,
    quiet: bool,
    device: str,
    threads: int | None,
    batch_size: int | None,
    memory: str | None,
    **settings: object,
) -> RunResult:
    from gasnet3.run.local import classify_files
    from gasnet3.run.memory import parse_size
    from gasnet3.run.work import BATCH_ROWS, Settings

    threads = console.use_networks(settings["models"], device, threads)
    with console.reported(ValueError, OSError), console.bars(quiet=quiet) as bar:
        return classify_files(
            files,
            output,
            settings=Settings(device, batch_size or BATCH_ROWS, threads),
            max_memory=None if memory is None else parse_size(memory),
            on_progress=bar("classify"),
            on_message=console.note,
            **settings,  # type: ignore[arg-type]
        )


def _tell_of_templates(models: str | list[str]) -> None:
    """Say what answers of models without any fit are worth."""
    from gasnet3.nets.registry import find_models

    if any(info.card.architecture == "templates" for info in find_models(models).values()):
        console.note(
            "these models are templates, to which no confidence was fitted: the least reduced χ² "
            "decides the class, p_z is empty, z_err is formal, and zwarn warns where another "
            "redshift is nearer than 9 in χ²"
        )


def _show(result: RunResult) -> None:
    from gasnet3.catalog.best import best_rows
    from gasnet3.catalog.files import open_catalog

    if 0 < result.rows <= SHOWN_ROWS:
        table = open_catalog(result.output).loaded()
        show_catalog(table, result.output)
        console.note_repeated(result.output, table["id"][best_rows(table)].tolist())
    else:
        console.out.print(f"{result.rows} spectra: {result.output}")
