"""FITS images whose rows are spectra, or the flux, error, sky, ... of one: 2dF, 6dF, GAMA, IRAF."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from gasnet3.io.generic.dispersion import axis_of, said_air
from gasnet3.io.generic.fits_keys import add_header
from gasnet3.io.generic.fits_parts import (
    FitsFile,
    Part,
    columns_of,
    has_vectors,
    image_held,
    scaled,
    shared_waves,
)
from gasnet3.io.generic.holding import Holding, axis_held
from gasnet3.io.generic.roles import NAMES, Held, Load, RolesError, plain
from gasnet3.io.options import ReadOptions
from gasnet3.io.reader import Understood
from gasnet3.io.targets import AAOMEGA

_FEW = 5
"""So few rows of an image might be flux, error and sky of one spectrum as well."""


def hold_images(file: FitsFile, options: ReadOptions) -> Holding:
    """What images hold, as spectra of 2dF, 6dF, GAMA, OzDES and by their names; else RolesError."""
    stack = hold_stack(file, options)
    if stack is not None:
        return stack
    flux = _flux(file, options)
    if len(flux.shape) > 2:
        raise RolesError(
            f"the {flux.place} has {len(flux.shape)} axes: extract the spectra of a cube first"
        )
    pixels, rows = flux.shape[-1], flux.shape[0] if len(flux.shape) == 2 else 1
    arrays = [image_held(part) for part in file.images if _belongs(part, flux)]
    waves = [held for held in arrays if _is_wave(held.name)]
    if not waves:
        waves = shared_waves(file.tables, pixels, rows)
        arrays += waves
    understood = Understood()
    holding = Holding(arrays, rows, understood=understood, roles={"flux": flux.name})
    axis = None if waves else axis_of(flux.header, pixels, rows)
    axis = axis or (None if waves else axis_of(file.primary, pixels, rows))
    if axis is not None:
        holding.axis = axis_held(axis)
    elif str(flux.header.get("CTYPE2", "")).upper().startswith(("WAVE", "AWAV", "FREQ")):
        raise RolesError(f"wavelengths run along the second axis of the {flux.place}: transpose it")
    elif not waves and "wave" not in dict(options.columns):
        raise RolesError(
            f"the {flux.place} may be flux, but neither its keywords (CRVAL1, CDELT1; COEFF0) nor "
            "an image or column named WAVE tell wavelengths"
        )
    holding.air = said_air(flux.header)
    _add_positional(file, flux, holding)
    _add_rows(file, flux, holding)
    if rows == 1:
        add_header(holding, flux.header, file.primary)
    elif rows <= _FEW and len(arrays) == len(waves) + 1:
        understood.assumed.append(
            f"the {rows} rows of the {flux.place} are taken as spectra; if they are flux and error "
            "of one, say so: --column flux=ROW1 --column error=ROW2"
        )
    used = {held.part for held in holding.arrays}
    understood.ignored += file.others(used)
    return holding


def _is_wave(name: str) -> bool:
    return plain(name) in NAMES["wave"] or plain(name) in NAMES["loglam"]


def _flux(file: FitsFile, options: ReadOptions) -> Part:
    """The image that is the flux: as the user says, by its name, or the first that can be it."""
    said = dict(options.columns).get("flux")
    if said is not None:
        named = [part for part in file.images if part.name.lower() == said.lower()]
        if not named:
            there = ", ".join(part.name for part in file.images)
            raise RolesError(f"there is no image {said!r} for flux; there are: {there}")
        return named[0]
    by_name = sorted(
        (NAMES["flux"].index(plain(part.name)), at)
        for at, part in enumerate(file.images)
        if plain(part.name) in NAMES["flux"]
    )
    if by_name:
        return file.images[by_name[0][1]]
    other = {name for role, names in NAMES.items() if role != "flux" for name in names}
    free = [part for part in file.images if plain(part.name) not in other]
    if not free:
        raise RolesError("none of its images can be the flux; say which with --column flux=NAME")
    if free[0].index > 0 and len(free) > 1:
        there = ", ".join(part.name for part in free)
        raise RolesError(f"cannot tell which image is the flux: {there}; say --column flux=NAME")
    return free[0]


def _belongs(part: Part, flux: Part) -> bool:
    """Whether an image has a value for each pixel of the flux, or for each of its wavelengths."""
    return part.shape == flux.shape or (_is_wave(part.name) and part.shape == flux.shape[-1:])


def _add_positional(file: FitsFile, flux: Part, holding: Holding) -> None:
    """Variance next to the flux, as OzDES and WiggleZ have it without a name."""
    header = file.primary
    known = "ozdes" in str(header.get("REFERENC", "")).lower() or (
        "wigglez" in str(header.get("SURVEY", "")).lower()
    )
    after = [part for part in file.images if part.index == flux.index + 1]
    holding.calibrated &= not known
    if known and after and after[0].shape == flux.shape:
        holding.roles = {**holding.roles, "variance": after[0].name}


def _add_rows(file: FitsFile, flux: Part, holding: Holding) -> None:
    """Columns of a table with one row a spectrum."""
    for part in file.tables:
        if part.shape != (holding.rows,) or (holding.rows == 1 and not _is_of_objects(part)):
            continue
        taken = {held.name for held in holding.arrays}
        columns = [held for held in columns_of(part, "rows") if held.name not in taken]
        fibres = plain(part.name) in ("fibres", "fibers")
        holding.arrays += [_in_degrees(held) if fibres else held for held in columns]
        # 2dfdr gives counts.
        holding.calibrated &= not fibres
        kinds = next((held for held in columns if held.name.upper() == "TYPE"), None)
        if fibres and kinds is not None:
            letters = [str(kind).strip()[:1].upper() for kind in kinds.load(slice(None))]
            flags = [int(AAOMEGA.get(letter, 0)) for letter in letters]
            holding.zwarn = np.array(flags, np.int64)


def _is_of_objects(part: Part) -> bool:
    """Whether a table names objects: of one spectrum any table of one row has a row for it."""
    names = {plain(str(column.name)) for column in part.hdu.columns}
    return not has_vectors(part) and any(
        not names.isdisjoint(NAMES[role]) for role in ("id", "ra", "dec")
    )


def _in_degrees(held: Held) -> Held:
    """Positions of 2dfdr are in radians."""
    if held.name.upper() not in ("RA", "DEC"):
        return held
    return replace(held, load=lambda rows: np.degrees(held.load(rows)))


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
        role = _role(label)
        if role == "wave":
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
