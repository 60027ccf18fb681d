"""gasnet3 report: one page about a catalog, for any browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gasnet3.cli import console


def report(
    catalog: console.Catalog,
    output: Annotated[Path, typer.Option("--output", "-o", help="Page to write: .html.")],
    truth: console.TruthOption = None,
    spectra: Annotated[
        list[str] | None,
        typer.Option(
            "--spectra", help="Files, directories or globs of the catalog's spectra: pictures."
        ),
    ] = None,
    pictures: Annotated[int, typer.Option(min=0, help="Strangest spectra to show.")] = 10,
    models: console.Models = None,
    overwrite: console.Overwrite = False,
) -> None:
    """Write one page about a catalog: counts, plots, a table, and the strangest spectra.

    The page is one file that any browser opens; it needs no server and no network.
    """
    from gasnet3.report.html.page import write_report

    console.check_output(output, overwrite=overwrite, endings=(".html", ".htm"))
    if spectra:
        console.use_torch("cpu")
    with (
        console.reported(ValueError),
        console.bars(quiet=not spectra) as bar,
    ):
        write_report(
            catalog,
            output,
            truth=truth,
            spectra=spectra or (),
            models=console.chosen(models),
            pictures=pictures,
            progress=bar("pictures"),
        )
    console.out.print(str(output))
