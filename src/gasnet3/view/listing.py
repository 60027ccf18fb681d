"""The rows of a catalog as the app lists them: filtered, sorted, a page at a time."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from gasnet3.catalog import CatalogError, read_catalog
from gasnet3.catalog.best import best_rows
from gasnet3.catalog.schema import REQUIRED
from gasnet3.flags import Notes, ZWarn

STRANGEST = "strangest first"

SORTS = {
    "as in the catalog": ("", False),
    STRANGEST: ("anomaly_score", True),
    "least sure first": ("p_z", False),
    "S/N, high first": ("sn_median", True),
    "redshift": ("z", False),
    "worst χ² first": ("rchi2", True),
}
"""Orders of the list: column, and whether the largest comes first."""

ONLY = ("no flag", "judged", "not judged", "disputed")
"""What a list may be narrowed to; disputed: a colleague says something else."""

NUMBERS = (
    *("z", "z_lo", "z_hi", "zwarn", "sn_median", "p_z", "rchi2", "znum"),
    *("anomaly_score", "anomaly_wave", "z_second"),
)
"""Columns that the app takes for numbers."""


@dataclass(frozen=True)
class Filter:
    """Which rows are listed; nothing chosen lists all.

    Parameters
    ----------
    classes, kinds, flags : tuple of str
        Classes; kinds of anomaly; names of warnings or notes, any of which must be set.
    clean : bool
        Whether rows with a warning are left out.
    sn, z, score : tuple of (float, float)
        Ranges of median S/N, redshift and anomaly score; NaN passes only an unlimited range.
    text : str
        Part of the id, whatever the case.
    judged : bool or None
        Whether a judgement exists; None: either.
    disputed : bool
        Whether only what a colleague disagrees with is listed.
    """

    classes: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    clean: bool = False
    sn: tuple[float, float] = (-np.inf, np.inf)
    z: tuple[float, float] = (-np.inf, np.inf)
    score: tuple[float, float] = (-np.inf, np.inf)
    text: str = ""
    judged: bool | None = None
    disputed: bool = False


@dataclass(frozen=True, eq=False)
class Listing:
    """The best solution of each spectrum of a native catalog."""

    table: Table
    ids: NDArray[np.str_] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "table", self.table[best_rows(self.table)])
        object.__setattr__(self, "ids", np.asarray(self.table["id"]).astype(np.str_))

    @classmethod
    def read(cls, path: str | Path) -> Listing:
        """The listing of a catalog file.

        Raises
        ------
        CatalogError
            If the file cannot be read, lacks id, class or z, or has text for numbers.
        """
        table = read_catalog(path)
        missing = [name for name in REQUIRED if name not in table.colnames]
        if missing:
            raise CatalogError(
                f"{path}: no column {', '.join(missing)}: this is no catalog of gasnet3; "
                "make one with gasnet3 classify"
            )
        for name in NUMBERS:
            if name in table.colnames and table[name].dtype.kind not in "biuf":
                raise CatalogError(
                    f"{path}: column {name} holds no numbers, but {table[name][0]!s}; correct it, "
                    "or make a catalog with gasnet3 classify"
                )
        return cls(table)

    def __len__(self) -> int:
        return len(self.table)

    def column(self, name: str) -> NDArray[Any]:
        """A column; NaN, '' or 0 where the catalog has none of that name."""
        if name in self.table.colnames:
            return np.asarray(self.table[name])
        blank: Any = "" if name in ("subclass", "anomaly_kind", "anomaly_reason") else np.nan
        return np.full(len(self), 0 if name in ("zwarn", "notes") else blank)

    def bits(self, name: str) -> NDArray[np.int64]:
        """``zwarn`` or ``notes`` of all rows; of notes in words, which are not ours, 0."""
        values = self.column(name)
        known = np.nan_to_num(values) if values.dtype.kind in "biuf" else np.zeros(len(self))
        return known.astype(np.int64)

    def value(self, row: int, name: str) -> Any:
        """One value of a column, likewise."""
        return self.column(name)[row] if name not in self.table.colnames else self.table[name][row]

    def _any_of(self, names: Collection[str]) -> NDArray[np.bool_]:
        """Whether each row has one of the warnings or notes."""
        found = np.zeros(len(self), bool)
        for column, flags in (("zwarn", ZWarn), ("notes", Notes)):
            wanted = sum(int(flag) for flag in flags if flag.name in names)
            found |= (self.bits(column) & wanted) != 0
        return found

    def rows(
        self,
        chosen: Filter,
        sort: str = "as in the catalog",
        judged: Collection[str] = (),
        disputed: Collection[str] = (),
    ) -> NDArray[np.int64]:
        """Rows that pass a filter, in one of the orders of :data:`SORTS`; NaN comes last.

        ``judged`` are the ids with a judgement, ``disputed`` those of which a colleague says
        something else.
        """
        keep = np.ones(len(self), bool)
        for names, column in ((chosen.classes, "class"), (chosen.kinds, "anomaly_kind")):
            if names:
                keep &= np.isin(self.column(column).astype(np.str_), names)
        if chosen.flags:
            keep &= self._any_of(chosen.flags)
        if chosen.clean:
            keep &= self.bits("zwarn") == 0
        for (low, high), column in (
            (chosen.sn, "sn_median"), (chosen.z, "z"), (chosen.score, "anomaly_score"),
        ):  # fmt: skip
            if np.isfinite(low) or np.isfinite(high):
                values = self.column(column).astype(np.float64)
                keep &= (values >= low) & (values <= high)
        if chosen.text:
            lower = np.char.lower(self.ids)
            keep &= np.char.find(lower, chosen.text.strip().lower()) >= 0
        if chosen.judged is not None:
            keep &= np.isin(self.ids, list(judged)) == chosen.judged
        if chosen.disputed:
            keep &= np.isin(self.ids, list(disputed))
        rows = np.flatnonzero(keep)
        name, falling = SORTS[sort]
        if not name:
            return rows
        values = self.column(name).astype(np.float64)[rows]
        return rows[np.argsort(-values if falling else values, kind="stable")]
