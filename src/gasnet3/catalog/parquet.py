"""Catalogs as Parquet: written block by block, read column by column where that is asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from numpy.typing import NDArray

from gasnet3.catalog.content import KEY, Arrays, Content, Header, parsed_header
from gasnet3.catalog.rows import Chosen, Lazy
from gasnet3.catalog.schema import plain
from gasnet3.machine.arrow import arrow_column, numbers_of, text_items

ASTROPY_MASK = ".mask"


def write(path: Path, rows: Content) -> None:
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


class ParquetColumns(Lazy):
    """The columns of a file."""

    def __init__(self, path: Path) -> None:
        with pa.parquet.ParquetFile(path) as file:
            self.names: list[str] = file.schema_arrow.names
            self.metadata: Mapping[bytes, bytes] = file.schema_arrow.metadata or {}
            self._count: int = file.metadata.num_rows
        self._path = path

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    @property
    def count(self) -> int:
        return self._count

    def take(self, name: str, rows: Chosen) -> NDArray[Any]:
        if name not in self.names:
            raise KeyError(name)
        wanted = np.arange(self.count)[rows]
        order = np.argsort(wanted, kind="stable")
        parts, first = [], 0
        with pa.parquet.ParquetFile(self._path) as file:
            for group in range(file.num_row_groups):
                stop = first + file.metadata.row_group(group).num_rows
                low, high = np.searchsorted(wanted, (first, stop), sorter=order)
                if high > low:
                    column = from_arrow(file.read_row_group(group, [name])[name])
                    parts.append(column[wanted[order[low:high]] - first])
                first = stop
            if not parts:
                return from_arrow(file.read([name])[name].slice(0, 0))
        back = np.empty_like(order)
        back[order] = np.arange(len(order))
        return np.concatenate(parts)[back]

    def all(self) -> Arrays:
        with pa.parquet.ParquetFile(self._path) as file:
            return arrays_of([file.read()])


def arrays_of(tables: Sequence[Any]) -> Arrays:
    """The columns of tables of Arrow of one schema, one below the other."""
    whole = pa.concat_tables(tables)
    return {name: from_arrow(whole[name]) for name in whole.column_names}


def read_whole(path: Path) -> tuple[Any, Header]:
    """A file of ours as a table of Arrow, whose metadata are left out, and its header."""
    with pa.parquet.ParquetFile(path) as file:
        table = file.read()
    return table.replace_schema_metadata(), parsed_header(table.schema.metadata[KEY.encode()])


def read(path: Path) -> tuple[Mapping[str, NDArray[Any]], Header | None]:
    """Read Parquet: the columns, and our header if it has one."""
    columns = ParquetColumns(path)
    text = columns.metadata.get(KEY.encode())
    if text is not None:
        return columns, parsed_header(text)
    arrays = columns.all()
    _put_masks(arrays)
    return arrays, None


def _put_masks(arrays: Arrays) -> None:
    """Leave out what astropy has masked: it writes the masks as columns beside the values."""
    for name in [name for name in arrays if name.endswith(ASTROPY_MASK)]:
        masked = name.removesuffix(ASTROPY_MASK)
        if masked in arrays and arrays[name].dtype.kind == "b":
            arrays[masked] = plain(masked, np.ma.MaskedArray(arrays[masked], arrays.pop(name)))


def from_arrow(column: Any) -> NDArray[Any]:
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
