"""FITS images whose rows are the flux, error, sky, ... of one spectrum: 2dF, 6dF, GAMA, IRAF."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from gasnet3.io.generic.dispersion import axis_of, said_air
from gasnet3.io.generic.fits_keys import add_header
from gasnet3.io.generic.fits_parts import FitsFile, Part, scaled
from gasnet3.io.generic.holding import Held, Holding, axis_held
from gasnet3.io.generic.roles import Described, RolesError
from gasnet3.io.options import ReadOptions
from gasnet3.io.reader import Understood

_SIXDF = ("OBSRA", "OBSDEC", "Z", "Z_HELIO", "QUALITY")
_WORDS = {
    "spectrum": "flux",
    "flux": "flux",
    "science": "flux",
    "variance": "variance",
    "sigma": "error",
    "stdev": "error",
    "error": "error",
    "ivar": "ivar",
    "mask": "mask",
    "wavelength": "wave",
}
"""What rows are called in keywords, and their roles."""

_ROW = re.compile(r"ROW(\d+)", re.IGNORECASE)


def hold_stack(file: FitsFile, options: ReadOptions) -> Holding | None:
    """What images hold whose rows make up one spectrum each; None if there are none.

    Raises
    ------
    RolesError
        If there are, but they cannot be read.
    """
    images = [part for part in file.images if len(part.shape) == 2 and part.shape[0] > 1]
    two = [part for part in images if str(part.header.get("IMAGE", "")).strip() == "SPECTRUM"]
    six = [part for part in images if _is_sixdf(part, file)]
    labelled = [part for part in images if _labels(part)]
    bands = [part for part in file.images if len(part.shape) == 3 and "BANDID1" in part.header]
    if two:
        return _stacked(file, two, ("SPECTRUM", "VARIANCE", "SKY"), "2dF Galaxy Redshift Survey")
    if six:
        rows = ("SPECTRUM", "VARIANCE", "SKY", "WAVELENGTH")
        return _stacked(file, _spliced(six), rows, "6dF Galaxy Survey")
    if labelled:
        return _stacked(file, labelled[:1], _labels(labelled[0]), "")
    if bands:
        return _banded(file, bands[0])
    if any(_ROW.fullmatch(name) for _, name in options.columns):
        if not images:
            raise RolesError("it has no image with rows to be named ROW1, ROW2, ...")
        names = [f"ROW{row + 1}" for row in range(images[0].shape[0])]
        return _stacked(file, images[:1], names, "")
    return None


def _is_sixdf(part: Part, file: FitsFile) -> bool:
    header = part.header if part.index else file.primary
    return part.shape[0] in (3, 4) and all(keyword in header for keyword in _SIXDF)


def _spliced(parts: Sequence[Part]) -> list[Part]:
    """The spectra of both arms, where there are such."""
    named = [part for part in parts if "VR" in part.name.upper()]
    return named or [part for part in parts if part.shape[0] == 4] or list(parts)


def _labels(part: Part) -> list[str]:
    """Names of the rows, as ROW1, ROW2, ... or ARRAY1, ARRAY2, ... have them; [] for none."""
    for keyword in ("ROW", "ARRAY"):
        said = [part.header.get(f"{keyword}{row + 1}") for row in range(part.shape[0])]
        if all(isinstance(text, str) and text.strip() for text in said):
            # A comment may follow the name.
            return [str(text).strip().upper() for text in said]
    return []


def _role(label: str) -> str | None:
    words = re.findall(r"[a-z]+", label.lower())
    return _WORDS.get("".join(words)) or (_WORDS.get(words[0]) if len(words) == 1 else None)


def _stacked(file: FitsFile, parts: Sequence[Part], labels: Sequence[str], survey: str) -> Holding:
    """One spectrum an image; rows by their labels."""
    depth = min(part.shape[0] for part in parts)
    arrays: list[Held] = []
    roles: dict[str, str] = {}
    for row, label in enumerate(labels[:depth]):
        unit = str(parts[0].header.get("BUNIT", "") or "")
        role = _role(label)
        if role == "wave":
            continue  # the header has them, and the row of 6dF is no more exact
        where = f"row {row + 1} of the {parts[0].place}"
        name = label if label not in [held.described.name for held in arrays] else f"ROW{row + 1}"
        arrays.append(Held(Described(name, "pixels", unit, "", where), _rows_of(parts, row)))
        if role is not None:
            roles.setdefault(role, name)
    told = Understood(ignored=_others(file, parts))
    if survey:
        told.assumed.append(f"the order of rows is that of the {survey}")
    holding = Holding(arrays, len(parts), told=told, roles=roles, air=said_air(parts[0].header))
    holding.axis = _axis_of_all(file, parts)
    if len(parts) == 1:
        add_header(holding, parts[0].header, file.primary)
    return holding


def _rows_of(parts: Sequence[Part], row: int) -> Any:
    def load(spectra: slice) -> list[Any]:
        return [part.pixels(slice(row, row + 1))[0] for part in parts[spectra]]

    return load


def _axis_of_all(file: FitsFile, parts: Sequence[Part]) -> Held:
    """The wavelengths of each image."""
    axes = [axis_of(part.header, part.shape[-1]) for part in parts]
    axes = [
        axis or axis_of(file.primary, part.shape[-1])
        for axis, part in zip(axes, parts, strict=True)
    ]
    known = [axis for axis in axes if axis is not None]
    if len(known) < len(axes) or len({(axis.role, axis.unit) for axis in known}) > 1:
        raise RolesError("the keywords of its images (CRVAL1, CDELT1) do not tell wavelengths")
    held = axis_held(known[0])
    if len(known) == 1:
        return held
    return Held(held.described, lambda rows: [axis.values for axis in known[rows]], held.air)


def _banded(file: FitsFile, part: Part) -> Holding:
    """IRAF's bands, apertures and pixels."""
    bands, rows, pixels = part.shape
    arrays: list[Held] = []
    roles: dict[str, str] = {}
    for band in range(bands):
        label = str(part.header.get(f"BANDID{band + 1}", f"band {band + 1}")).strip()
        role = _WORDS.get(re.split(r"\W", label.lower())[0])
        name = f"BAND{band + 1}"
        where = f"band {band + 1} ({label}) of the {part.place}"
        unit = str(part.header.get("BUNIT", "") or "")
        arrays.append(Held(Described(name, "pixels", unit, "", where), _band_of(part, band)))
        if role is not None:
            roles.setdefault(role, name)
    axis = axis_of(part.header, pixels, rows)
    if axis is None:
        raise RolesError("its keywords (CRVAL1, CDELT1, WAT2) do not tell wavelengths")
    told = Understood(ignored=_others(file, [part]))
    return Holding(arrays, rows, axis=axis_held(axis), told=told, roles=roles)


def _band_of(part: Part, band: int) -> Any:
    def load(rows: slice) -> Any:
        return scaled(part.hdu, (band, rows))

    return load


def _others(file: FitsFile, parts: Sequence[Part]) -> list[str]:
    return [f"{part.place}: not used" for part in file.parts if part not in parts]
