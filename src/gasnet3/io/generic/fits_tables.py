"""FITS tables that hold spectra: one pixel a row, or one spectrum a row."""

from __future__ import annotations

import numpy as np

from gasnet3.io.generic.dispersion import axis_of, said_air
from gasnet3.io.generic.fits_keys import add_header
from gasnet3.io.generic.fits_parts import FitsFile, Part, columns_of, has_vectors, shared_waves
from gasnet3.io.generic.holding import Holding, axis_held, recognised
from gasnet3.io.generic.roles import RolesError
from gasnet3.io.options import ReadOptions

FEWEST_PIXELS = 32
"""A table of fewer is one of lines or of magnitudes; fewer pixels can not be fitted either."""


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
    holding.told.ignored += [
        f"{other.place}: not used" for other in file.parts if other.index not in used
    ]
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
