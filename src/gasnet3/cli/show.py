"""Tables that the commands print."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gasnet3.cli.console import err, out

if TYPE_CHECKING:
    from gasnet3.catalog.rows import Rows
    from gasnet3.io import ReadFailure

FIRST_ROWS = 12
"""Rows of the catalog that are printed."""

SHOWN_ROWS = 20_000
"""Tables up to so many spectra are read again when they are written, to sum them up."""


def grid(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table, numbers to the right."""
    from rich.table import Table as Grid

    table = Grid(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for index, column in enumerate(columns):
        number = bool(rows) and all(_is_number(row[index]) for row in rows)
        table.add_column(column, justify="right" if number else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    out.print(table)
    out.print()


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def show_catalog(table: Rows, path: Path) -> None:
    """Print the first rows, the classes, the warnings and where the catalog is."""
    from gasnet3.flags import MEANING, Notes, names
    from gasnet3.report.summary import summarise

    told = ("id", "class", "z", "z_err", "rchi2", "zwarn", "notes")
    rows = [
        (
            str(name), str(cls) or "none", f"{z:.5f}", f"{z_err:.5f}", f"{rchi2:.3f}",
            " ".join(names(int(zwarn))) or "0", " ".join(names(int(notes), Notes)) or "0",
        )
        for name, cls, z, z_err, rchi2, zwarn, notes in zip(
            *(table[name][:FIRST_ROWS] for name in told), strict=True
        )
    ]  # fmt: skip
    title = f"First {len(rows)} of {len(table)} rows"
    grid(title, told, rows)
    summary = summarise(table)
    classes = [(c.name, str(c.count), str(c.flagged), f"{c.sn:.1f}") for c in summary.classes]
    grid("By class", ("class", "spectra", "flagged", "median S/N"), classes)
    for title, bit, counts in (
        ("Why flagged: the redshift may be wrong (a spectrum may have several)", "zwarn",
         summary.flags),
        ("Notes: what is unusual, while the redshift may be right", "notes", summary.notes),
    ):  # fmt: skip
        if counts:
            why = [(name, str(count), MEANING[name]) for name, count in counts.items()]
            grid(title, (f"{bit} bit", "spectra", "meaning"), why)
    out.print(f"{summary.count} spectra, {summary.flagged} flagged: {path}")


def show_measured(table: Rows, path: Path) -> None:
    """Print the first rows of what was measured, why things are missing, and where it is."""
    from gasnet3.flags import MEASURE_DESCRIPTION, MeasureWarn, names

    shown = ("vdisp", "halpha_flux", "oiii_5008_flux", "bpt", "subclass")
    columns = [name for name in shown if name in table.colnames]
    rows = [
        (
            str(row["id"]), str(row["class"]) or "none", f"{row['z']:.5f}",
            *(str(row[n]) or "-" if n in ("bpt", "subclass") else f"{row[n]:.4g}" for n in columns),
            " ".join(names(int(row["measure_warn"]), MeasureWarn)) or "0",
        )
        for row in table[:FIRST_ROWS]
    ]  # fmt: skip
    title = f"First {len(rows)} of {len(table)} rows"
    grid(title, ("id", "class", "z", *columns, "measure_warn"), rows)
    why = [
        (flag.name or "", str(count), text)
        for flag, text in MEASURE_DESCRIPTION.items()
        if (count := int(((table["measure_warn"] & int(flag)) != 0).sum()))
    ]
    if why:
        grid("What could not be measured", ("measure_warn bit", "spectra", "meaning"), why)
    out.print(f"{len(table)} spectra: {path}")


def show_failures(failures: Sequence[ReadFailure], files: int) -> None:
    """List on stderr the files that could not be read, with the reasons."""
    if not failures:
        return
    err.print(f"{len(failures)} of {files} files could not be read:")
    for failure in failures:
        err.print(f"  {failure.path}: {failure.reason}")
