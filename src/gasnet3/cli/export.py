"""gasnet3 export: networks as ONNX files, for machines without torch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gasnet3.cli import console
from gasnet3.cli.show import grid


def export(
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="New directory for the files.")
    ],
    models: console.Models = None,
    quiet: console.Quiet = False,
) -> None:
    """Export networks to ONNX, for classification where torch is not installed.

    Each is compared with torch as soon as it is written. Then, on any machine:
    gasnet3 classify FILES -o CATALOG --models DIR --solver amortised
    """
    from gasnet3.onnx.export import export as write

    with console.reported(OSError):
        made = write(console.chosen(models), output)
    if not quiet:
        rows = [
            (one.name, one.cls, f"{one.size / 1e6:.1f} MB", f"{one.absolute:.1e}",
             f"{one.relative:.1e}")
            for one in made
        ]  # fmt: skip
        grid(str(output), ("network", "class", "size", "difference", "relative"), rows)
