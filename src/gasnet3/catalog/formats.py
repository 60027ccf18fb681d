"""The three file formats: columns and one JSON header out, arrays and the header back."""

from __future__ import annotations

import json
from collections.abc import Sequence
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

from gasnet3.catalog.dialects import Field, expanded

KEY = "gasnet3"
FORMAT_VERSION = 1
CSV_TITLE = "# gasnet3 catalog; lines that start with # are comments\n"
CSV_MARK = f"# {KEY}: "
TEXT_NAMES = ("id", "name", "file", "class", "cls", "spectype", "subclass", "sub", "subtype")
"""Columns of other people's CSV files that are text, whatever they look like."""

COMMENT_LENGTH = 45  # of a TTYPE card: longer comments are cut, with a warning

Header = dict[str, Any]
Arrays = dict[str, NDArray[Any]]


class NewerFormat(ValueError):
    """The header is of a version that this code does not know."""


def write_parquet(path: Path, columns: Sequence[Field], header: Header) -> None:
    """Write Parquet, with the header in the metadata of the schema."""
    arrays, schema = [], []
    for column in columns:
        if column.width:
            flat = pa.array(np.ascontiguousarray(column.data).ravel())
            array = pa.FixedSizeListArray.from_arrays(flat, column.width)
        else:
            array = pa.array(column.data)
        about = {"unit": column.unit, "description": column.description}
        arrays.append(array)
        schema.append(pa.field(column.in_file, array.type, metadata=about))
    table = pa.Table.from_arrays(arrays, schema=pa.schema(schema, {KEY: json.dumps(header)}))
    pa.parquet.write_table(table, path, compression="zstd")


def read_parquet(path: Path) -> tuple[Arrays, Header | None]:
    """Read Parquet: the arrays, and our header if it has one."""
    table = pa.parquet.read_table(path)
    metadata = table.schema.metadata or {}
    text = metadata.get(KEY.encode())
    arrays = {name: _from_arrow(table[name]) for name in table.column_names}
    return arrays, None if text is None else _parsed(text)


def write_csv(path: Path, columns: Sequence[Field], header: Header) -> None:
    """Write CSV, with the header in a comment line on top; NaN is an empty cell."""
    arrays: dict[str, Any] = {}
    for column in columns:
        parts = column.data.T if column.width else [column.data]
        names = expanded(column.in_file, column.width) if column.width else [column.in_file]
        for name, part in zip(names, parts, strict=True):
            arrays[name] = pa.array(part, from_pandas=True)  # NaN is null: an empty cell
    with path.open("wb") as file:
        file.write(f"{CSV_TITLE}{CSV_MARK}{json.dumps(header)}\n".encode())
        pa.csv.write_csv(pa.table(arrays), file)


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


def write_fits(path: Path, columns: Sequence[Field], header: Header) -> None:
    """Write FITS: the catalog as the first extension, the header in the table ``GASNET3``."""
    table = Table()
    for column in columns:
        text = column.data.dtype.kind == "U"
        # FITS means ASCII by text; UTF-8 bytes pass every reader and are ASCII where the text is.
        data = np.char.encode(column.data, "utf-8") if text else column.data
        # A text column that is empty in every row has no width, and FITS needs one.
        table[column.in_file] = data.astype("S1") if text and not data.dtype.itemsize else data
    catalog = fits.table_to_hdu(table)
    catalog.name = header["extname"]
    for i, column in enumerate(columns, start=1):
        if column.unit and _fits_knows(column.unit):
            catalog.columns[i - 1].unit = column.unit
        comment = column.description.encode("ascii", "replace").decode()[:COMMENT_LENGTH]
        catalog.header.comments[f"TTYPE{i}"] = comment
    about = fits.table_to_hdu(Table({"header": [json.dumps(header).encode()]}))
    about.name = KEY.upper()
    primary = fits.PrimaryHDU()
    primary.header["CREATOR"] = f"gasnet3 {header['provenance'].get('version', '')}"[:60].strip()
    primary.header["DIALECT"] = (header["dialect"], "names of the columns")
    for key, value in header["provenance"].items():
        primary.header.add_history(json.dumps({key: value})[1:-1][:1000])
    fits.HDUList([primary, catalog, about]).writeto(path)


def read_fits(path: Path) -> tuple[Arrays, Header | None]:
    """Read FITS: the arrays of the first table, and our header if it has one."""
    with fits.open(path, memmap=False, character_as_bytes=True) as hdus:
        tables = [hdu for hdu in hdus if isinstance(hdu, fits.BinTableHDU | fits.TableHDU)]
        if not tables:
            raise ValueError("no table in any extension")
        data = tables[0].data
        about = hdus[KEY.upper()].data if KEY.upper() in hdus else None
        text = None if about is None else bytes(np.asarray(about["header"])[0])
        # Other writers pad text with blanks, which in FITS mean nothing.
        pad = None if text else " "
        arrays = {name: _from_fits(np.asarray(data[name]), pad) for name in data.names}
    return arrays, None if text is None else _parsed(text)


def _parsed(text: bytes) -> Header:
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
                header = _parsed(line[len(CSV_MARK) :])
    return header, skip


def _arrow_type(dtype: str) -> Any:
    return pa.from_numpy_dtype(np.dtype(dtype))


def _from_arrow(column: Any) -> NDArray[Any]:
    """A numpy column: what is null becomes NaN in numbers and '' in text."""
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind):
        items = ["" if item is None else item for item in column.to_pylist()]
        return np.array(items, np.str_)
    if pa.types.is_fixed_size_list(kind):
        if column.null_count:
            raise ValueError("a list column has empty rows")
        flat = column.combine_chunks().flatten().to_numpy(zero_copy_only=False)
        return np.asarray(flat).reshape(len(column), kind.list_size)
    return np.asarray(column.to_numpy())


def _from_fits(data: NDArray[Any], pad: str | None) -> NDArray[Any]:
    """A column in native byte order, its text decoded and freed of padding."""
    if data.dtype.kind == "S":
        text = np.char.decode(data, "utf-8", "replace")
        return np.char.rstrip(text, pad) if pad else text
    return data.astype(data.dtype.newbyteorder("="))


def _fits_knows(unit: str) -> bool:
    try:
        units.Unit(unit, format="fits")
    except ValueError:
        return False
    return True
