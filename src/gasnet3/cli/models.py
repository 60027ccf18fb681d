"""gasnet3 models: the models there are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gasnet3.cli import console
from gasnet3.cli.show import grid


def models(
    directory: Annotated[
        Path | None,
        typer.Argument(
            metavar="DIRECTORY", help="Directory of models; the shipped ones if left out."
        ),
    ] = None,
) -> None:
    """List the models there are."""
    from gasnet3.nets.registry import SHIPPED, list_models

    where = SHIPPED if directory is None else directory
    if not where.is_dir():
        console.fail(f"{where}: not a directory")
    known = list_models(where)
    if not known:
        console.fail(f"{where}: no model cards (.json) in this directory")
    rows = []
    for info in known:
        card = info.card
        options = ", ".join(f"{key} = {value}" for key, value in card.options.items())
        z_range = f"{card.z_min:g} to {card.z_max:g}"
        size = f"{info.weights.stat().st_size / 1e6:.1f} MB"
        rows.append(
            (info.name, card.cls, card.architecture, options, z_range, str(card.degree), size,
             card.licence, card.sha256[:12])
        )  # fmt: skip
    heads = ("name", "class", "network", "options", "z", "degree", "size", "licence", "sha256")
    grid(str(where), heads, rows)
