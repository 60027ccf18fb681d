"""Text as strangers write it."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from astropy import units
from astropy.table import Table

from strangers.samples import CGS, Sample, text


def ecsv(path: Path, sample: Sample) -> None:
    unit = units.Unit("W / (m2 um)")
    Table(
        {
            "wavelength": sample.wave / 1e4 * units.um,
            "flux": (sample.flux * 1e-17 * CGS).to(unit),
            "uncertainty": (sample.error * 1e-17 * CGS).to(unit),
        }
    ).write(path, format="ascii.ecsv")


def descending(path: Path, sample: Sample) -> None:
    order = slice(None, None, -1)
    values = (sample.wave[order], sample.flux[order], sample.error[order])
    text(path, "wavelength,flux,flux_error", *values, mark=",")


def without_unit_cgs(path: Path, sample: Sample) -> None:
    text(path, "# lambda flux sigma", sample.wave, sample.flux * 1e-17, sample.error * 1e-17)


def zipped(write: Callable[[Path, Sample], Any]) -> Callable[[Path, Sample], Any]:
    """The same, zipped."""

    def one(path: Path, sample: Sample) -> None:
        plain = path.with_suffix("")
        write(plain, sample)
        path.write_bytes(gzip.compress(plain.read_bytes()))
        plain.unlink()

    return one


def semicolons(path: Path, sample: Sample) -> None:
    """A spreadsheet of a country with decimal commas."""
    lines = ["lambda;flux;error"]
    for row in zip(sample.wave, sample.flux, sample.error, strict=True):
        lines.append(";".join(f"{value:.6f}".replace(".", ",") for value in row))
    path.write_text("\n".join(lines) + "\n")


def with_index(path: Path, sample: Sample) -> None:
    """As pandas writes it: an index without a name, NaN empty."""
    lines = [",wave,flux,ivar"]
    for at, row in enumerate(zip(sample.wave, sample.flux, sample.ivar, strict=True)):
        lines.append(f"{at}," + ",".join(f"{value:.8g}" for value in row))
    path.write_text("\n".join(lines) + "\n")


def tidy(path: Path, spectra: Sequence[Sample]) -> None:
    """All spectra one below the other, a pixel a row, as data frames are kept."""
    lines = ["objid,wave,flux,err,exptime"]
    for sample in spectra:
        for row in zip(sample.wave, sample.flux, sample.error, strict=True):
            lines.append(f"{sample.id}," + ",".join(f"{value:.8g}" for value in row) + ",900")
    path.write_text("\n".join(lines) + "\n")


def partial(path: Path, sample: Sample) -> None:
    inside = (sample.wave > 5000) & (sample.wave < 7000)
    text(path, "", sample.wave[inside], sample.flux[inside], sample.error[inside], mark=",")
