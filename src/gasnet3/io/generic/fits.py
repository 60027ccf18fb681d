"""Reader of FITS files of no particular survey: tables and images that hold spectra."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from gasnet3.io.errors import ReadError
from gasnet3.io.generic.arms import tile
from gasnet3.io.generic.dispersion import axis_of, said_air
from gasnet3.io.generic.fits_images import hold_images
from gasnet3.io.generic.fits_keys import add_header, said_resolution, says_uncalibrated
from gasnet3.io.generic.fits_parts import (
    FitsFile,
    Part,
    columns_of,
    file_of,
    has_vectors,
    no_numbers,
    shared_waves,
)
from gasnet3.io.generic.holding import Holding, HoldingReader, axis_held, recognised
from gasnet3.io.generic.pieces import FEWEST_PIXELS
from gasnet3.io.generic.roles import Held, RolesError, plain
from gasnet3.io.options import ReadOptions
from gasnet3.io.packed import open_unpacked
from gasnet3.io.reader import Understood
from gasnet3.machine.files import check_sizes


class FitsReader(HoldingReader):
    """FITS tables and images that hold spectra, as far as names, units and keywords tell.

    Tables with one pixel a row or one spectrum a row; images whose rows are spectra, with their
    errors and masks in other images of the file; images whose rows are the flux, error and sky
    of one spectrum, as 2dF, 6dF and GAMA have them. Images of the sky and tables of
    results are refused.
    """

    name = "fits"

    def matches(self, path: Path, head: bytes) -> bool:
        """Whether it is a FITS file: asked last, this reader says what is wrong with others."""
        return head.startswith(b"SIMPLE  =")

    @contextmanager
    def holding(self, path: Path) -> Iterator[Holding]:
        """What the file holds, while it is open."""
        from astropy.io import fits

        # We open the file: astropy leaves one it cannot make sense of to the garbage collector.
        with open_unpacked(path) as stream, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # Pages of a plain file are read when their rows are; one that is zipped has none.
            mapped = isinstance(stream, io.BufferedReader)
            hdus = fits.open(stream, memmap=mapped, do_not_scale_image_data=True)
            try:
                check_sizes(hdus)
                _refuse_our_own(path, hdus)
                file = file_of(hdus, mapped=mapped)
                holding = _hold(file, self.options)
                headers = (file.primary, *(part.header for part in file.parts))
                holding.calibrated &= not any(map(says_uncalibrated, headers))
                _add_resolution(holding, headers)
                yield holding
                _check_end(hdus, stream)
            finally:
                # The end of a zipped stream, with its checksum, is still to be read.
                hdus.close(closed=mapped)


def _add_resolution(holding: Holding, headers: tuple[Any, ...]) -> None:
    """The resolution of all spectra, where a header states it."""
    holding.resolution = next(filter(None, map(said_resolution, headers)), None)
    if holding.resolution is not None:
        holding.understood.used.append(("resolution", f"header: {holding.resolution}"))


def _refuse_our_own(path: Path, hdus: Any) -> None:
    """Tell catalogs and models of gasnet3, which often lie among the spectra they are of."""
    if not str(hdus[0].header.get("CREATOR", "")).startswith("gasnet3"):
        return
    if "MODELS" in hdus:
        raise ReadError(path, "it holds models that gasnet3 wrote, no spectra")
    if "GASNET3" in hdus:
        raise ReadError(path, "it is a catalog that gasnet3 wrote: it has no spectra")


def _check_end(hdus: Any, stream: BinaryIO) -> None:
    """Refuse a file that ends in a header: astropy leaves that unit out, and its spectra."""
    last = hdus[-1].fileinfo()
    stream.seek(last["datLoc"] + last["datSpan"])
    if stream.read(8) == b"XTENSION":
        raise ValueError(f"the file ends in the header of HDU {len(hdus)}")


def _hold(file: FitsFile, options: ReadOptions) -> Holding:
    """The first of several ways to take the file that makes spectra of it."""
    reasons: list[str] = []
    for part in file.tables:
        try:
            return hold_table(file, part, options)
        except RolesError as error:
            reasons.append(f"{part.place}: {error}")
    if file.images:
        try:
            return hold_images(file, options)
        except RolesError as error:
            reasons.append(str(error))
    elif any(not part.is_table for part in file.parts) and not reasons:
        reasons.append("it has images of the sky only")
    raise RolesError(f"no spectra were found: {'; '.join(reasons) or 'there are no data in it'}")


NO_OBJECTS = ("sky", "background", "model", "template", "telluric", "response", "throughput")
"""Parts of the names of tables that look like spectra and are none of objects."""


def hold_table(file: FitsFile, part: Part, options: ReadOptions) -> Holding:
    """What a table holds, with wavelengths from it, its header, or another unit of the file.

    RolesError if it holds no spectra.
    """
    vectors = has_vectors(part)
    rows = part.shape[0] if vectors else 1
    air = said_air(part.header)
    air = said_air(file.primary) if air is None else air
    holding = Holding(columns_of(part), rows, air=air)
    alike = _alike(file, part)
    if alike and _is_whole(holding, options):
        arms = _arms(file, [part, *alike], holding, options)
        if arms is not None:
            return arms
        if not vectors:
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
    holding.understood.assumed += [
        f"the {other.place} has the same columns and is not read: make it a file of its own"
        for other in alike
    ]
    used |= {other.index for other in alike}
    holding.understood.ignored += [*no_numbers(part, vectors), *file.others(used)]
    if rows == 1:
        add_header(holding, file.primary, part.header)
    return holding


def _pixels(holding: Holding, name: str) -> int:
    """Pixels of the first spectrum, none if the column is not of numbers a pixel."""
    held = next(held for held in holding.arrays if held.name == name)
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


def _arms(
    file: FitsFile, parts: list[Part], first: Holding, options: ReadOptions
) -> Holding | None:
    """Tables that are the arms of the same spectra, as DEIMOS has them; None if they are not."""
    if len({part.shape if has_vectors(part) else () for part in parts}) > 1:
        return None
    understood = Understood(ignored=file.others([part.index for part in parts]))
    arms = [replace(first, arrays=columns_of(part), understood=understood) for part in parts]
    if not tile([recognised(arm, options) for arm in arms]):
        return None
    if first.rows == 1:
        add_header(arms[0], file.primary, parts[0].header)
    return replace(arms[0], arms=arms)


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
    understood = Understood(ignored=file.others(indices.tolist()))
    understood.assumed.append(
        f"{len(parts)} tables, HDU {indices[0]} to {indices[-1]}, have the same columns: a "
        "spectrum each, arms are not joined"
    )
    return Holding(arrays, len(parts), air=air, keys=keys, understood=understood)


def _joined(columns: list[Held]) -> Held:
    """A column of each table, one a row."""

    def load(rows: slice) -> list[Any]:
        return [held.load(slice(None)) for held in columns[rows]]

    return replace(columns[0], load=load)
