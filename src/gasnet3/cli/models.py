"""gasnet3 models: the models there are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gasnet3.cli import console
from gasnet3.cli.show import grid

if TYPE_CHECKING:
    from gasnet3.nets.registry import ModelInfo, TrunkInfo


def models(
    directory: Annotated[
        Path | None,
        typer.Argument(
            metavar="DIRECTORY", help="Directory of models; the shipped ones if left out."
        ),
    ] = None,
) -> None:
    """List the models there are, and what --models calls the shipped ones together."""
    from gasnet3.nets.registry import SETS, SHIPPED, list_models, list_trunk, shipped_sets

    where = SHIPPED if directory is None else directory
    if not where.is_dir():
        console.fail(f"{where}: not a directory")
    known = list_models(where)
    if not known:
        console.fail(f"{where}: no model cards (.json) in this directory")
    _show(str(where), known, list_trunk(where))
    if directory is None:
        for name in shipped_sets():
            title = f"--models {name} (other classes: those of {SETS[0]})"
            _show(title, list_models(SHIPPED / name), list_trunk(SHIPPED / name))


def show_models(directory: Path, names: set[str]) -> None:
    """A line for each of some models of a directory."""
    from gasnet3.nets.registry import list_models

    _show(str(directory), [info for info in list_models(directory) if info.name in names], None)


def _show(title: str, known: list[ModelInfo], trunk: TrunkInfo | None) -> None:
    """A line a model, and one for the trunk that serves them."""
    rows = []
    for info in known:
        card = info.card
        cls = f"{card.cls} {card.subclass}".strip()
        options = ", ".join(f"{key} = {value}" for key, value in card.options.items())
        z_range = f"{card.z_min:g} to {card.z_max:g}"
        ends = "{:.0f} to {:.0f}".format(*card.observed.wave[[0, -1]])
        size = f"{info.weights.stat().st_size / 1e6:.1f} MB"
        rows.append(
            (info.name, cls, card.architecture, options, z_range, ends, str(card.degree), size,
             card.licence, card.sha256[:12])
        )  # fmt: skip
    if trunk is not None:
        of, ends = trunk.card, "{:.0f} to {:.0f}".format(*trunk.card.observed.wave[[0, -1]])
        widths = f"widths = {of.options.get('widths')}"
        size = f"{trunk.weights.stat().st_size / 1e6:.1f} MB"
        served = ", ".join(
            cls
            for cls in of.classes
            if any(i.card.cls == cls and of.serves([i.card]) for i in known)
        )
        rows.append(
            (trunk.path.stem, served, "trunk", widths, "", ends, str(of.degree), size, of.licence,
             of.sha256[:12])
        )  # fmt: skip
    heads = ("name", "class", "network", "options", "z", "Å", "degree", "size", "licence", "sha256")
    grid(title, heads, rows)
