"""gasnet3 evaluate: a catalog against the truth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from gasnet3.classes import CLASSES
from gasnet3.cli import console

if TYPE_CHECKING:
    from gasnet3.evaluate.metrics import Threshold


def evaluate(
    catalog: console.Catalog,
    truth: Annotated[
        Path,
        typer.Argument(
            metavar="TRUTH", help="Table (.csv, .parquet, .fits) with id or file, class and z."
        ),
    ],
    json: Annotated[
        Path | None, typer.Option("--json", help="Write all numbers and curves here as well.")
    ] = None,
    thresholds: Annotated[
        Literal["paper", "sdss", "4most"], typer.Option(help="Whose limits on Δz to take.")
    ] = "paper",
    gf: Annotated[
        list[str] | None,
        typer.Option("--gf", metavar="CLASS=LIMIT", help="Your own limit, such as GALAXY=3e-4."),
    ] = None,
    overwrite: console.Overwrite = False,
) -> None:
    """Compare a catalog with the truth.

    Prints accuracy, redshift errors and good fractions (paper, eq. 13-20), pulls and the
    confusion matrix; the JSON file has the curves against S/N and robustness as well.
    """
    from gasnet3.catalog.files import open_catalog
    from gasnet3.evaluate.evaluation import evaluate as compare
    from gasnet3.evaluate.metrics import THRESHOLDS
    from gasnet3.evaluate.tables import tables

    limits: dict[str, Threshold] = {**THRESHOLDS[thresholds], **_own_limits(gf or [])}
    if json is not None:
        console.check_output(json, overwrite=overwrite, endings=(".json",))
    with console.reported(ValueError):
        result = compare(open_catalog(catalog), truth, limits)
    console.out.print(tables(result))
    if json is not None:
        result.to_json(json)


def _own_limits(given: list[str]) -> dict[str, float]:
    """Limits by class from CLASS=LIMIT."""
    limits = {}
    for text in given:
        cls, _, number = text.partition("=")
        try:
            limits[cls] = float(number)
        except ValueError:
            console.fail(f"--gf {text}: give a class and a number, as GALAXY=3e-4")
        if cls not in CLASSES:
            known = ", ".join(CLASSES)
            console.fail(f"--gf {text}: there is no class {cls!r}, choose one of {known}")
    return limits
