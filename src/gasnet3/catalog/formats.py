"""Catalogs as Parquet, FITS and CSV: columns and one JSON header out, arrays and it back.

The fourth format, VOTable, is in :mod:`gasnet3.catalog.votable`.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from astropy import units
from astropy.io import fits
from astropy.table import Table
from numpy.typing import NDArray

from gasnet3.catalog.dialects import Field, expanded, rules_of
from gasnet3.catalog.schema import plain
from gasnet3.errors import GasnetError
from gasnet3.machine.arrow import arrow_column, numbers_of, text_items
from gasnet3.machine.files import check_sizes

KEY = "gasnet3"
FORMAT_VERSION = 1
CSV_TITLE = "# gasnet3 catalog; lines that start with # are comments\n"
CSV_MARK = f"# {KEY}: "
TEXT_NAMES = ("id", "name", "file", "class", "cls", "spectype", "subclass", "sub", "subtype")
"""Columns of other people's CSV files that are text, whatever they look like."""
ASTROPY_MASK = ".mask"

COMMENT_LENGTH = 45  # of a TTYPE card: longer comments are cut, with a warning

Header = dict[str, Any]
Arrays = dict[str, NDArray[Any]]


class NewerFormat(GasnetError, ValueError):
    """The header is of a version that this code does not know."""


@dataclass(frozen=True)
class Content:
    """What is to be written: columns without rows, header, number of rows, and the rows.

    ``blocks`` gives the columns with their rows, block by block; every call begins anew.
    """

    columns: list[Field]
    header: Header
    count: int
    blocks: Callable[[], Iterable[list[Field]]]


def passes(path: Path, dialect: str) -> int:
    """How often a writer goes through the rows: for the columns, widths of text, each table."""
    ending = path.suffix.lower()
    apart = ending == ".fits" and bool(rules_of(dialect).keys_extname)
    return 2 + (ending in (".fits", ".vot", ".xml")) + apart


def write_parquet(path: Path, rows: Content) -> None:
    """Write Parquet, with the header in the metadata of the schema; a block is a row group."""
    schema = pa.schema(
        [
            pa.field(
                column.in_file,
                arrow_column(column.data).type,
                metadata={"unit": column.unit, "description": column.description},
            )
            for column in rows.columns
        ],
        {KEY: json.dumps(rows.header)},
    )
    with pa.parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        for block in rows.blocks():
            table = pa.Table.from_arrays(
                [arrow_column(column.data) for column in block], schema=schema
            )
            writer.write_table(table, row_group_size=max(1, len(table)))


def read_parquet(path: Path) -> tuple[Arrays, Header | None]:
    """Read Parquet: the arrays, and our header if it has one."""
    with pa.parquet.ParquetFile(path) as file:
        table = file.read()
    metadata = table.schema.metadata or {}
    text = metadata.get(KEY.encode())
    arrays = {name: _from_arrow(table[name]) for name in table.column_names}
    if text is None:
        _put_masks(arrays)
    return arrays, None if text is None else parsed_header(text)


def _put_masks(arrays: Arrays) -> None:
    """Leave out what astropy has masked: it writes the masks as columns beside the values."""
    for name in [name for name in arrays if name.endswith(ASTROPY_MASK)]:
        masked = name.removesuffix(ASTROPY_MASK)
        if masked in arrays and arrays[name].dtype.kind == "b":
            arrays[masked] = plain(masked, np.ma.MaskedArray(arrays[masked], arrays.pop(name)))


def write_csv(path: Path, rows: Content) -> None:
    """Write CSV, with the header in a comment line on top; NaN is an empty cell."""
    first = _csv_table(rows.columns)
    with path.open("wb") as file:
        file.write(f"{CSV_TITLE}{CSV_MARK}{json.dumps(rows.header)}\n".encode())
        with pa.csv.CSVWriter(file, first.schema) as writer:
            for block in rows.blocks():
                writer.write_table(_csv_table(block))


def _csv_table(columns: Sequence[Field]) -> Any:
    arrays: dict[str, Any] = {}
    for column in columns:
        parts = column.data.T if column.width else [column.data]
        names = expanded(column.in_file, column.width) if column.width else [column.in_file]
        for name, part in zip(names, parts, strict=True):
            arrays[name] = arrow_column(part, nan_is_null=True)  # an empty cell
    return pa.Table.from_arrays(list(arrays.values()), list(arrays))


def read_csv(path: Path) -> tuple[Arrays, Header | None]:
    """Read CSV: the arrays (numbered columns put together again), and our header if it has one."""
    header, skip = _csv_header(path)
    types: dict[str, Any] = {}
    for name in TEXT_NAMES if header is None else ():
        types |= {name: pa.string(), name.upper(): pa.string()}
    for column in [] if header is None else header["columns"]:
        kind = pa.string() if column["dtype"] == "str" else _arrow_type(column["dtype"])
        parts = expanded(column["in_file"], column["width"]) if column["width"] else []
        types |= dict.fromkeys(parts or [column["in_file"]], kind)
    table = pa.csv.read_csv(
        path,
        read_options=pa.csv.ReadOptions(skip_rows=skip),
        parse_options=pa.csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        convert_options=pa.csv.ConvertOptions(column_types=types, strings_can_be_null=False),
    )
    arrays = {name: _from_arrow(table[name]) for name in table.column_names}
    for column in [] if header is None else header["columns"]:
        if column["width"]:
            names = expanded(column["in_file"], column["width"])
            arrays[column["in_file"]] = np.stack([arrays.pop(name) for name in names], axis=1)
    return arrays, header


def write_fits(path: Path, rows: Content) -> None:
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


def read_fits(path: Path) -> tuple[Arrays, Header | None]:
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


def parsed_header(text: bytes) -> Header:
    """The header of a file that we wrote."""
    header: Header = json.loads(text)
    version = header.get("format_version")
    if version != FORMAT_VERSION:
        raise NewerFormat(
            f"it is a catalog of format {version}, this gasnet3 reads format {FORMAT_VERSION}; "
            "update gasnet3"
        )
    return header


def _csv_header(path: Path) -> tuple[Header | None, int]:
    """Our header, and the number of comment lines to skip."""
    header, skip = None, 0
    with path.open("rb") as file:
        for line in file:
            if not line.startswith(b"#"):
                break
            skip += 1
            if line.startswith(CSV_MARK.encode()):
                header = parsed_header(line[len(CSV_MARK) :])
    return header, skip


def _arrow_type(dtype: str) -> Any:
    return pa.from_numpy_dtype(np.dtype(dtype))


def _from_arrow(column: Any) -> NDArray[Any]:
    """A numpy column: what is null becomes NaN in numbers and '' in text."""
    kind = column.type
    if pa.types.is_null(kind):
        return np.full(len(column), "", np.str_)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return np.array(text_items(column), np.str_)
    if pa.types.is_fixed_size_list(kind):
        if column.null_count:
            raise ValueError("a list column has empty rows")
        width = kind.list_size
        flat = [
            chunk.values.slice(chunk.offset * width, len(chunk) * width) for chunk in column.chunks
        ]
        return numbers_of(pa.chunked_array(flat, kind.value_type)).reshape(len(column), width)
    if pa.types.is_integer(kind) and column.null_count:
        known = column.fill_null(0).to_numpy()
        return plain("", np.ma.MaskedArray(known, column.is_null().to_numpy()))
    return numbers_of(column)


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
