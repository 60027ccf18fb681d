"""FITS images whose rows are spectra, or the flux, error, sky, ... of one: 2dF, 6dF, GAMA, IRAF."""

from __future__ import annotations

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
    shared_waves,
)
from gasnet3.io.generic.fits_stacks import hold_stack
from gasnet3.io.generic.holding import Holding, axis_held
from gasnet3.io.generic.roles import NAMES, Held, RolesError, plain
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
