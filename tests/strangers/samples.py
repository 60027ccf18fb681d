"""The bundled spectra, and what all forms of them are written with."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units
from astropy.io import fits
from astropy.table import Table
from numpy.typing import NDArray

from gasnet3 import samples

Floats = NDArray[np.float64]

CGS = units.Unit("erg / (s cm2 Angstrom)")

LIGHT = 2.99792458e18
"""Å/s."""


@dataclass(frozen=True)
class Sample:
    """A bundled spectrum: vacuum Å, 1e-17 erg/s/cm²/Å, ``ivar`` 0 where masked."""

    id: str
    cls: str
    z: float
    path: Path
    wave: Floats
    flux: Floats
    ivar: Floats

    @property
    def error(self) -> Floats:
        """1 σ; NaN where masked."""
        return np.divide(
            1.0, np.sqrt(self.ivar), out=np.full(len(self.ivar), np.nan), where=self.ivar > 0
        )

    def on(self, wave: Floats) -> tuple[Floats, Floats]:
        """Flux and error on another grid; as survey pipelines resample, pixel by pixel."""
        good = self.ivar > 0
        flux = np.interp(wave, self.wave[good], self.flux[good], left=np.nan, right=np.nan)
        return flux, np.interp(wave, self.wave[good], self.error[good], left=np.nan, right=np.nan)


def chosen(count: int = 3) -> list[Sample]:
    """One or more bundled spectra of each class."""
    with samples.TRUTH.open() as stream:
        truth = list(csv.DictReader(stream))
    found = []
    for row in truth[:count]:
        path = samples.DIRECTORY / row["file"]
        table = fits.getdata(path, 1)
        wave, flux, ivar = (np.asarray(table[name], float) for name in ("loglam", "flux", "ivar"))
        found.append(Sample(row["id"], row["class"], float(row["z"]), path, 10.0**wave, flux, ivar))
    return found


Made = list[Path]

Write = Callable[[Path, Sequence[Sample]], Made]


def each(ending: str, one: Callable[[Path, Sample], Any]) -> Write:
    """A form with a file for each spectrum."""

    def write(directory: Path, spectra: Sequence[Sample]) -> Made:
        paths = [directory / f"{sample.id}{ending}" for sample in spectra]
        for path, sample in zip(paths, spectra, strict=True):
            one(path, sample)
        return paths

    return write


def together(name: str, one: Callable[[Path, Sequence[Sample]], Any]) -> Write:
    """A form with one file for all spectra."""

    def write(directory: Path, spectra: Sequence[Sample]) -> Made:
        one(directory / name, spectra)
        return [directory / name]

    return write


def rows(spectra: Sequence[Sample], name: str) -> Floats:
    """A property of all spectra, one a row; they share their wavelengths."""
    return np.stack([getattr(sample, name) for sample in spectra])


def per_frequency(sample: Sample, values: Floats, unit: str) -> Floats:
    """Flux or error per frequency."""
    density = units.spectral_density(sample.wave * units.AA)
    return np.asarray((values * 1e-17 * CGS).to_value(unit, density))


def columns(path: Path, **named: Any) -> None:
    """A FITS table of quantities or arrays."""
    Table(named).write(path, format="fits")


def text(path: Path, header: str, *values: Floats, mark: str = " ") -> None:
    """A table of text."""
    lines = [mark.join(f"{value:.8g}" for value in row) for row in zip(*values, strict=True)]
    path.write_text("\n".join([*([header] if header else []), *lines]) + "\n")
