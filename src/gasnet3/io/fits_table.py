"""A direct parser of FITS tables and images as surveys write them, where speed matters.

astropy takes longer to open an SDSS ``spec`` file than it should take to classify it. This reads
headers as raw cards, and of data only the columns and rows that are wanted, if they are plain;
whatever else is a :class:`~gasnet3.io.errors.ReadError`, never a guess.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gasnet3.io.errors import ReadError
from gasnet3.io.limits import HEADER_BYTES, TABLE_BYTES
from gasnet3.io.packed import open_unpacked

FITS_BLOCK = 2880
CARD = 80
_END = b"END".ljust(CARD)
_CHUNK = 1 << 20

_BYTES = {"L": 1, "B": 1, "I": 2, "J": 4, "K": 8, "A": 1, "E": 4, "D": 8, "C": 8, "M": 16}
_BYTES |= {"P": 8, "Q": 16}
_NUMPY = {"B": "u1", "I": ">i2", "J": ">i4", "K": ">i8", "E": ">f4", "D": ">f8"}
_PIXELS = {8: "u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}
_BROKEN = "the file is damaged or not as its survey writes it; fetch it again"


class Header(dict[bytes, bytes]):
    """Cards by keyword (8 bytes, padded): the 72 bytes that follow.

    Files of one release have tables with the same header, of some hundred cards: it is taken
    apart once and shared, so it must not be changed.
    """

    layout: dict[str, Column] | None = None


def read_header(stream: BinaryIO, path: Path) -> Header | None:
    """Read one header; None at the end of the file.

    ReadError if it has no END card, or the file ended before it, within the data.
    """
    header = stream.read(FITS_BLOCK)
    if not header.strip(b"\0 "):
        _check_end(stream, path)
        return None
    end = _find_end(header, 0)
    while end < 0:
        block = stream.read(FITS_BLOCK)
        if len(block) < FITS_BLOCK or len(header) > HEADER_BYTES:
            raise ReadError(path, f"a FITS header has no END card: {_BROKEN}")
        start = len(header)
        header += block
        end = _find_end(header, start)
    return _cards(header[:end])


def read_primary(stream: BinaryIO, path: Path) -> Header:
    """Read the first header; ReadError as :func:`read_header`, and if the file is empty."""
    header = read_header(stream, path)
    if header is None:
        raise ReadError(path, "the file is empty; fetch it again")
    return header


def primary_cards(head: bytes) -> bytes:
    """Cards of the primary header, of the first bytes of a file; none if it is no FITS file."""
    return head[: max(head.find(_END), 0)] if head.startswith(b"SIMPLE  =") else b""


def _check_end(stream: BinaryIO, path: Path) -> None:
    """Refuse a file whose last data were skipped, but are not all there; padding may be missing."""
    # Past the end of a gzip stream there is no seeking: it is broken, or tells where it ends.
    if isinstance(stream, io.BufferedReader):
        missing = stream.tell() - os.fstat(stream.fileno()).st_size
        if missing >= FITS_BLOCK:
            raise ReadError(
                path, f"the file ends {missing} bytes before its data do; fetch it again"
            )


@lru_cache(maxsize=32)
def _cards(header: bytes) -> Header:
    cards = range(0, len(header), CARD)
    return Header((header[i : i + 8], header[i + 8 : i + CARD]) for i in cards)


def _find_end(header: bytes, start: int) -> int:
    """Offset of the END card at or after ``start``, -1 where there is none."""
    at = header.find(_END, start)
    while at >= 0 and at % CARD:
        at = header.find(_END, at + 1)
    return at


@lru_cache(maxsize=8192)
def _text(card: bytes) -> str:
    """Text of a string card, '' if it is none."""
    match = re.match(rb"= *'([^']*)", card)
    text = match[1].decode("latin-1").strip() if match else ""
    return text if text.isascii() and text.isprintable() else ""


def header_text(header: Mapping[bytes, bytes], keyword: str) -> str:
    """Value of a text keyword, '' where it is absent or not text."""
    return _text(header.get(keyword.encode().ljust(8), b""))


def header_float(header: Mapping[bytes, bytes], keyword: str) -> float:
    """Value of a real keyword, NaN where it is absent or not a number."""
    match = re.match(rb"= *([-+.0-9EeDd]+) *(?:/|$)", header.get(keyword.encode().ljust(8), b""))
    try:
        return float(match[1].upper().replace(b"D", b"E")) if match else np.nan
    except ValueError:
        return np.nan


def header_int(header: Mapping[bytes, bytes], keyword: str) -> int | None:
    """Value of an integer keyword, given as a number or as text; None where there is none."""
    match = re.match(
        rb"= *'? *([-+]?\d{1,18}) *'? *(?:/|$)", header.get(keyword.encode().ljust(8), b"")
    )
    return int(match[1]) if match else None


def _needed(header: Header, keyword: str, path: Path) -> int:
    value = header_int(header, keyword)
    if value is None or value < 0:
        raise ReadError(path, f"the FITS keyword {keyword} is missing or not a count: {_BROKEN}")
    return value


def skip_data(stream: BinaryIO, header: Header, path: Path) -> None:
    """Move past the data that belong to a header (of any HDU), to the next header."""
    axes = [_needed(header, f"NAXIS{i + 1}", path) for i in range(_needed(header, "NAXIS", path))]
    size = abs(header_int(header, "BITPIX") or 0) // 8
    count = 1 if axes else 0
    for axis in axes:
        count *= axis
    total = size * (count + (header_int(header, "PCOUNT") or 0))
    skip_bytes(stream, _padded(total), path)


def _padded(size: int) -> int:
    return -(-size // FITS_BLOCK) * FITS_BLOCK


def skip_bytes(stream: BinaryIO, size: int, path: Path) -> None:
    """Move ahead in a file; ReadError if the distance is none that a FITS file can have."""
    if not 0 <= size < 1 << 40:
        raise ReadError(path, f"a FITS header claims {size} bytes of data: {_BROKEN}")
    stream.seek(size, 1)


def is_table(header: Header) -> bool:
    """Whether a header is that of a binary table."""
    return header_text(header, "XTENSION") == "BINTABLE"


@lru_cache(maxsize=1024)
def _form(card: bytes) -> tuple[int, str]:
    """Repeat count and letter of a TFORM card; (0, '') if it is none."""
    match = re.match(r"(\d{0,9})([A-Z])", _text(card))
    return (int(match[1] or 1), match[2]) if match else (0, "")


class Column(NamedTuple):
    """Where a column lies in a row of its table."""

    field: int
    offset: int
    repeat: int
    letter: str


def column_layout(header: Header, path: Path) -> dict[str, Column]:
    """Columns of a table by upper-case name.

    ReadError if a column's format is missing or unknown, or the columns do not fill the row.
    """
    if header.layout is None:
        header.layout = _layout(header, path)
    return header.layout


def _layout(header: Header, path: Path) -> dict[str, Column]:
    layout: dict[str, Column] = {}
    offset = 0
    fields = _needed(header, "TFIELDS", path)
    if fields > 999:
        raise ReadError(path, f"a table claims {fields} columns, FITS allows 999: {_BROKEN}")
    for field in range(1, fields + 1):
        repeat, letter = _form(header.get(b"TFORM%-3d" % field, b""))
        if letter != "X" and letter not in _BYTES:
            raise ReadError(path, f"column {field} of a table has no known format: {_BROKEN}")
        name = _text(header.get(b"TTYPE%-3d" % field, b"")).upper()
        layout.setdefault(name, Column(field, offset, repeat, letter))
        offset += -(-repeat // 8) if letter == "X" else repeat * _BYTES[letter]
    if offset != _needed(header, "NAXIS1", path):
        raise ReadError(path, f"the columns of a table do not fill its rows: {_BROKEN}")
    return layout


def read_columns(
    stream: BinaryIO, header: Header, path: Path, wanted: Sequence[str], *, arrays: bool = False
) -> dict[str, NDArray[Any]]:
    """Read the wanted columns of the table whose header was just read, and move past its data.

    Upper-case names are given and returned; columns that the table lacks are left out. Values are
    float64, int64 or str stripped of padding, shape (rows,); with ``arrays`` columns of several
    numbers a row are taken, too, shape (rows, repeat). ReadError if the table is not complete, or
    a wanted column is not one plain value a row.
    """
    layout = column_layout(header, path)
    found = {name: layout[name] for name in wanted if name in layout}
    formats = {name: _dtype(name, column, header, path, arrays) for name, column in found.items()}
    width, rows = _needed(header, "NAXIS1", path), _needed(header, "NAXIS2", path)
    heap = _needed(header, "PCOUNT", path)
    if width * rows > TABLE_BYTES:
        raise ReadError(path, f"a table claims {width * rows} bytes: {_BROKEN}")
    data = read_exactly(stream, width * rows, path)
    skip_bytes(stream, _padded(width * rows + heap) - width * rows, path)
    if not rows or not width:
        return {name: np.zeros(0, _native(dtype)) for name, dtype in formats.items()}
    record = np.dtype(
        {
            "names": list(formats),
            "formats": list(formats.values()),
            "offsets": [column.offset for column in found.values()],
            "itemsize": width,
        }
    )
    table = np.frombuffer(data, record, count=rows)
    # A signalling NaN in a damaged file would warn when it is widened.
    with np.errstate(invalid="ignore"):
        return {name: _convert(table[name]) for name in formats}


def _dtype(name: str, column: Column, header: Header, path: Path, arrays: bool) -> str:
    """NumPy format of one wanted column."""
    if column.letter == "A" and column.repeat > 0:
        return f"S{column.repeat}"
    scaled = any(b"%s%-3d" % (key, column.field) in header for key in (b"TSCAL", b"TZERO"))
    several = column.repeat > 1 and arrays
    if column.letter not in _NUMPY or not (column.repeat == 1 or several) or scaled:
        raise ReadError(path, f"column {name} is not one plain value a row: {_BROKEN}")
    return f"{column.repeat if several else ''}{_NUMPY[column.letter]}"


def _native(dtype: str) -> str:
    return {"f": "f8", "S": "U1"}.get(np.dtype(dtype).base.kind, "i8")


def _convert(column: NDArray[Any]) -> NDArray[Any]:
    if column.dtype.kind == "S":
        texts = (value.decode("latin-1").strip("\0 ") for value in column.tolist())
        return np.array([text if text.isascii() and text.isprintable() else "" for text in texts])
    return column.astype(np.float64 if column.dtype.kind == "f" else np.int64)


def image_shape(header: Header, path: Path) -> tuple[int, ...]:
    """Shape of the image of a header, as NumPy has it; ReadError if the header does not say."""
    axes = range(_needed(header, "NAXIS", path), 0, -1)
    return tuple(_needed(header, f"NAXIS{axis}", path) for axis in axes)


def read_image(
    stream: BinaryIO, header: Header, path: Path, rows: NDArray[np.int64] | None = None
) -> NDArray[Any]:
    """Read the image whose header was just read, and move past its data.

    Of an image with two axes some ``rows`` may be read only, rising numbers. It has the file's
    type in this machine's byte order, unsigned numbers as int64, shape (pixels,) or (rows, pixels).
    ReadError if it is not complete, scaled, has not one or two axes, or not these rows.
    """
    shape, bits = image_shape(header, path), header_int(header, "BITPIX")
    zero, scale = (
        header_float(header, key) if key.encode().ljust(8) in header else plain
        for key, plain in (("BZERO", 0.0), ("BSCALE", 1.0))
    )
    # FITS has no unsigned numbers: they are written as signed ones, shifted by half the range.
    unsigned = bits in (16, 32) and zero == 2.0 ** (bits - 1)
    plain = scale == 1 and (zero == 0 or unsigned)
    if bits not in _PIXELS or not plain or len(shape) not in (1, 2) or 0 in shape:
        raise ReadError(path, f"an image is not one or two plain axes of numbers: {_BROKEN}")
    dtype = np.dtype(_PIXELS[bits])
    count, width = (1, shape[0]) if len(shape) == 1 else shape
    if rows is None:
        runs = [(0, count)]
    else:
        if rows.size and not 0 <= rows[0] <= rows[-1] < count:
            raise ReadError(path, f"an image has {count} rows, not the ones asked for: {_BROKEN}")
        runs = [
            (int(run[0]), int(run[-1]) + 1)
            for run in np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1)
            if run.size
        ]
    row_bytes, at, pieces = width * dtype.itemsize, 0, []
    for first, end in runs:
        skip_bytes(stream, (first - at) * row_bytes, path)
        pieces.append(read_exactly(stream, (end - first) * row_bytes, path))
        at = end
    skip_bytes(stream, _padded(count * row_bytes) - at * row_bytes, path)
    pixels: NDArray[Any] = np.frombuffer(b"".join(pieces), dtype)
    pixels = (
        pixels.astype(np.int64) + int(zero) if unsigned else pixels.astype(dtype.newbyteorder("="))
    )
    return pixels if len(shape) == 1 else pixels.reshape(-1, width)


def is_zipped_image(header: Header) -> bool:
    """Whether a header is that of a table that holds an image, compressed by tiles."""
    return is_table(header) and re.match(rb"= +T", header.get(b"ZIMAGE  ", b"")) is not None


def read_zipped_image(path: Path, name: str, rows: NDArray[np.int64] | None) -> NDArray[Any]:
    """Some rows of a compressed image, by astropy: see :func:`read_image`."""
    from astropy.io import fits

    try:
        with open_unpacked(path) as stream, fits.open(stream, memmap=False) as hdus:
            image = np.asarray(hdus[name].data)
            found = image if rows is None or image.ndim != 2 else image[rows]
            return found.astype(found.dtype.newbyteorder("="))
    except (KeyError, IndexError, ValueError, TypeError, OSError) as error:
        raise ReadError(path, f"the compressed image {name}: {error}; {_BROKEN}") from None


def read_exactly(stream: BinaryIO, size: int, path: Path) -> bytes:
    """Read ``size`` bytes, in pieces: a damaged size must not allocate what is not there."""
    pieces, missing = [], size
    while missing > 0:
        piece = stream.read(min(missing, _CHUNK))
        if not piece:
            raise ReadError(
                path, f"the file ends {missing} bytes before its data do; fetch it again"
            )
        pieces.append(piece)
        missing -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
