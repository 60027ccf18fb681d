"""What gasnet3 inspect prints."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from textwrap import wrap

from rich.text import Text

from gasnet3.cli.console import Printer, err, out
from gasnet3.io.inspect.report import Inspected, Range, Refused, Sampling
from gasnet3.spectra.resolution import power_of_sigma

WIDTH = 80
"""Columns of a terminal that nobody has made wider."""

LABEL = 13
"""Columns of the names on the left."""

SHOWN_GRIDS = 4
"""Wavelength grids that are shown one by one."""


def show_inspected(report: Inspected, picture: Path | None = None) -> None:
    """Print what was understood of a file."""
    out.print(Text(str(report.path), "bold"))
    for label, text in _measured(report):
        _line(label, text)
    for role, text in report.understood.used:
        _line(role, text, "cyan")
    for text in report.understood.assumed:
        _line("assumed", text, "yellow")
    if report.understood.ignored:
        ignored = [text.removesuffix(": not used") for text in report.understood.ignored]
        _line("not used", "; ".join(ignored), "dim")
    for text in report.warnings:
        _line("warning", text, "bold red")
    if picture is not None:
        _line("picture", str(picture))
    # In one line, to be copied.
    out.print(Text("next".ljust(LABEL), "green"), Text(report.next), sep="")
    out.print()


def show_refused(no: Refused) -> None:
    """Print on stderr why no reader reads a file."""
    err.print(Text(f"{no.path}: cannot be read", "bold"))
    _line("why", no.reason, "bold red", console=err)
    for reader, reason in no.tried.items():
        if reason and reason != no.reason:
            _line(f"as {reader}", reason, console=err)
    known = [reader for reader, reason in no.tried.items() if reason]
    strangers = [reader for reader in no.tried if reader not in known]
    if known:
        _line("taken for", ", ".join(known), "dim", console=err)
    if strangers:
        _line("tried too", f"{', '.join(strangers)}: not of these formats", "dim", console=err)


def _measured(report: Inspected) -> Iterator[tuple[str, str]]:
    first, stop = report.looked_at
    part = f"; looked at rows {first} to {stop - 1}" if stop - first > 1 else f"; row {first}"
    yield "reader", report.reader
    yield "spectra", f"{report.rows}{part if stop - first < report.rows else ''}"
    if report.ids:
        more = ", ..." if stop - first > len(report.ids) else ""
        yield "ids", ", ".join(report.ids) + more
    yield from (("wavelengths", text) for text in _grids(report.grids))
    coverage = _three(report.coverage, ".0%")
    outside = f"{report.outside:.0%} of the file's pixels lie outside"
    low, high = report.wanted
    yield "coverage", f"{coverage} of {low:.0f} to {high:.0f} Å; {outside}"
    used = sum(report.masked.values())
    reasons = ", ".join(f"{reason} {part:.1%}" for reason, part in report.masked.items())
    yield "masked", f"{used:.1%} of the pixels" + (f": {reasons}" if reasons else "")
    if math.isfinite(report.sn[1]):
        yield "S/N", f"{_three(report.sn, '.3g')} a pixel of 69 km/s"
    yield "resolution", _resolution(report.resolution)
    if math.isfinite(report.noise_ratio):
        yield "errors", f"neighbouring pixels scatter {report.noise_ratio:.2f} times the error"
    least, middle, most = report.flux
    if math.isfinite(middle):
        yield "flux", f"median {middle:.3g}, 90 % between {least:.3g} and {most:.3g}"
    labels = [f"{count} {name}" for name, count in report.classes.items()]
    if math.isfinite(report.z[1]):
        labels.append(f"z {_three(report.z, '.4f')}")
    yield "labels", ", ".join(labels) or "none"
    yield (
        "key columns",
        ", ".join(f"{name}={value}" for name, value in report.keys.items()) or "none",
    )
    if report.flags:
        yield "flags", ", ".join(f"{name} {count}" for name, count in report.flags.items())
    yield "memory", f"{report.memory / 1000:.0f} kB a spectrum"


def _resolution(sigma: Range) -> str:
    if not math.isfinite(sigma[1]):
        return "not stated: taken to be that of the models (--resolution)"
    return f"sigma {_three(sigma, '.2f')} pixels of 69 km/s: R {power_of_sigma(sigma[1]):.0f}"


def _grids(grids: list[Sampling]) -> Iterator[str]:
    for grid in grids[:SHOWN_GRIDS]:
        yield (
            f"{grid.first:.1f} to {grid.last:.1f} Å, {grid.pixels} pixels, {grid.spacing}: "
            f"{_two(grid.step)} Å, {_two(grid.step_km_s)} km/s"
        )
    if len(grids) > SHOWN_GRIDS:
        least = min(grid.first for grid in grids)
        yield (
            f"and {len(grids) - SHOWN_GRIDS} other grids; all lie between {least:.1f} and "
            f"{max(grid.last for grid in grids):.1f} Å"
        )


def _two(values: tuple[float, float]) -> str:
    low, high = (f"{value:.3g}" for value in values)
    return low if low == high else f"{low} to {high}"


def _three(values: Range, form: str) -> str:
    """The median, with the range where there is one."""
    if not math.isfinite(values[1]):
        return "nothing"
    low, middle, high = (format(value, form) for value in values)
    return middle if low == high else f"{middle} ({low} to {high})"


def _line(label: str, text: str, style: str = "", console: Printer = out) -> None:
    """A name and a text beside it, in as many lines as 80 columns need."""
    lines = wrap(text, WIDTH - LABEL, break_on_hyphens=False) or [""]
    shown = Text(label.ljust(LABEL - 1)[: LABEL - 1] + " ", style or "bold")
    shown.append(("\n" + " " * LABEL).join(lines), "not bold" if not style else "")
    console.print(shown)
