"""Catalogs as CSV, with the header in a comment line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv

from gasnet3.catalog.content import KEY, Arrays, Content, Header, parsed_header
from gasnet3.catalog.dialects import Field, expanded
from gasnet3.catalog.parquet import from_arrow
from gasnet3.machine.arrow import arrow_column

CSV_TITLE = "# gasnet3 catalog; lines that start with # are comments\n"
CSV_MARK = f"# {KEY}: "
TEXT_NAMES = ("id", "name", "file", "class", "cls", "spectype", "subclass", "sub", "subtype")
"""Columns of other people's CSV files that are text, whatever they look like."""


def write(path: Path, rows: Content) -> None:
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


def read(path: Path) -> tuple[Arrays, Header | None]:
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
    arrays = {name: from_arrow(table[name]) for name in table.column_names}
    for column in [] if header is None else header["columns"]:
        if column["width"]:
            names = expanded(column["in_file"], column["width"])
            arrays[column["in_file"]] = np.stack([arrays.pop(name) for name in names], axis=1)
    return arrays, header


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
