"""Many tables as one catalog: which columns it has, of what type, and its rows block by block."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasnet3.catalog.dialects import Field, fields, whole_numbers
from gasnet3.catalog.rows import Rows
from gasnet3.catalog.schema import plain
from gasnet3.spectra.joining import JoinedType

BLOCK_ROWS = 65_536
"""Rows written at once: memory depends on it, and so do the row groups of Parquet."""


@dataclass
class _Known:
    """What is known of one column after the tables so far."""

    unit: str
    description: str
    joined: JoinedType = field(default_factory=JoinedType)


@dataclass
class Layout:
    """The columns that hold all tables, found by reading each of them once.

    Attributes
    ----------
    dialect : str
        Names of the columns in the file.
    rows : int
        Rows of all tables.
    provenance : dict
        ``meta["gasnet3"]`` of the tables; where they differ, an entry is the list of its values.
    """

    dialect: str
    rows: int = 0
    provenance: dict[str, Any] = field(default_factory=dict)
    _columns: dict[str, _Known] = field(default_factory=dict)
    _integer_ids: bool = False

    @classmethod
    def of(cls, tables: Iterable[Rows], dialect: str) -> Layout:
        """The layout of tables.

        ValueError if the dialect is unknown, there is no table, or a column is of a type no catalog
        holds or has different numbers of values a row; its name is in the message.
        """
        layout = cls(dialect)
        provenances: list[dict[str, Any]] = []
        integer_ids = True
        for table in tables:
            layout._see(table)
            provenance = table.meta.get("gasnet3", {})
            if provenance not in provenances:
                provenances.append(provenance)
            if len(table) and dialect == "redrock":
                integer_ids = integer_ids and whole_numbers(plain("id", table["id"]))
        if not provenances:
            raise ValueError("there is no table to write")
        layout._integer_ids = integer_ids and layout.rows > 0
        layout.provenance = _common(provenances)
        return layout

    def _see(self, table: Rows) -> None:
        self.rows += len(table)
        for name in table.colnames:
            data = plain(name, table[name])
            unit, told = table.units.get(name, ""), table.descriptions.get(name, "")
            known = self._columns.setdefault(name, _Known(unit, told))
            try:
                known.joined.see(data)
            except ValueError as error:
                raise ValueError(f"column {name!r}: {error}") from None

    def fields(self, table: Rows | None = None) -> list[Field]:
        """The columns of a table in the types that they have in the file; of no rows by default."""
        whole: dict[str, NDArray[Any]] = {}
        rows = 0 if table is None else len(table)
        for name, known in self._columns.items():
            dtype = known.joined.dtype(self.rows)
            given = table[name] if table is not None and name in table.colnames else None
            part = None if given is None else plain(name, given)
            whole[name] = known.joined.cast(part, rows, dtype)
        units = {name: known.unit for name, known in self._columns.items()}
        descriptions = {name: known.description for name, known in self._columns.items()}
        return fields(Rows(whole, units, descriptions), self.dialect, integer_ids=self._integer_ids)

    def blocks(self, tables: Iterable[Rows], rows: int = BLOCK_ROWS) -> Iterator[list[Field]]:
        """The columns of all tables, ``rows`` at a time, however the tables divide them."""
        waiting: list[list[Field]] = []
        have = 0
        for table in tables:
            columns = self.fields(table)
            start, count = 0, len(table)
            while have + count - start >= rows:
                stop = start + rows - have
                yield _stacked([*waiting, _sliced(columns, start, stop)])
                waiting, have, start = [], 0, stop
            if start < count:
                waiting.append(_sliced(columns, start, count))
                have += count - start
        if waiting:
            yield _stacked(waiting)


def _common(provenances: list[dict[str, Any]]) -> dict[str, Any]:
    """One provenance: differing entries become lists of what they are."""
    if len(provenances) == 1:
        return provenances[0]
    whole: dict[str, Any] = {}
    for key in dict.fromkeys(key for one in provenances for key in one):
        values: list[Any] = []
        values.extend(one[key] for one in provenances if key in one and one[key] not in values)
        whole[key] = values[0] if len(values) == 1 else values
    return whole


def _sliced(columns: list[Field], start: int, stop: int) -> list[Field]:
    return [replace(column, data=column.data[start:stop]) for column in columns]


def _stacked(pieces: list[list[Field]]) -> list[Field]:
    if len(pieces) == 1:
        return pieces[0]
    return [
        replace(same[0], data=np.concatenate([column.data for column in same]))
        for same in zip(*pieces, strict=True)
    ]
