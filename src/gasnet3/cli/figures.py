"""gasnet3 figures: the figures of the paper from one's own catalog."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from gasnet3.cli import console

if TYPE_CHECKING:
    from gasnet3.paper.figures import Inputs


History = Annotated[
    list[Path] | None, typer.Option(help="history.csv of a training, once for each network.")
]
Only = Annotated[
    str | None, typer.Option(metavar="8,12,A1", help="Numbers of the figures. Default: all.")
]


def figures(
    catalog: console.Catalog,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Directory for the pictures; made if absent.")
    ],
    truth: console.TruthOption = None,
    spectra: console.SpectraOption = None,
    history: History = None,
    only: Only = None,
    kind: Annotated[Literal["png", "pdf", "svg"], typer.Option(help="Kind of picture.")] = "png",
    models: console.Models = None,
    threads: console.Threads = None,
    overwrite: console.Overwrite = False,
) -> None:
    """Draw the figures of the paper from a catalog: all that the inputs allow.

    For each figure left out it says what to give.
    """
    from gasnet3.catalog import read_catalog
    from gasnet3.paper.figures import FIGURES, read_inputs

    wanted = _numbers(only, list(FIGURES))
    _check_directory(output, [f"{FIGURES[n].file}.{kind}" for n in wanted], overwrite=overwrite)
    for path in history or ():
        if not path.is_file():
            console.fail(f"--history {path}: no such file")
    with console.reported(ValueError):
        inputs = read_inputs(
            read_catalog(catalog), truth, spectra or (), console.chosen(models), history or ()
        )
    console.use_torch("cpu", threads)
    output.mkdir(exist_ok=True)
    _draw(inputs, output, wanted, kind)


def _draw(inputs: Inputs, output: Path, wanted: list[str], kind: str) -> None:
    """Draw, and say what was drawn and what was not."""
    from gasnet3.paper.figures import FIGURES, draw

    with console.reported(ValueError), console.bars(quiet=False) as bar:
        drawn, left_out = draw(inputs, output, wanted, ending=f".{kind}", on_figure=bar("figures"))
        if {"6", "7", "14", "C1"} & set(drawn) and not inputs.same_models:
            console.note("the catalog was made by other models; give those with --models")
    for number, path in drawn.items():
        console.out.print(f"{path}  {FIGURES[number].shows}")
    for number, why in left_out.items():
        console.note(f"no Fig. {number}: {why}")
    if not drawn:
        raise typer.Exit(console.BAD_USAGE)


def _numbers(only: str | None, known: list[str]) -> list[str]:
    """The figures asked for with --only, each once; all without it."""
    asked = [part.strip().upper() for part in only.split(",")] if only else known
    if unknown := [number for number in asked if number not in known]:
        console.fail(f"--only: no figure {', '.join(unknown)}; there are {', '.join(known)}")
    return list(dict.fromkeys(asked))


def _check_directory(directory: Path, files: list[str], *, overwrite: bool) -> None:
    """Refuse a directory that cannot be made, or pictures that would be replaced."""
    if directory.exists() and not directory.is_dir():
        console.fail(f"{directory}: is a file; give a directory")
    if not directory.parent.is_dir():
        console.fail(f"{directory}: the directory {directory.parent} does not exist; make it first")
    there = [name for name in files if (directory / name).exists()]
    if there and not overwrite:
        console.fail(f"{directory / there[0]}: exists already; add --overwrite, or name another")
