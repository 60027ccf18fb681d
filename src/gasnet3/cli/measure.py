"""gasnet3 measure: catalog and files in, velocity dispersions and emission lines out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from gasnet3.cli import console
from gasnet3.cli.merge import CATALOG_ENDINGS, DialectOption
from gasnet3.cli.show import SHOWN_ROWS, show_failures, show_measured

if TYPE_CHECKING:
    from gasnet3.run.local import RunResult

Only = Literal["vdisp", "lines"]


def measure(
    catalog: Annotated[
        Path,
        typer.Argument(
            metavar="CATALOG", help="Redshifts: a table with id and z, also class and zwarn."
        ),
    ],
    files: console.Inputs,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Table: .parquet, .fits, .csv or .vot.")
    ],
    only: Annotated[
        Only | None, typer.Option("--only", help="Measure this alone. Default: both.")
    ] = None,
    models: console.Models = None,
    batch_size: console.BatchSize = None,
    ids: console.IdsOption = None,
    air: console.Air = None,
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
    """Measure velocity dispersions and emission lines at known redshifts.

    Galaxies get all, quasars their lines, stars nothing; what cannot be measured is empty, and
    measure_warn says why. Each spectrum is found in the catalog by its id. Files that cannot be
    read are listed on stderr and the rest is measured; the exit status is then 1. Run the same
    command again to go on with a run that was stopped.
    """
    console.check_output(output, overwrite=overwrite, endings=CATALOG_ENDINGS)
    again = "run the same command again to go on, what is finished is kept"
    with console.interruptible(again):
        result = _run(
            catalog, files, output, quiet=quiet, threads=threads, batch_size=batch_size,
            memory=max_memory, only=only or "", models=console.chosen(models),
            options=console.reading(air, column, unit, resolution), dialect=dialect,
            ids=console.ids(ids), workers=workers,
        )  # fmt: skip
        if not quiet:
            _show(result)
    show_failures(result.failures, result.files)
    raise typer.Exit(console.SOME_FAILED if result.failures else console.OK)


def _run(
    catalog: Path,
    files: list[str],
    output: Path,
    *,
    quiet: bool,
    threads: int | None,
    batch_size: int | None,
    memory: str | None,
    **settings: object,
) -> RunResult:
    from gasnet3.run.local import measure_files
    from gasnet3.run.memory import parse_size
    from gasnet3.run.work import BATCH_ROWS, Settings

    threads = console.without_networks(threads)
    with console.reported(ValueError, OSError), console.bars(quiet=quiet) as bar:
        return measure_files(
            catalog,
            files,
            output,
            settings=Settings("cpu", batch_size or BATCH_ROWS, threads),
            max_memory=None if memory is None else parse_size(memory),
            on_progress=bar("measure"),
            on_message=console.note,
            **settings,  # type: ignore[arg-type]
        )


def _show(result: RunResult) -> None:
    from gasnet3.catalog.files import open_catalog

    if 0 < result.rows <= SHOWN_ROWS:
        show_measured(open_catalog(result.output).loaded(), result.output)
    else:
        console.out.print(f"{result.rows} spectra: {result.output}")
