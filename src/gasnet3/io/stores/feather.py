"""Arrow files of spectra (Feather), as pandas and polars write them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gasnet3.io.generic.arrow import Leaf
from gasnet3.io.generic.list_tables import Table, TableReader

if TYPE_CHECKING:
    import pyarrow as pa

MAGIC = b"ARROW1"


class FeatherReader(TableReader):
    """Arrow files, also called Feather, that are no shards; columns as in Parquet.

    The record batches with the rows asked for are read, and of them the columns needed.
    """

    name = "arrow"

    def matches(self, path: Path, head: bytes) -> bool:
        """Whether the file begins as Arrow files do."""
        return head.startswith(MAGIC)

    def table(self, path: Path) -> Table:
        """Open a file."""
        return _ArrowTable(path)


class _ArrowTable(Table):
    """Read by record batches."""

    def __init__(self, path: Path) -> None:
        import pyarrow as pa

        # Not mapped: a file that becomes shorter while it is read would kill the process.
        self._source = pa.OSFile(str(path))
        try:
            whole = pa.ipc.open_file(self._source)
            self.schema = whole.schema
            flat = [i for i, field in enumerate(self.schema) if not field.type.num_fields]
            some = self._only(flat[:1] or [0])
            # Of what is not asked for nothing is read but its length.
            sizes = [some.get_batch(i).num_rows for i in range(some.num_record_batches)]
        except BaseException:
            self._source.close()
            raise
        self._first = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        self.rows = int(self._first[-1])
        self._gaps: dict[str, bool] = {}

    def _only(self, fields: list[int]) -> pa.ipc.RecordBatchFileReader:
        import pyarrow as pa

        options = pa.ipc.IpcReadOptions(included_fields=fields, use_threads=False)
        return pa.ipc.open_file(self._source, options=options)

    def read(self, wanted: Sequence[Leaf], start: int, stop: int) -> pa.Table:
        """Some rows of the columns that arrays are in."""
        import pyarrow as pa

        names = {leaf.column for leaf in wanted}
        file = self._only([i for i, name in enumerate(self.schema.names) if name in names])
        first, last = (int(np.searchsorted(self._first, at, "right")) for at in (start, stop - 1))
        pieces = []
        for index in range(first - 1, last):
            base = int(self._first[index])
            batch = file.get_batch(index)
            pieces.append(batch.slice(max(start - base, 0), stop - max(base, start)))
        table = pa.Table.from_batches(pieces)
        table.validate(full=True)
        return table

    def has_gaps(self, leaf: Leaf) -> bool:
        """Whether a row has no value there; looked for once."""
        if leaf.name not in self._gaps:
            field = self.schema.field(leaf.column)
            if leaf.steps or not field.nullable:
                self._gaps[leaf.name] = field.nullable
            else:
                file = self._only([self.schema.get_field_index(leaf.column)])
                batches = (file.get_batch(i) for i in range(file.num_record_batches))
                self._gaps[leaf.name] = any(batch.column(0).null_count for batch in batches)
        return self._gaps[leaf.name]

    def close(self) -> None:
        """Close the file."""
        self._source.close()
