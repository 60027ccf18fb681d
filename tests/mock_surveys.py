"""Small files in the layouts of surveys, made by code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

ARMS = {"B": (3600.0, 5800.0), "R": (5760.0, 7620.0), "Z": (7520.0, 9824.0)}


def desi(
    path: Path,
    targetid: Sequence[int] = (39627866878511337, -2713437, 616088619186127404),
    *,
    spectra: bool = False,
    arms: Mapping[str, tuple[float, float]] = ARMS,
    step: float = 8.0,
    columns: Mapping[str, tuple[str, Any]] | None = None,
    keywords: Mapping[str, Any] | None = None,
    images: Mapping[str, Any] | None = None,
    fibermap_last: bool = False,
) -> Path:
    """Write a DESI ``coadd``, or ``spectra`` (one row an exposure); flux is the row's number.

    ``columns`` and ``images`` replace those of the file by name; None leaves one out.
    """
    rows = len(targetid)
    status = "FIBERSTATUS" if spectra else "COADD_FIBERSTATUS"
    listed: dict[str, tuple[str, Any] | None] = {
        "TARGETID": ("K", targetid),
        status: ("J", np.zeros(rows, int)),
        "TARGET_RA": ("D", 150 + np.arange(rows) / 10),
        "TARGET_DEC": ("D", np.full(rows, 2.0)),
        "OBJTYPE": ("3A", ["TGT"] * rows),
        "FLUX_R": ("E", np.ones(rows)),
        **(columns or {}),
    }
    fibermap = fits.BinTableHDU.from_columns(
        [fits.Column(name, made[0], array=made[1]) for name, made in listed.items() if made],
        name="FIBERMAP",
    )
    hdus: list[Any] = [] if fibermap_last else [fibermap]
    for arm, (first, last) in arms.items():
        wave = np.arange(first, last + step / 2, step)
        made = {
            f"{arm}_WAVELENGTH": wave,
            f"{arm}_FLUX": np.outer(np.arange(rows) + 1, np.ones(wave.size)).astype(np.float32),
            f"{arm}_IVAR": np.full((rows, wave.size), 4, np.float32),
            f"{arm}_MASK": np.zeros((rows, wave.size), np.int32),
            f"{arm}_RESOLUTION": np.zeros((rows, 3, wave.size), np.float32),
        }
        made = {name: (images or {}).get(name, image) for name, image in made.items()}
        hdus += [fits.ImageHDU(image, name=n) for n, image in made.items() if image is not None]
    primary = fits.PrimaryHDU()
    primary.header.update({"SURVEY": "sv3", "PROGRAM": "dark", "HPXPIXEL": 26065})
    primary.header.update(keywords or {})
    fits.HDUList([primary, *hdus, *([fibermap] if fibermap_last else [])]).writeto(path)
    return path


LAMOST_KEYS: dict[str, Any] = {
    "TELESCOP": "LAMOST",
    "OBSID": 101001,
    "DESIG": "LAMOST J220848.54-020324.3",
    "LMJD": 55859,
    "MJD": 55858,
    "PLANID": "F5902",
    "SPID": 1,
    "FIBERID": 7,
    "RA": 332.2,
    "DEC": -2.05,
    "FIBERTYP": "Obj",
    "CLASS": "STAR",
    "SUBCLASS": "G7",
    "Z": -0.0001387,
    "VACUUM": True,
    "COEFF0": 3.5682,
    "COEFF1": 0.0001,
}


def lamost(
    path: Path,
    *,
    table: bool = False,
    keys: Mapping[str, Any] | None = None,
    pixels: int = 300,
    replaced: Mapping[int, Any] | None = None,
    bits: type = np.float32,
    name: str = "COADD",
) -> Path:
    """Write a LAMOST low-resolution file: an image of rows, or (DR8 and later) a table.

    ``keys`` replaces keywords, None leaves one out; ``replaced`` replaces rows or columns by
    number: flux, ivar, wavelength, and-mask, or-mask.
    """
    header = {**LAMOST_KEYS, **(keys or {})}
    wave = 10 ** (3.5682 + 1e-4 * np.arange(pixels))
    values = [np.arange(1.0, pixels + 1), np.full(pixels, 4.0), wave, *np.zeros((2, pixels))]
    for row, made in (replaced or {}).items():
        values[row] = made
    names = ("FLUX", "IVAR", "WAVELENGTH", "ANDMASK", "ORMASK")
    if table:
        columns = [
            fits.Column(label, f"{len(row)}E", array=[row])
            for label, row in zip(names, values, strict=True)
            if row is not None
        ]
        hdus = [fits.PrimaryHDU(), fits.BinTableHDU.from_columns(columns, name=name)]
    else:
        hdus = [fits.PrimaryHDU(np.array(values, bits))]
    hdus[0].header.update({k: value for k, value in header.items() if value is not None})
    fits.HDUList(hdus).writeto(path)
    return path


SPSPEC_KEYS: dict[str, Any] = {
    "COEFF0": 3.6,
    "COEFF1": 1e-4,
    "PLATEID": 266,
    "MJD": 51630,
    "FIBERID": 27,
    "RA": 145.0,
    "DEC": 0.0,
    "RAOBJ": 146.5,
    "DECOBJ": -0.5,
    "OBJTYPE": "GALAXY",
    "SPEC_CLN": 2,
    "Z": 0.0415,
    "Z_STATUS": 3,
    "BUNIT": "1.0E-17 erg/cm/s/Ang",
}


def spspec(
    path: Path,
    *,
    keys: Mapping[str, Any] | None = None,
    replaced: Mapping[int, Any] | None = None,
    and_mask: Any = None,
    pixels: int = 300,
) -> Path:
    """Write an SDSS DR7 ``spSpec``; ``and_mask`` adds the table that ends the survey's files."""
    flux = np.arange(1.0, pixels + 1)
    rows = [flux, np.zeros(pixels), np.full(pixels, 0.5), np.zeros(pixels), np.zeros(pixels)]
    for row, made in (replaced or {}).items():
        rows[row] = made
    hdus: list[Any] = [fits.PrimaryHDU(np.array(rows, np.float32))]
    header = {**SPSPEC_KEYS, **(keys or {})}
    hdus[0].header.update({k: value for k, value in header.items() if value is not None})
    lines = [fits.Column("wave", "E", array=[1.0, 2.0]), fits.Column("z", "E", array=[0.1, 0.1])]
    hdus.append(fits.BinTableHDU.from_columns(lines))
    if and_mask is not None:
        masks = [
            fits.Column("andMask", "J", array=and_mask),
            fits.Column("orMask", "J", array=np.zeros(len(and_mask), int)),
        ]
        hdus.append(fits.BinTableHDU.from_columns(masks))
    fits.HDUList(hdus).writeto(path)
    return path
