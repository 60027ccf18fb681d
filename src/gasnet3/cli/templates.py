"""gasnet3 templates: models of template libraries."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gasnet3.cli import console
from gasnet3.cli.models import show_models

if TYPE_CHECKING:
    from gasnet3.spectra.lattice import LogLattice


class Action(StrEnum):
    """What is done with templates."""

    ADD = "add"


def templates(
    action: Annotated[
        Action, typer.Argument(metavar="add", help="Make models of files of templates.")
    ],
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILES",
            help="redrock's rrtemplate-*.fits, spec1d's spEigen*.fits, .npz with k0 and flux, or "
            "files of spectra at rest, each a template.",
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="DIR", help="Directory of models, made or added to."
        ),
    ],
    cls: Annotated[
        str | None, typer.Option("--class", help="Class of all templates. Default: as files say.")
    ] = None,
    subclass: Annotated[
        str | None, typer.Option(help="Subclass of all templates. Default: as files say.")
    ] = None,
    z_range: Annotated[
        str | None,
        typer.Option(
            metavar="LOW:HIGH",
            help="Redshifts to look at. Default: as files say, else what is usual of the class.",
        ),
    ] = None,
    wave: Annotated[
        str | None,
        typer.Option(
            metavar="LOW:HIGH",
            help="Å of the spectra that are looked at; all models of a directory have the same. "
            "Default: 3600:9200.",
        ),
    ] = None,
    degree: Annotated[
        int,
        typer.Option(
            min=-1, help="Degree of the polynomial that is fitted beside templates; -1 for none."
        ),
    ] = -1,
    air: console.Air = None,
    column: console.ColumnOption = None,
    unit: console.UnitOption = None,
    resolution: Annotated[
        str | None,
        typer.Option(
            metavar="R=600|fwhm=5A",
            help="Resolution of the templates. Default: sharp where their pixels are finer than "
            "ours, else ours.",
        ),
    ] = None,
    overwrite: console.Overwrite = False,
    quiet: console.Quiet = False,
) -> None:
    """Make models of templates: redrock's, spec1d's, or your own.

    Then: gasnet3 classify FILES -o CATALOG --models DIR. Such models have no network: they are for
    the hybrid and the exact solver. Several of one class compete, and subclass names the best.
    """
    from gasnet3.spectra.lattice import OBSERVED
    from gasnet3.train.templates import TemplateOptions, add_templates

    reading = console.reading(air, column, unit, resolution)
    with console.reported(ValueError, OSError):
        options = TemplateOptions(
            (cls or "").upper(), subclass or "", None if z_range is None else _pair(z_range),
            OBSERVED if wave is None else _lattice(wave), degree, reading,
        )  # fmt: skip
        made = add_templates(files, output, options, overwrite=overwrite)
    if not quiet:
        show_models(output, {card.name for card in made})


def _pair(text: str) -> tuple[float, float]:
    """Two numbers; ValueError if a text has another form."""
    low, _, high = text.partition(":")
    try:
        return float(low), float(high)
    except ValueError:
        raise ValueError(f"{text!r} is not of the form LOW:HIGH, such as 0:1.5") from None


def _lattice(text: str) -> LogLattice:
    """Pixels between two wavelengths in Å; ValueError where there are few, or none."""
    import numpy as np

    from gasnet3.spectra.coverage import MIN_GOOD
    from gasnet3.spectra.lattice import STEP, LogLattice

    low, high = _pair(text)
    if not 0 < low < high < np.inf:
        raise ValueError(f"--wave {text}: give wavelengths in Å, the lower one first")
    first, last = (round(float(np.log10(end)) / STEP) for end in (low, high))
    if last - first + 1 < MIN_GOOD:
        raise ValueError(f"--wave {text}: {MIN_GOOD} pixels of 69 km/s are needed")
    return LogLattice(first, last - first + 1)
