"""FITS tables that hold spectra: one pixel a row, or one spectrum a row."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from gasnet3.io.generic.dispersion import axis_of, said_air
from gasnet3.io.generic.fits_keys import add_header
from gasnet3.io.generic.fits_parts import (
    FitsFile,
    Part,
    columns_of,
    has_vectors,
    no_numbers,
    shared_waves,
)
from gasnet3.io.generic.holding import Held, Holding, axis_held, recognised
from gasnet3.io.generic.roles import RolesError, plain
from gasnet3.io.options import ReadOptions
from gasnet3.io.reader import Understood

FEWEST_PIXELS = 32
"""A table of fewer is one of lines or of magnitudes; fewer pixels can not be fitted either."""

NO_OBJECTS = ("sky", "background", "model", "template", "telluric", "response", "throughput")
"""Parts of the names of tables that look like spectra and are none of objects."""


def hold_table(file: FitsFile, part: Part, options: ReadOptions) -> Holding:
    """What a table holds, with wavelengths from it, its header, or another unit of the file.

    Raises
    ------
    RolesError
        If it holds no spectra.
    """
    vectors = has_vectors(part)
    rows = part.shape[0] if vectors else 1
    air = said_air(part.header)
    air = said_air(file.primary) if air is None else air
    holding = Holding(columns_of(part), rows, air=air)
    alike = _alike(file, part)
    if alike and not vectors and _is_whole(holding, options):
        return _hold_tables(file, [part, *alike], air)
    flux = recognised(holding, options, has_wave=True).arrays["flux"].name
    pixels = _pixels(holding, flux)
    if pixels < FEWEST_PIXELS:
        raise RolesError(f"{pixels} values of {flux} are no spectrum")
    try:
        recognised(holding, options)
    except RolesError:
        _add_wavelengths(file, part, holding, pixels)
        recognised(holding, options)
    used = {part.index, *(held.part for held in holding.arrays)}
    holding.told.assumed += [
        f"the {other.place} has the same columns and is not read: make it a file of its own"
        for other in alike
    ]
    used |= {other.index for other in alike}
    holding.told.ignored += [*no_numbers(part, vectors), *_others(file, used)]
    if rows == 1:
        add_header(holding, file.primary, part.header)
    return holding


def _pixels(holding: Holding, name: str) -> int:
    """Pixels of the first spectrum, none if the column is not of numbers a pixel."""
    held = next(held for held in holding.arrays if held.described.name == name)
    values = held.load(slice(0, 1))
    first = values[0] if isinstance(values, list) or np.ndim(values) == 2 else values
    return np.shape(first)[0] if np.ndim(first) == 1 else 0


def _add_wavelengths(file: FitsFile, part: Part, holding: Holding, pixels: int) -> None:
    """Wavelengths of another unit, else those of a header."""
    waves = shared_waves([one for one in file.parts if one != part], pixels, holding.rows)
    if waves:
        holding.arrays.append(waves[0])
        return
    for header in (part.header, file.primary):
        axis = axis_of(header, pixels)
        if axis is not None:
            holding.axis = axis_held(axis)
            return


def _alike(file: FitsFile, part: Part) -> list[Part]:
    """Later tables with the columns and units of a table, unless they are called sky or model."""
    form = [(column.name, column.unit) for column in part.hdu.columns]
    return [
        other
        for other in file.tables
        if other.index > part.index
        and other.shape[0] >= (1 if has_vectors(part) else FEWEST_PIXELS)
        and [(column.name, column.unit) for column in other.hdu.columns] == form
        and not any(word in plain(other.name) for word in NO_OBJECTS)
    ]


def _is_whole(holding: Holding, options: ReadOptions) -> bool:
    """Whether a table has all that makes a spectrum, wavelengths too."""
    try:
        recognised(holding, options)
    except RolesError:
        return False
    return True


def _hold_tables(file: FitsFile, parts: list[Part], air: bool | None) -> Holding:
    """One spectrum a table."""
    columns = [columns_of(part) for part in parts]
    arrays = [_joined([held[at] for held in columns]) for at in range(len(columns[0]))]
    indices = np.array([part.index for part in parts])
    keys = {"hdu": indices, "extname": np.array([part.name for part in parts])}
    told = Understood(ignored=_others(file, set(indices.tolist())))
    told.assumed.append(
        f"{len(parts)} tables, HDU {indices[0]} to {indices[-1]}, have the same columns: a "
        "spectrum each, arms are not joined"
    )
    return Holding(arrays, len(parts), air=air, keys=keys, told=told)


def _joined(columns: list[Held]) -> Held:
    """A column of each table, one a row."""

    def load(rows: slice) -> list[Any]:
        return [held.load(slice(None)) for held in columns[rows]]

    return replace(columns[0], load=load)


def _others(file: FitsFile, used: set[Any]) -> list[str]:
    return [f"{other.place}: not used" for other in file.parts if other.index not in used]
