"""Parquet files of spectra: lists, lists of fixed length, and nested columns of them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gasnet3.io.generic.arrow import Leaf, column_of, paths_of
from gasnet3.io.generic.list_tables import OWN_KEY, Table, TableReader, is_own

if TYPE_CHECKING:
    import pyarrow as pa

MAGIC = b"PAR1"
ENDINGS = (".parquet", ".pq")
BATCH_ROWS = 256
_BUFFER = 1 << 20
_THUMBNAIL = "data_thumbnail.parquet"


class ParquetReader(TableReader):
    """Parquet files with one row a spectrum, or of one spectrum with one row a pixel.

    Columns are those of :class:`~gasnet3.io.generic.list_tables.TableReader`. The rows asked for
    are decoded from the beginning of their row group on.
    """

    name = "parquet"

    def matches(self, path: Path, head: bytes) -> bool:
        """Whether the file begins as Parquet does."""
        return head.startswith(MAGIC)

    def table(self, path: Path) -> Table:
        """Open a file."""
        return _ParquetTable(path)


def is_no_input(path: Path) -> bool:
    """Whether a Parquet file among others is a catalog of gasnet3, or repeats rows of the others.

    The latter is a file that HATS catalogs have beside their data.
    """
    if not path.name.lower().endswith(ENDINGS):
        return False
    if path.name == _THUMBNAIL:
        return True
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # Most files need no more than a look at the bytes of the footer.
        with path.open("rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, size - 8))
            footer = int.from_bytes(stream.read(4), "little")
            stream.seek(max(0, size - 8 - footer))
            if OWN_KEY not in stream.read(min(footer, size)):
                return False
        return is_own(pq.read_metadata(path).metadata)
    except (OSError, ValueError, pa.ArrowException):
        return False


class _ParquetTable(Table):
    """Read in order, or from the beginning of a row group."""

    def __init__(self, path: Path) -> None:
        import pyarrow.parquet as pq

        # Not mapped: a file that becomes shorter while it is read would kill the process.
        self._file = pq.ParquetFile(path, memory_map=False, buffer_size=_BUFFER)
        about = self._file.metadata
        sizes = [about.row_group(group).num_rows for group in range(about.num_row_groups)]
        self._first = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        self.rows, self.schema = int(about.num_rows), self._file.schema_arrow
        if self._first[-1] != self.rows or min(sizes, default=0) < 0:
            raise ValueError("its row groups have not as many rows as the file")
        paths = [about.schema.column(i).path for i in range(about.num_columns)]
        names = set(self.schema.names)
        self._stored = {path: column_of(path, names) for path in paths}
        self._columns: list[str] = []
        self._batches: Iterator[Any] = iter(())
        self._at = self.rows
        self._left: Any = None

    def read(self, wanted: Sequence[Leaf], start: int, stop: int) -> pa.Table:
        """Some rows of the columns that arrays are in; after the last ones goes fastest."""
        import pyarrow as pa

        columns = paths_of(self._stored, wanted)
        group = int(np.searchsorted(self._first, start, "right")) - 1
        if columns != self._columns or start < self._at or self._first[group] > self._at:
            self._seek(columns, group)
        pieces = []
        while self._at < stop:
            batch = next(self._batches) if self._left is None else self._left
            self._left = None
            low, high = (min(max(at - self._at, 0), len(batch)) for at in (start, stop))
            pieces.append(batch.slice(low, high - low))
            if high < len(batch):
                self._left = batch.slice(high)
            self._at += high
        table = pa.Table.from_batches([piece for piece in pieces if len(piece)])
        table.validate(full=True)
        if len(table) != stop - start:
            raise ValueError(f"it has not the rows {start} to {stop} that it claims")
        return table

    def has_gaps(self, leaf: Leaf) -> bool:
        """Whether a row may have no value there, as the statistics of the row groups say."""
        (path,) = paths_of(self._stored, [leaf])
        index, about = list(self._stored).index(path), self._file.metadata
        if about.schema.column(index).max_definition_level == 0:
            return False
        for group in range(about.num_row_groups):
            counted = about.row_group(group).column(index).statistics
            if counted is None or not counted.has_null_count or counted.null_count:
                return True
        return False

    def _seek(self, columns: list[str], group: int) -> None:
        self._columns, self._at, self._left = columns, int(self._first[group]), None
        groups = list(range(group, len(self._first) - 1))
        # One thread: workers share the cores among them.
        self._batches = self._file.iter_batches(
            BATCH_ROWS, row_groups=groups, columns=columns, use_threads=False
        )

    def close(self) -> None:
        """Close the file."""
        self._batches, self._left = iter(()), None
        self._file.close()
