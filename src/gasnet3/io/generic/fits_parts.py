"""The header and data units of a FITS file that may hold spectra or what belongs to them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasnet3.io.generic.dispersion import air_in, comments_of, is_celestial
from gasnet3.io.generic.masks import good_by_model, said_good
from gasnet3.io.generic.roles import AIR_NAMES, NAMES, Held, plain
from gasnet3.io.limits import UNIT_BYTES

_NUMBERS = "BIJKEDL"


@dataclass(frozen=True)
class Part:
    """One header and data unit with data.

    Attributes
    ----------
    index : int
        Its number, the primary one is 0.
    hdu : object
        What astropy has of it.
    is_table : bool
        Whether it is a table, else an image.
    shape : tuple of int
        Of an image, without leading axes of one plane; of a table (rows,).
    """

    index: int
    hdu: Any
    is_table: bool
    shape: tuple[int, ...]

    @property
    def header(self) -> Any:
        """Its keywords."""
        return self.hdu.header

    @property
    def name(self) -> str:
        """EXTNAME, else ``PRIMARY`` or ``HDU2``."""
        named = str(self.header.get("EXTNAME", self.header.get("HDUNAME", ""))).strip()
        return named or ("PRIMARY" if self.index == 0 else f"HDU{self.index}")

    @property
    def place(self) -> str:
        """How it is called in messages."""
        kind = "table" if self.is_table else "image"
        named = str(self.header.get("EXTNAME", "")).strip()
        return f"{kind} of HDU {self.index}" + (f" ({named})" if named else "")

    @property
    def unit(self) -> str:
        """Of an image."""
        return str(self.header.get("BUNIT", "") or "")

    def pixels(self, rows: slice) -> NDArray[Any]:
        """Rows of an image with two axes, or all of one with one axis."""
        lead = len(self.hdu.shape) - len(self.shape)
        key = (0,) * lead + ((rows,) if len(self.shape) == 2 else (slice(None),))
        return scaled(self.hdu, key)


def scaled(hdu: Any, key: Any) -> NDArray[Any]:
    """Part of an image in its own numbers; what is blank is NaN.

    astropy does not scale images of files that are mapped.
    """
    values = np.array(hdu.section[key])
    scale, zero, blank = (hdu.header.get(name) for name in ("BSCALE", "BZERO", "BLANK"))
    if scale in (None, 1) and zero in (None, 0) and (blank is None or values.dtype.kind == "f"):
        return values
    numbers = values * float(scale or 1) + float(zero or 0)
    return numbers if blank is None else np.where(values == blank, np.nan, numbers)


@dataclass(frozen=True)
class FitsFile:
    """A FITS file that is open: its first header, and the units with data, in order."""

    primary: Any
    parts: list[Part]

    @property
    def tables(self) -> list[Part]:
        """The tables with rows."""
        return [part for part in self.parts if part.is_table and part.shape[0]]

    @property
    def images(self) -> list[Part]:
        """The images that are not of the sky."""
        return [part for part in self.parts if not part.is_table and not is_celestial(part.header)]

    def others(self, used: Collection[int | None]) -> list[str]:
        """What is said of the units whose numbers are not among these."""
        return [f"{part.place}: not used" for part in self.parts if part.index not in used]


def file_of(hdus: Any, *, mapped: bool) -> FitsFile:
    """What an opened file has.

    Data of a mapped file are read when they are asked for, else as soon as they are touched.
    """
    from astropy.io import fits

    parts = []
    for index, hdu in enumerate(hdus):
        # Memory must not be asked for because a damaged header says so.
        if not mapped and hdu.size > UNIT_BYTES:
            raise ValueError(f"HDU {index} claims more than 2 GiB; unzip the file")
        if getattr(hdu, "is_image", False):
            shape = tuple(hdu.shape)
            while len(shape) > 1 and shape[0] == 1:
                shape = shape[1:]
            if shape and 0 not in shape:
                parts.append(Part(index, hdu, False, shape))
        elif isinstance(hdu, fits.BinTableHDU | fits.TableHDU):
            parts.append(Part(index, hdu, True, (int(hdu.header["NAXIS2"]),)))
    return FitsFile(hdus[0].header, parts)


def columns_of(part: Part, along: str | None = None) -> list[Held]:
    """The columns of a table, each along pixels or rows; those along ``along`` only, if given.

    A table with no column of several numbers a row is one spectrum, its columns are along pixels.
    """
    table = part.hdu.columns
    several = [_is_vector(column) for column in table]
    found = []
    for number, (column, vector) in enumerate(zip(table, several, strict=True), start=1):
        own = "pixels" if vector or (not any(several) and along is None) else "rows"
        if (along is None or own == along) and (own == "rows" or _is_number(column)):
            found.append(_held(part, number, column, own))
    return found


def has_vectors(part: Part) -> bool:
    """Whether a table has columns of several numbers a row."""
    return any(_is_vector(column) for column in part.hdu.columns)


def no_numbers(part: Part, vectors: bool) -> list[str]:
    """What is not used of a table, as it is not of numbers: text of pixels, and bits."""
    return [
        f"column {column.name} of HDU {part.index} has no numbers (TFORM {column.format}): not used"
        for column in part.hdu.columns
        if not _is_number(column) and not (vectors and "A" in str(column.format))
    ]


def _is_number(column: Any) -> bool:
    letter = str(column.format).strip().lstrip("0123456789")[:1]
    # Columns of ASCII tables have other formats: what they are shows when they are loaded.
    return letter in f"{_NUMBERS}PQF"


def _is_vector(column: Any) -> bool:
    text = str(column.format).strip()
    repeat = text[: len(text) - len(text.lstrip("0123456789"))]
    letter = text[len(repeat) :][:1]
    if letter in ("P", "Q"):
        return text[len(repeat) + 1 : len(repeat) + 2] in _NUMBERS
    return letter in _NUMBERS and repeat not in ("", "0", "1")


def _held(part: Part, number: int, column: Any, along: Any) -> Held:
    name = str(column.name)

    def load(rows: slice) -> Any:
        whole = along == "pixels" and not has_vectors(part)
        values = part.hdu.data[name] if whole else part.hdu.data[rows][name]
        if values.dtype == object:
            return [_without_nulls(np.array(row), column) for row in values]
        if values.dtype.kind in "SU":
            return np.array([str(text) for text in values])
        return _without_nulls(np.array(values), column)

    ucd = str(part.header.get(f"TUCD{number}", ""))
    air = air_in(comments_of(part.header, f"TTYPE{number}", f"TUNIT{number}"))
    if "obs.atmos" in ucd.lower() or plain(name) in AIR_NAMES:
        air = True
    where = f"column {name} of HDU {part.index}"
    good = said_good(comments_of(part.header, f"TTYPE{number}", f"TUNIT{number}"))
    good = good_by_model(part.header) if good is None else good
    return Held(name, along, str(column.unit or ""), ucd, where, load, air, part.index, good)


def _without_nulls(values: NDArray[Any], column: Any) -> NDArray[Any]:
    """Whole numbers with those masked that TNULL says are none: astropy leaves them as they are."""
    null = column.null
    if not isinstance(null, int) or values.dtype.kind not in "iuf":
        return values
    if values.dtype.kind == "f" or column.bzero:
        null = null * (column.bscale or 1) + (column.bzero or 0)
    return np.ma.MaskedArray(values, values == null)


def shared_waves(parts: Iterable[Part], pixels: int, rows: int) -> list[Held]:
    """Arrays of wavelengths that lie in units of their own, and fit."""
    found = []
    names = {*NAMES["wave"], *NAMES["loglam"]}
    for part in parts:
        if not part.is_table:
            if plain(part.name) in names and part.shape in ((pixels,), (rows, pixels)):
                found.append(image_held(part))
            continue
        for held in columns_of(part):
            if held.along == "pixels" and plain(held.name) in names:
                load = _first_row(held.load)
                if np.shape(load(slice(None))) == (pixels,):
                    found.append(replace(held, load=load))
    return found


def _first_row(load: Any) -> Any:
    """The one row of a table of one row, or its one column."""

    def loaded(rows: slice) -> Any:
        values = load(slice(None))
        return values[0] if np.ndim(values) == 2 and len(values) == 1 else values

    return loaded


def image_held(part: Part) -> Held:
    """An image as an array along pixels; one with one axis is shared by all spectra."""
    air = air_in(comments_of(part.header, "EXTNAME", "BUNIT"))
    good = said_good(comments_of(part.header, "EXTNAME", "BUNIT"))
    return Held(part.name, "pixels", part.unit, "", part.place, part.pixels, air, part.index, good)
