"""gasnet3 plot: a spectrum with its fit, χ² curves and p(z), or a page of spectra."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gasnet3.cli import console
from gasnet3.cli.show import show_failures

if TYPE_CHECKING:
    from gasnet3.io import ReadFailure, ReadOptions
    from gasnet3.spectra.batch import Spectra

PICTURE_ENDINGS = (".png", ".pdf", ".svg", ".jpg")

READ_ROWS = 256
"""Spectra read at once."""


def plot(
    files: console.Inputs,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Picture: .png, .pdf, .svg or .jpg.")
    ],
    row: Annotated[
        int | None, typer.Option(min=0, help="Which spectrum, counted from 0 over all files.")
    ] = None,
    spectrum_id: Annotated[
        str | None, typer.Option("--id", help="Which spectrum, by the id of the catalog.")
    ] = None,
    gallery: Annotated[
        bool, typer.Option("--gallery", help="All the spectra, a small panel each.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, help="Most panels of a gallery.")] = 30,
    measured: Annotated[
        bool, typer.Option("--measure", help="Stars, lines and residual at the best redshift.")
    ] = False,
    air: console.Air = None,
    force_air: console.ForceAir = None,
    column: console.ColumnOption = None,
    unit: console.UnitOption = None,
    resolution: console.ResolutionOption = None,
    solver: console.SolverOption = "hybrid",
    models: console.Models = None,
    no_continuum: console.NoContinuum = False,
    device: console.Device = "cpu",
    threads: console.Threads = None,
    overwrite: console.Overwrite = False,
) -> None:
    """Draw spectra with their fits.

    One spectrum: its reconstruction with lines named, and the χ² curve and p(z) of each class. With
    --measure the stars and lines that gasnet3 measure fits, with --gallery a page of spectra.
    Files that cannot be read are listed on stderr and the others drawn; the exit status is then 1.
    """
    console.check_output(output, overwrite=overwrite, endings=PICTURE_ENDINGS)
    if gallery and measured:
        console.fail("--measure draws one spectrum: leave out --gallery")
    if gallery and (row is not None or spectrum_id is not None):
        console.fail("--gallery draws all spectra: leave out --row and --id")
    options = console.reading(air, column, unit, resolution, force_air)
    spectra, failures, count = _readable(files, options, console.chosen(models))
    one = None if gallery else _chosen(spectra, row, spectrum_id)

    from gasnet3.pipeline.choices import Choices
    from gasnet3.pipeline.pipeline import Pipeline
    from gasnet3.report.figures import plot_closeup, plot_gallery, save_figure

    console.use_torch(device, threads)
    with console.reported(ValueError):
        choices = Choices(continuum=not no_continuum)
        pipeline = Pipeline.load(console.chosen(models), solver, device, choices)
        if one is not None:
            closeup = pipeline.inspect(spectra, one)
            figure = plot_closeup(closeup)
            if measured:
                from gasnet3.measurement.table import load_measurer
                from gasnet3.report.measured import plot_measured

                here = spectra[one : one + 1]
                measurer = load_measurer(console.chosen(models))
                figure = plot_measured(measurer, here, closeup.z, closeup.cls)
        else:
            panels = min(limit, len(spectra))
            figure = plot_gallery([pipeline.inspect(spectra, i) for i in range(panels)])
            if panels < len(spectra):
                console.err.print(f"drew the first {panels} of {len(spectra)} spectra (--limit)")
        save_figure(figure, output)
    console.out.print(str(output))
    show_failures(failures, count)
    raise typer.Exit(console.SOME_FAILED if failures else console.OK)


def _readable(
    files: list[str], options: ReadOptions, models: str | list[str]
) -> tuple[Spectra, list[ReadFailure], int]:
    """The spectra of all files that can be read, those that cannot, and how many there are."""
    from gasnet3.io import expand, iter_batches
    from gasnet3.nets.registry import lattice_of
    from gasnet3.spectra.batch import Spectra

    failures: list[ReadFailure] = []
    paths = expand(files)
    lattice = lattice_of(models)
    found = list(iter_batches(paths, READ_ROWS, failures, options=options, lattice=lattice))
    if not found:
        show_failures(failures, len(paths))
        console.fail("there is no spectrum to draw")
    return Spectra.concatenate(found), failures, len(paths)


def _chosen(spectra: Spectra, row: int | None, spectrum_id: str | None) -> int:
    """Index of the wanted spectrum; it need not be said when there is only one."""
    ids = [str(name) for name in spectra.ids]
    if row is not None and spectrum_id is not None:
        console.fail("give --row or --id, not both")
    if spectrum_id is not None:
        if spectrum_id not in ids:
            shown = ", ".join(ids[:5]) + (", ..." if len(ids) > 5 else "")
            console.fail(f"no spectrum with id {spectrum_id!r} among {len(ids)}: {shown}")
        return ids.index(spectrum_id)
    if row is None:
        if len(ids) != 1:
            console.fail(f"the files hold {len(ids)} spectra: choose with --row, --id or --gallery")
        return 0
    if row >= len(ids):
        console.fail(f"row {row}: the files hold {len(ids)} spectra, rows 0 to {len(ids) - 1}")
    return row
