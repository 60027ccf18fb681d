"""Catalogs as FITS tables, and what they share with VOTable: rows of fixed width."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units
from astropy.io import fits
from astropy.table import Table
from numpy.typing import NDArray

from gasnet3.catalog.content import KEY, Arrays, Content, Header, parsed_header
from gasnet3.catalog.dialects import Field
from gasnet3.catalog.schema import plain
from gasnet3.machine.files import check_sizes

COMMENT_LENGTH = 45  # of a TTYPE card: longer comments are cut, with a warning


def write(path: Path, rows: Content) -> None:
    """Write FITS: the catalog as the first extension, the header in the table ``GASNET3``.

    Where the dialect wants key columns apart they are the second extension, with TARGETID.
    """
    # A text column that is empty in every row has no width, and FITS needs one.
    widths = {column.in_file: 1 for column in rows.columns if column.data.dtype.kind == "U"}
    for column in texts_of(rows):
        widths[column.in_file] = max(widths[column.in_file], _utf8(column).dtype.itemsize)
    about = fits.table_to_hdu(Table({"header": [json.dumps(rows.header).encode()]}))
    about.name = KEY.upper()
    primary = fits.PrimaryHDU()
    made_by = rows.header["provenance"]
    version = made_by.get("gasnet3") or made_by.get("version", "")
    primary.header["CREATOR"] = f"gasnet3 {version}"[:60].strip()
    primary.header["DIALECT"] = (rows.header["dialect"], "names of the columns")
    for key, value in rows.header["provenance"].items():
        primary.header.add_history(json.dumps({key: value})[1:-1][:1000])
    primary.writeto(path)
    tables = _fits_tables(rows)
    for extname, columns in tables:
        own = [rows.columns[i] for i in columns]
        dtype = np.dtype(row_type(own, widths))
        # Tables that people put side by side must not tell unlike things in the same keywords.
        header = _fits_header(extname, own, rows.count, dtype, ucds=len(tables) == 1)
        with contextlib.closing(fits.StreamingHDU(str(path), header)) as stream:
            for block in rows.blocks():
                stream.write(packed([block[i] for i in columns], dtype, _utf8).view(np.uint8))
    with contextlib.closing(fits.StreamingHDU(str(path), about.header)) as stream:
        stream.write(np.frombuffer(about.data.tobytes(), np.uint8))


def _fits_tables(rows: Content) -> list[tuple[str, list[int]]]:
    """The tables of a FITS file by name, and which of the columns each has."""
    every = list(range(len(rows.columns)))
    apart = rows.header["keys_extname"]
    if not apart:
        return [(rows.header["extname"], every)]
    target = [i for i in every if rows.columns[i].in_file == "TARGETID"]
    others = [i for i in every if i not in target]
    first = [i for i in others if not rows.columns[i].key]
    keys = [i for i in others if rows.columns[i].key]
    return [(rows.header["extname"], target + first), (apart, target + keys)]


def _fits_header(
    extname: str, columns: Sequence[Field], count: int, dtype: np.dtype[Any], *, ucds: bool
) -> fits.Header:
    """Header of a table with units, UCDs and descriptions."""
    table = fits.table_to_hdu(Table(np.zeros(0, dtype)))
    table.name = extname
    for i, column in enumerate(columns, start=1):
        if knows(column.unit, "fits"):
            table.columns[i - 1].unit = column.unit
        comment = column.description.encode("ascii", "replace").decode()[:COMMENT_LENGTH]
        table.header.comments[f"TTYPE{i}"] = comment
        if column.ucd and ucds:  # TOPCAT reads them here
            table.header.set(f"TUCD{i}", column.ucd, after=f"TFORM{i}")
    table.header["NAXIS2"] = count
    return table.header


def texts_of(rows: Content) -> Iterator[Field]:
    """Columns of text, block by block: their width must be known before the first row."""
    if any(column.data.dtype.kind == "U" for column in rows.columns):
        for block in rows.blocks():
            yield from (column for column in block if column.data.dtype.kind == "U")


def row_type(columns: Iterable[Field], widths: Mapping[str, int]) -> list[tuple[Any, ...]]:
    """The type of a row, with the bytes of each column of text, in the order of bytes of FITS."""
    return [
        (column.in_file, f"S{widths[column.in_file]}")
        if column.in_file in widths
        else (column.in_file, column.data.dtype.newbyteorder(">"), column.data.shape[1:])
        for column in columns
    ]


def packed(
    block: Sequence[Field], dtype: np.dtype[Any], encoded: Callable[[Field], NDArray[Any]]
) -> NDArray[Any]:
    """The rows of a block as they lie in the file, shape (rows,); text as ``encoded`` gives it."""
    data = np.zeros(len(block[0].data), dtype)
    for column in block:
        kind = column.data.dtype.kind
        if kind == "b":
            data[column.in_file].view(np.uint8)[...] = np.where(column.data, ord("T"), ord("F"))
        else:
            data[column.in_file] = encoded(column) if kind == "U" else column.data
    return data


def _utf8(column: Field) -> NDArray[Any]:
    # FITS means ASCII by text; UTF-8 bytes pass every reader and are ASCII where the text is.
    return np.char.encode(column.data, "utf-8")


def read(path: Path) -> tuple[Arrays, Header | None]:
    """Read FITS: the arrays of the first table, and our header if it has one."""
    with fits.open(path, memmap=False, character_as_bytes=True) as hdus:
        check_sizes(hdus)
        tables = [hdu for hdu in hdus if isinstance(hdu, fits.BinTableHDU | fits.TableHDU)]
        if not tables:
            raise ValueError("no table in any extension")
        about = hdus[KEY.upper()].data if KEY.upper() in hdus else None
        header = None if about is None else parsed_header(bytes(np.asarray(about["header"])[0]))
        # Other writers pad text with blanks, which in FITS mean nothing.
        pad = None if header else " "
        read = tables[:2] if header and header.get("keys_extname") else tables[:1]
        arrays = {
            name: _from_fits(np.asarray(table.data[name]), pad, table.columns[name].null)
            for table in read
            for name in table.data.names
        }
    return arrays, header


def _from_fits(data: NDArray[Any], pad: str | None, null: Any) -> NDArray[Any]:
    """A column in native byte order, text decoded and freed of padding, integers of their TNULL."""
    if data.dtype.kind == "S":
        text = np.char.decode(data, "utf-8", "replace")
        return np.char.rstrip(text, pad) if pad else text
    data = data.astype(data.dtype.newbyteorder("="))
    if data.dtype.kind == "i" and isinstance(null, int) and (data == null).any():
        return plain("", np.ma.MaskedArray(data, data == null))
    return data


def knows(unit: str, notation: str) -> bool:
    """Whether a unit can be written in the notation of a format ('fits', 'cds')."""
    try:
        units.Unit(unit, format=notation)
    except ValueError:
        return False
    return bool(unit)
