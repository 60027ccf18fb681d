"""FITS images whose rows (or columns) are the wavelengths, flux, error, ... of one spectrum."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasnet3.io.generic.dispersion import axis_of, said_air
from gasnet3.io.generic.fits_keys import add_header
from gasnet3.io.generic.fits_parts import FitsFile, Part, scaled
from gasnet3.io.generic.holding import Holding, axis_held
from gasnet3.io.generic.pieces import FEWEST_PIXELS
from gasnet3.io.generic.roles import Held, Load, RolesError
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
    "wave": "wave",
    "lambda": "wave",
    "normalizedfluxspectrum": "flux",
    "normalisedfluxspectrum": "flux",
    "normalizederror": "error",
    "normalisederror": "error",
    "fluxspectrum": "flux",
    "errorspectrum": "error",
    "fluxerror": "error",
    "errorflux": "error",
}
"""What rows are called in keywords, and their roles; UVES_popler's among them."""

_ROW = re.compile(r"ROW(\d+)", re.IGNORECASE)
_MOST_ROWS = 8
"""More rows are spectra, not what belongs to one."""

_WAVES = (0.05, 1e6)
"""Between these all wavelengths lie, in whichever unit."""


def hold_stack(file: FitsFile, options: ReadOptions) -> Holding | None:
    """What images hold whose rows make up one spectrum each; None if there are none.

    RolesError if there are, but they cannot be read.
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
        return _numbered(file, _upright(images[0]), options)
    if len(images) == 1 and not options.columns:
        image = _upright(images[0])
        if image.shape[0] <= _MOST_ROWS and _axis(file, images[0]) is None and _is_stack(image):
            return _numbered(file, image, options)
    return None


def _axis(file: FitsFile, part: Part) -> Any:
    pixels = part.shape[-1]
    return axis_of(part.header, pixels) or axis_of(file.primary, pixels)


class _Turned(Part):
    """An image whose columns are what rows are elsewhere."""

    def pixels(self, rows: slice) -> NDArray[Any]:
        """Some of its columns, as rows."""
        return np.ascontiguousarray(super().pixels(slice(None)).T[rows])


def _upright(part: Part) -> Part:
    """An image with the pixels of a spectrum along its rows: the longer side."""
    rows, pixels = part.shape
    if rows <= _MOST_ROWS or pixels > _MOST_ROWS:
        return part
    return _Turned(part.index, part.hdu, part.is_table, (pixels, rows))


def _is_stack(part: Part) -> bool:
    """Whether the first row of two or more rises or falls as wavelengths do, and no other does."""
    rows, pixels = part.shape
    if rows < 2 or pixels < FEWEST_PIXELS:
        return False
    values = np.asarray(part.pixels(slice(None)), np.float64)
    first = values[0]
    if not np.isfinite(first).all() or not _WAVES[0] < first.min() < first.max() < _WAVES[1]:
        return False
    sorted_rows = [bool((np.diff(row) > 0).all() or (np.diff(row) < 0).all()) for row in values]
    return sorted_rows[0] and not any(sorted_rows[1:]) and first[0] != first[-1]


def _numbered(file: FitsFile, part: Part, options: ReadOptions) -> Holding:
    """Rows called ROW1, ROW2, ...: as the user says, else wavelengths, flux and error."""
    names = [f"ROW{row + 1}" for row in range(part.shape[0])]
    said = {role for role, _ in options.columns}
    waved = not said or not said.isdisjoint(("wave", "loglam"))
    holding = _stacked(file, [part], names, "", waved=waved)
    if not said:
        roles = ("wave", "flux", "error")[: min(3, len(names))]
        holding.roles = dict(zip(roles, names, strict=False))
        holding.understood.assumed.append(
            f"the {len(names)} rows of the {part.place} are taken as {', '.join(roles)}: the first "
            "rises as wavelengths do; if it is otherwise, say --column flux=ROW1 and so on"
        )
    return holding


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


def _stacked(
    file: FitsFile,
    parts: Sequence[Part],
    labels: Sequence[str],
    survey: str,
    *,
    waved: bool = False,
) -> Holding:
    """One spectrum an image; rows by their labels. With ``waved`` one of them is wavelengths."""
    of_row = any(_role(label) == "wave" for label in labels)
    waved = waved or (not survey and of_row and _axis(file, parts[0]) is None)
    depth = min(part.shape[0] for part in parts)
    arrays: list[Held] = []
    roles: dict[str, str] = {}
    for row, label in enumerate(labels[:depth]):
        role = _role(label)
        if role == "wave" and not waved:
            continue  # the header has them, and the row of 6dF is no more exact
        where = f"row {row + 1} of the {parts[0].place}"
        name = label if label not in [held.name for held in arrays] else f"ROW{row + 1}"
        arrays.append(Held(name, "pixels", parts[0].unit, "", where, _rows_of(parts, row)))
        if role is not None:
            roles.setdefault(role, name)
    understood = Understood(ignored=file.others([part.index for part in parts]))
    if survey:
        understood.assumed.append(f"the order of rows is that of the {survey}")
    # Surveys whose rows have this order (2dF, 6dF) give counts.
    holding = Holding(
        arrays, len(parts), understood=understood, roles=roles, air=said_air(parts[0].header),
        calibrated=not survey,
    )  # fmt: skip
    if not waved:
        holding.axis = _axis_of_all(file, parts)
    if len(parts) == 1:
        add_header(holding, parts[0].header, file.primary)
    return holding


def _rows_of(parts: Sequence[Part], row: int) -> Load:
    return lambda spectra: [part.pixels(slice(row, row + 1))[0] for part in parts[spectra]]


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
    return replace(held, load=lambda rows: [axis.values for axis in known[rows]])


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
        arrays.append(Held(name, "pixels", part.unit, "", where, _band_of(part, band)))
        if role is not None:
            roles.setdefault(role, name)
    axis = axis_of(part.header, pixels, rows)
    if axis is None:
        raise RolesError("its keywords (CRVAL1, CDELT1, WAT2) do not tell wavelengths")
    understood = Understood(ignored=file.others([part.index]))
    return Holding(arrays, rows, axis=axis_held(axis), understood=understood, roles=roles)


def _band_of(part: Part, band: int) -> Load:
    return lambda rows: scaled(part.hdu, (band, rows))
