"""Parquet files of spectra: lists, lists of fixed length, and nested columns of them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gasnet3.io.errors import ReadError
from gasnet3.io.generic.arrow import Leaf, leaves, paths_of, rows_of, said_in, values_of
from gasnet3.io.generic.dispersion import said_air
from gasnet3.io.generic.holding import Held, Holding, HoldingReader
from gasnet3.io.generic.roles import PIXEL_ROLES, Along, Described, RolesError, recognise
from gasnet3.io.options import ReadOptions
from gasnet3.io.state import FileState, file_state

if TYPE_CHECKING:
    import pyarrow as pa

MAGIC = b"PAR1"
ENDINGS = (".parquet", ".pq")
OWN_KEY = b"gasnet3"
"""What the metadata of all Parquet tables of gasnet3 itself have: none of them holds spectra."""

BATCH_ROWS = 256
_MAX_PIXELS = 1 << 24
_BUFFER = 1 << 20
_UNIT_KEYS = ("UNIT", "UNITS", "TUNIT")
_ASTROPY_KEY = b"table_meta_yaml"


class ParquetReader(HoldingReader):
    """Parquet files with one row a spectrum, or of one spectrum with one row a pixel.

    Values of pixels are columns of lists (of any or of fixed length), fields of a column of
    structures (``spectrum.flux``, as the Multimodal Universe and nested-pandas have them), or of
    lists of structures; other columns are key columns. Units are the metadata ``unit`` of
    fields, or those that Astropy writes.

    The rows asked for are decoded from the beginning of their row group on. The file stays open
    in each thread, so that rows in order cost one pass over it.
    """

    name = "parquet"

    def matches(self, path: Path, head: bytes) -> bool:
        """Whether the file begins as Parquet does."""
        return head.startswith(MAGIC)

    @contextmanager
    def holding(self, path: Path) -> Iterator[Holding]:
        """What the columns of the file are, while it is open."""
        try:
            yield _holding(path, _kept_table(path), self.options)
        except BaseException:
            _forget()
            raise


def is_own_table(path: Path) -> bool:
    """Whether a file, by its name Parquet, is a catalog or another table of gasnet3 itself."""
    if not path.name.lower().endswith(ENDINGS):
        return False
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
        return OWN_KEY in (pq.read_metadata(path).metadata or {})
    except (OSError, ValueError, pa.ArrowException):
        return False


class _Table:
    """An open file whose rows are read in order, or from the beginning of a row group."""

    def __init__(self, path: Path) -> None:
        import pyarrow.parquet as pq

        self.path = path
        # Not mapped: a file that becomes shorter while it is read would kill the process.
        self.file = pq.ParquetFile(path, memory_map=False, buffer_size=_BUFFER)
        about = self.file.metadata
        sizes = [about.row_group(group).num_rows for group in range(about.num_row_groups)]
        self.first = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        self.rows = int(about.num_rows)
        if self.first[-1] != self.rows or min(sizes, default=0) < 0:
            raise ValueError("its row groups have not as many rows as the file")
        self.stored = [about.schema.column(i).path for i in range(about.num_columns)]
        self._columns: list[str] = []
        self._batches: Iterator[Any] = iter(())
        self._at = self.rows
        self._left: Any = None

    def read(self, columns: list[str], start: int, stop: int) -> pa.Table:
        """Some rows of some of the stored columns; where the last ones ended goes fastest."""
        import pyarrow as pa

        group = int(np.searchsorted(self.first, start, "right")) - 1
        if columns != self._columns or start < self._at or self.first[group] > self._at:
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
        (path,) = paths_of(self.stored, [leaf])
        index, about = self.stored.index(path), self.file.metadata
        if about.schema.column(index).max_definition_level == 0:
            return False
        for group in range(about.num_row_groups):
            counted = about.row_group(group).column(index).statistics
            if counted is None or not counted.has_null_count or counted.null_count:
                return True
        return False

    def _seek(self, columns: list[str], group: int) -> None:
        self._columns, self._at, self._left = columns, int(self.first[group]), None
        groups = list(range(group, len(self.first) - 1))
        # One thread: workers share the cores among them.
        self._batches = self.file.iter_batches(
            BATCH_ROWS, row_groups=groups, columns=columns, use_threads=False
        )

    def close(self) -> None:
        """Close the file."""
        self._batches, self._left = iter(()), None
        self.file.close()


_kept = threading.local()
"""The table that was read last, and the process and the state of its file."""


def _kept_table(path: Path) -> _Table:
    state: FileState = file_state(path)
    key = (os.getpid(), path, state)
    if getattr(_kept, "key", None) != key:
        _forget()
        _kept.table = _Table(path)
        _kept.key = key
    found: _Table = _kept.table
    return found


def _forget() -> None:
    if getattr(_kept, "key", None) is not None:
        _kept.key = None
        _kept.table.close()


def _holding(path: Path, table: _Table, options: ReadOptions) -> Holding:
    schema = table.file.schema_arrow
    if OWN_KEY in (schema.metadata or {}):
        raise ReadError(path, "a table of gasnet3 itself, such as a catalog: it has no spectra")
    found = leaves(schema)
    listed = any(leaf.listed for leaf in found)
    if not listed and table.rows > _MAX_PIXELS:
        raise RolesError("no column has lists of values, and it is too long for one spectrum")
    units = _astropy_units(schema.metadata or {})
    described = [_described(leaf, units, listed) for leaf in found]
    roles = recognise(described, options)
    used = {one.name: role for role, one in roles.arrays.items()}
    kept = {one.name for one in roles.others if one.along == "rows"}
    wanted = [leaf for leaf in found if leaf.name in used or leaf.name in kept]
    pixels = [leaf for leaf in wanted if used.get(leaf.name) in PIXEL_ROLES]
    rows = _Rows(table, paths_of(table.stored, wanted), pixels)
    held = [
        Held(one, _load(rows, leaf) if listed else rows.whole(leaf), said_air(leaf.said))
        for leaf, one in zip(found, described, strict=True)
    ]
    return Holding(held, table.rows if listed else 1, air=said_air(said_in(schema.metadata)))


def _described(leaf: Leaf, units: Mapping[str, str], listed: bool) -> Described:
    unit = next((str(leaf.said[key]) for key in _UNIT_KEYS if key in leaf.said), "")
    along: Along = "pixels" if leaf.listed or not listed else "rows"
    ucd = str(leaf.said.get("UCD", ""))
    return Described(leaf.name, along, unit or units.get(leaf.name, ""), ucd, f"column {leaf.name}")


def _load(rows: _Rows, leaf: Leaf) -> Callable[[slice], Any]:
    return lambda part: rows.load(leaf, part)


class _Rows:
    """The rows that are read now: all arrays of them are asked for one after the other."""

    def __init__(self, table: _Table, columns: list[str], pixels: list[Leaf]) -> None:
        self._table, self._columns, self._pixels = table, columns, pixels
        self._part: slice | None = None
        self._data: Any = None
        self._values: dict[str, list[NDArray[Any]]] = {}

    def load(self, leaf: Leaf, part: slice) -> Any:
        """The values of some rows."""
        if part != self._part:
            self._data = self._table.read(self._columns, part.start, part.stop)
            self._values = {one.name: rows_of(self._data[one.column], one) for one in self._pixels}
            self._part = part
            _drop_uneven(self._values)
        if leaf.name in self._values:
            return self._values[leaf.name]
        return self._one_a_row(self._data, leaf)

    def whole(self, leaf: Leaf) -> Callable[[slice], Any]:
        """A column of a file whose rows are pixels."""
        rows = self._table.rows
        return lambda _: self._one_a_row(self._table.read(self._columns, 0, rows), leaf)

    def _one_a_row(self, data: pa.Table, leaf: Leaf) -> NDArray[Any]:
        return values_of(data[leaf.column], leaf, gaps=self._table.has_gaps(leaf))


def _drop_uneven(values: dict[str, list[NDArray[Any]]]) -> None:
    """Empty the rows whose lists differ in length: they get a flag, the others must not suffer."""
    for row, lists in enumerate(zip(*values.values(), strict=True)):
        if len({one.size for one in lists}) > 1:
            for name in values:
                values[name][row] = values[name][row][:0]


def _astropy_units(metadata: Mapping[bytes, bytes]) -> dict[str, str]:
    """Units of the columns of a table that Astropy wrote."""
    from astropy.table.meta import get_header_from_yaml

    if _ASTROPY_KEY not in metadata:
        return {}
    header = get_header_from_yaml(metadata[_ASTROPY_KEY].decode("utf-8", "replace").split("\n"))
    return {one["name"]: str(one["unit"]) for one in header["datatype"] if "unit" in one}
