"""gasnet3 classify: files in, catalog out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from gasnet3.cli import console
from gasnet3.cli.show import show_catalog, show_failures

CATALOG_ENDINGS = (".parquet", ".fits", ".csv")


def classify(
    files: console.Inputs,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Catalog: .parquet, .fits or .csv.")
    ],
    solver: console.SolverOption = "hybrid",
    models: console.Models = None,
    device: console.Device = "cpu",
    batch_size: Annotated[int, typer.Option(min=1, help="Spectra worked on at a time.")] = 256,
    n_best: Annotated[int, typer.Option(min=1, help="Solutions kept for each spectrum.")] = 1,
    dialect: Annotated[
        Literal["native", "sdss", "redrock"], typer.Option(help="Whose column names to write.")
    ] = "native",
    threads: console.Threads = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only errors.")] = False,
    overwrite: console.Overwrite = False,
) -> None:
    """Classify spectra and write a catalog.

    Every spectrum gets its class, redshift with error, and warnings. Files that cannot be read
    are listed on stderr and the rest is classified; the exit status is then 1.
    """
    from gasnet3.catalog import write_catalog
    from gasnet3.io import ReadError, expand
    from gasnet3.nets.card import ModelError
    from gasnet3.pipeline import Pipeline
    from gasnet3.run.local import classify_files

    console.check_output(output, overwrite=overwrite, endings=CATALOG_ENDINGS)
    console.use_torch(device, threads)
    with console.told(ModelError, ReadError, ValueError):
        paths = expand(files)
        pipeline = Pipeline.load(console.chosen(models), solver, device)
    with console.progress(f"classify {len(paths)} files:", quiet=quiet) as update:
        result = classify_files(
            paths, pipeline, batch_size=batch_size, n_best=n_best, on_progress=update
        )
    write_catalog(result.table, output, dialect)
    if not quiet:
        show_catalog(result.table, output)
    show_failures(result.failures, len(paths))
    raise typer.Exit(console.SOME_FAILED if result.failures else console.OK)
