"""The rows of a catalog without astropy, which takes a quarter of a second to load."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from astropy.table import Table

Chosen = NDArray[np.intp] | slice
"""Which rows."""


class Lazy(Mapping[str, NDArray[Any]]):
    """Columns that are read when they are asked for, and not kept."""

    @property
    @abstractmethod
    def count(self) -> int:
        """Number of rows."""

    @abstractmethod
    def take(self, name: str, rows: Chosen) -> NDArray[Any]:
        """Some rows of a column; the others need not be in memory all at once."""

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self.take(name, slice(None))

    def __contains__(self, name: object) -> bool:
        return name in tuple(self)  # a Mapping would read the column

    def all(self) -> dict[str, NDArray[Any]]:
        """All columns."""
        return {name: self[name] for name in self}


@dataclass(frozen=True, eq=False)
class _Some(Lazy):
    """Some of the rows of others."""

    whole: Lazy
    rows: NDArray[np.intp]

    def __iter__(self) -> Iterator[str]:
        return iter(self.whole)

    def __len__(self) -> int:
        return len(self.whole)

    @property
    def count(self) -> int:
        return len(self.rows)

    def take(self, name: str, rows: Chosen) -> NDArray[Any]:
        return self.whole.take(name, self.rows[rows])


@dataclass(frozen=True, eq=False)
class _Beside(Lazy):
    """Columns, and others in memory that come after them or take their place."""

    whole: Lazy
    more: Mapping[str, NDArray[Any]]

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys([*self.whole, *self.more]))

    def __len__(self) -> int:
        return len(list(iter(self)))

    @property
    def count(self) -> int:
        return self.whole.count

    def take(self, name: str, rows: Chosen) -> NDArray[Any]:
        return self.more[name][rows] if name in self.more else self.whole.take(name, rows)


def taken(columns: Mapping[str, NDArray[Any]], name: str, rows: Chosen) -> NDArray[Any]:
    """Some rows of a column."""
    return columns.take(name, rows) if isinstance(columns, Lazy) else columns[name][rows]


@dataclass(eq=False)
class Rows:
    """Columns of one length, and what is known of them; named and indexed like a table of astropy.

    ``rows["z"]`` is a column, ``rows[10:20]`` and ``rows[indices]`` are some of the rows.

    Attributes
    ----------
    columns : mapping of str to ndarray, shape (rows,) or (rows, k)
        The columns in their order, which may be :class:`Lazy`.
    units, descriptions : dict of str to str
        Of the columns that have any.
    meta : dict
        ``meta["gasnet3"]`` is the provenance.
    """

    columns: Mapping[str, NDArray[Any]]
    units: Mapping[str, str] = field(default_factory=dict)
    descriptions: Mapping[str, str] = field(default_factory=dict)
    meta: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, table: Table | Rows) -> Rows:
        """The rows of a table, whose columns may be masked."""
        if isinstance(table, Rows):
            return table
        columns = {name: table[name] for name in table.colnames}
        units = {name: str(column.unit) for name, column in columns.items() if column.unit}
        told = {name: column.description or "" for name, column in columns.items()}
        return cls(columns, units, told, dict(table.meta))

    @property
    def colnames(self) -> list[str]:
        """Names of the columns."""
        return list(self.columns)

    def __len__(self) -> int:
        if isinstance(self.columns, Lazy):
            return self.columns.count
        return len(next(iter(self.columns.values()), ()))

    def __getitem__(self, item: Any) -> Any:
        if isinstance(item, str):
            return self.columns[item]
        columns: Mapping[str, NDArray[Any]]
        if isinstance(self.columns, Lazy):
            columns = _Some(self.columns, np.arange(len(self))[item])
        else:
            columns = {name: column[item] for name, column in self.columns.items()}
        return Rows(columns, self.units, self.descriptions, self.meta)

    def beside(self, more: Mapping[str, NDArray[Any]], descriptions: Mapping[str, str]) -> Rows:
        """The same with more columns, or other ones of these names."""
        columns: Mapping[str, NDArray[Any]]
        if isinstance(self.columns, Lazy):
            columns = _Beside(self.columns, more)
        else:
            columns = {**self.columns, **more}
        return Rows(columns, self.units, {**self.descriptions, **descriptions}, self.meta)

    def loaded(self) -> Rows:
        """The same, all of it in memory."""
        if not isinstance(self.columns, Lazy):
            return self
        return Rows(self.columns.all(), self.units, self.descriptions, self.meta)

    def table(self) -> Table:
        """The same as a table of astropy."""
        from astropy.table import Table

        table = Table()
        for name, values in self.loaded().columns.items():
            table[name] = values
            table[name].unit = self.units.get(name) or None
            table[name].description = self.descriptions.get(name) or None
        table.meta.update(self.meta)
        return table
