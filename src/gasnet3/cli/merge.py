"""gasnet3 merge: the parts of a run in, one catalog out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from gasnet3.cli import console
from gasnet3.cli.show import show_failures

CATALOG_ENDINGS = (".parquet", ".fits", ".csv", ".vot", ".xml")

RunDirectory = Annotated[
    Path, typer.Argument(metavar="RUN", help="Directory that gasnet3 plan made.")
]
DialectOption = Annotated[
    Literal["native", "sdss", "redrock"], typer.Option(help="Whose column names to write.")
]
AllowFailed = Annotated[
    bool,
    typer.Option(
        "--allow-failed", help="Keep rows of files that could not be read, flagged NODATA."
    ),
]


SaveCurves = Annotated[
    Path | None,
    typer.Option("--save-curves", metavar="FILE", help="Write the χ² curves and p(z): .parquet."),
]
SaveModels = Annotated[
    Path | None,
    typer.Option("--save-models", metavar="FILE", help="Write the best models: .fits."),
]


def check_saved(output: Path, curves: Path | None, models: Path | None, *, overwrite: bool) -> None:
    """Refuse files of curves and models that cannot be written, before any work."""
    for path in (curves, models):
        if path is not None and path.absolute() == output.absolute():
            console.fail(f"{path}: is to be the catalog already; give another name")
    for path, ending in ((curves, ".parquet"), (models, ".fits")):
        if path is not None:
            console.check_output(path, overwrite=overwrite, endings=(ending,))


def merge(
    run: RunDirectory,
    output: console.CatalogOutput,
    dialect: DialectOption = "native",
    allow_failed: AllowFailed = False,
    save_curves: SaveCurves = None,
    save_models: SaveModels = None,
    quiet: console.Quiet = False,
    overwrite: console.Overwrite = False,
) -> None:
    """Put the parts of a run together as one catalog.

    Refuses unless every planned spectrum is there exactly once, and says what to do. The
    catalog is the same, to the byte, whoever made the parts.
    """
    from gasnet3.run.merge import merge as merge_parts
    from gasnet3.run.plan import Plan

    console.check_output(output, overwrite=overwrite, endings=CATALOG_ENDINGS)
    check_saved(output, save_curves, save_models, overwrite=overwrite)
    plan = Plan.load(run)
    with console.working("nothing was written, merge again", quiet=quiet) as bar:
        result = merge_parts(
            plan, output, dialect, allow_failed=allow_failed, save_curves=save_curves,
            save_models=save_models, on_progress=bar("merge"),
        )  # fmt: skip
    if result.message:
        console.note(result.message)
    if not quiet:
        console.out.print(f"{result.rows} spectra: {output}")
    show_failures(result.failures, plan.files)
    raise typer.Exit(console.SOME_FAILED if result.failures else console.OK)
