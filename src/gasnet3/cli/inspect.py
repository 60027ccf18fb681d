"""gasnet3 inspect: what a file is understood to be."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gasnet3.cli import console
from gasnet3.cli.plot import PICTURE_ENDINGS

if TYPE_CHECKING:
    from gasnet3.io.options import ReadOptions
    from gasnet3.spectra.lattice import LogLattice


def inspect(
    files: console.Inputs,
    row: Annotated[
        int | None,
        typer.Option(min=0, help="Look at this spectrum of each file only, counted from 0."),
    ] = None,
    air: console.Air = None,
    force_air: console.ForceAir = None,
    column: console.ColumnOption = None,
    unit: console.UnitOption = None,
    resolution: console.ResolutionOption = None,
    models: console.Models = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Draw the first spectrum: .png, .pdf, .svg or .jpg."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs: a JSON list.")] = False,
    overwrite: console.Overwrite = False,
) -> None:
    """Tell what was understood of files, what was not, and what to type next.

    The exit status is 1 if a file cannot be read; then why each reader refused it is listed.
    """
    from gasnet3.io import expand
    from gasnet3.nets.registry import lattice_of

    if output is not None:
        console.check_output(output, overwrite=overwrite, endings=PICTURE_ENDINGS)
    options = console.reading(air, column, unit, resolution, force_air)
    paths, lattice = expand(files), lattice_of(console.chosen(models))
    if output is not None and len(paths) > 1:
        console.fail(f"-o draws a spectrum of one file, {len(paths)} were named")
    reports, failed = [], False
    for path in paths:
        report, problem = _one(path, options, row, lattice, output, shown=not as_json)
        reports.append(report)
        failed |= problem
    if as_json:
        import json

        from gasnet3.machine.files import jsonable

        typer.echo(json.dumps(jsonable(reports), indent=2, ensure_ascii=False))
    raise typer.Exit(console.SOME_FAILED if failed else console.OK)


def _one(
    path: Path,
    options: ReadOptions,
    row: int | None,
    lattice: LogLattice,
    output: Path | None,
    *,
    shown: bool,
) -> tuple[dict[str, Any], bool]:
    """Inspect one file: what there is to say, and whether it cannot be read."""
    from dataclasses import asdict

    from gasnet3.cli.show_inspected import show_inspected, show_refused
    from gasnet3.io import ReadError
    from gasnet3.io.inspect.inspecting import inspect_file, refused

    try:
        with console.reported(ValueError):
            report, spectra = inspect_file(path, options, row=row, lattice=lattice)
    except ReadError as error:
        no = refused(path, options, error)
        if shown:
            show_refused(no)
        return asdict(no), True
    if output is not None and len(spectra):
        from gasnet3.report.figures import save_figure
        from gasnet3.report.observed import plot_observed

        save_figure(plot_observed(spectra[:1]), output)
    if shown:
        show_inspected(report, output)
    return asdict(report), False
