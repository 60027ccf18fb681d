"""Tables of columns of lists, as Parquet and Arrow files have them, and their reader."""

from __future__ import annotations

import contextlib
import os
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from gasnet3.io.errors import ReadError
from gasnet3.io.generic.arms import arms_among
from gasnet3.io.generic.arrow import Leaf, leaves, rows_of, said_in, values_of
from gasnet3.io.generic.dispersion import said_air
from gasnet3.io.generic.gaps import units_in
from gasnet3.io.generic.holding import Holding, HoldingReader
from gasnet3.io.generic.roles import PIXEL_ROLES, Along, Held, RolesError, recognise
from gasnet3.io.limits import PIXELS
from gasnet3.io.options import ReadOptions
from gasnet3.io.reader import Understood
from gasnet3.io.state import file_state

if TYPE_CHECKING:
    import pyarrow as pa

OWN_KEY = b"gasnet3"
"""How a key begins that the metadata of all tables of gasnet3 itself have."""

_UNIT_KEYS = ("UNIT", "UNITS", "TUNIT")
_ASTROPY_KEY = b"table_meta_yaml"


def is_own(metadata: Mapping[bytes, bytes] | None) -> bool:
    """Whether a table is one of gasnet3 itself, such as a catalog: none of them holds spectra."""
    return any(key.startswith(OWN_KEY) for key in metadata or {})


class Table(ABC):
    """An open file of which some rows of some columns are read."""

    rows: int
    schema: pa.Schema

    @abstractmethod
    def read(self, wanted: Sequence[Leaf], start: int, stop: int) -> pa.Table:
        """Some rows of the columns that arrays are in."""

    @abstractmethod
    def has_gaps(self, leaf: Leaf) -> bool:
        """Whether any row of the file may have no value there."""

    @abstractmethod
    def close(self) -> None:
        """Close the file."""


class TableReader(HoldingReader):
    """A reader of tables.

    Values of pixels are columns of lists (of any or of fixed length), fields of a column of
    structures (``spectrum.flux``, as the Multimodal Universe and nested-pandas have them), or of
    lists of structures; other columns are key columns. A table without lists is one spectrum,
    with a row a pixel. Units are the metadata ``unit`` of fields, or those that Astropy writes.

    The file stays open after a read, so that rows in order cost one pass over it.
    """

    @abstractmethod
    def table(self, path: Path) -> Table:
        """Open a file."""

    @contextmanager
    def holding(self, path: Path) -> Iterator[Holding]:
        """What the columns of the file are, while it is open."""
        key = (os.getpid(), self.name, path, file_state(path))
        table = _taken(key) or self.table(path)
        try:
            yield _holding(path, table, self.options)
        except BaseException:
            table.close()
            raise
        _idle.append((key, table))
        while len(_idle) > _MOST_IDLE:
            with contextlib.suppress(IndexError):
                _idle.popleft()[1].close()


_MOST_IDLE = 2
_idle: deque[tuple[Any, Table]] = deque()
"""Open tables that nobody reads just now, with the process and the state of their file.

Not one for each thread: every part of a run is read by a thread of its own. And without a lock,
which a process that is forked might find locked for ever: each step is atomic by itself.
"""


def _taken(key: Any) -> Table | None:
    """An idle table, to be used by one thread only."""
    for _ in range(len(_idle)):
        try:
            entry = _idle.popleft()
        except IndexError:
            break
        if entry[0] == key:
            return entry[1]
        _idle.append(entry)
    return None


def _holding(path: Path, table: Table, options: ReadOptions) -> Holding:
    metadata = table.schema.metadata or {}
    if is_own(metadata):
        raise ReadError(path, "a table of gasnet3 itself, such as a catalog: it has no spectra")
    found = leaves(table.schema)
    listed = any(leaf.listed for leaf in found)
    if not listed and table.rows > PIXELS:
        raise RolesError("no column has lists of values, and it is too long for one spectrum")
    yaml = metadata.get(_ASTROPY_KEY, b"").decode("utf-8", "replace")
    units = units_in(yaml.split("\n")) if yaml else {}
    described = [_described(leaf, units, listed) for leaf in found]
    arms = arms_among(described, options) if listed else []
    shared = [one for one in described if one.along == "rows"]
    sets = [[*arm, *shared] for arm in arms] or [described]
    some = [recognise(arrays, options) for arrays in sets]
    used = {
        name: role for roles in some for role, one in roles.arrays.items() for name in one.names
    }
    kept = {one.name for one in some[0].others if one.along == "rows"}
    wanted = [leaf for leaf in found if leaf.name in used or leaf.name in kept]
    pixels = [leaf for leaf in wanted if used.get(leaf.name) in PIXEL_ROLES]
    rows = _Rows(table, wanted, pixels)
    held = [
        replace(one, load=rows.some(leaf) if listed else rows.whole(leaf))
        for leaf, one in zip(found, described, strict=True)
    ]
    known = {leaf.column for leaf in found}
    left = [name for name in table.schema.names if name not in known]
    understood = Understood(ignored=[f"column {name} has no numbers: not used" for name in left])
    count, air = table.rows if listed else 1, said_air(said_in(metadata))
    by_name = {one.name: one for one in held}
    parts = [
        Holding([by_name[one.name] for one in arrays], count, air=air, understood=understood)
        for arrays in sets
    ]
    return replace(parts[0], arms=parts) if arms else parts[0]


def _described(leaf: Leaf, units: Mapping[str, str], listed: bool) -> Held:
    unit = next((str(leaf.said[key]) for key in _UNIT_KEYS if key in leaf.said), "")
    along: Along = "pixels" if leaf.listed or not listed else "rows"
    ucd = str(leaf.said.get("UCD", ""))
    unit = unit or units.get(leaf.name, "")
    where = f"column {leaf.name}"
    return Held(leaf.name, along, unit, ucd, where, air=said_air(leaf.said))


class _Rows:
    """The rows that are read now: all arrays of them are asked for one after the other."""

    def __init__(self, table: Table, wanted: list[Leaf], pixels: list[Leaf]) -> None:
        self._table, self._wanted, self._pixels = table, wanted, pixels
        self._part: slice | None = None
        self._data: Any = None
        self._values: dict[str, list[NDArray[Any]]] = {}

    def some(self, leaf: Leaf) -> Callable[[slice], Any]:
        """An array with a list or a value in each row."""
        return lambda part: self._load(leaf, part)

    def whole(self, leaf: Leaf) -> Callable[[slice], Any]:
        """An array of a table whose rows are pixels."""
        rows = self._table.rows
        return lambda _: self._one_a_row(self._table.read(self._wanted, 0, rows), leaf)

    def _load(self, leaf: Leaf, part: slice) -> Any:
        if part != self._part:
            self._data = self._table.read(self._wanted, part.start, part.stop)
            self._values = {one.name: rows_of(self._data[one.column], one) for one in self._pixels}
            self._part = part
        if leaf.name in self._values:
            return self._values[leaf.name]
        return self._one_a_row(self._data, leaf)

    def _one_a_row(self, data: pa.Table, leaf: Leaf) -> NDArray[Any]:
        return values_of(data[leaf.column], leaf, gaps=self._table.has_gaps(leaf))
