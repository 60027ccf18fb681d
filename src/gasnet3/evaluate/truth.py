"""Labels of a truth table, and which row of a catalog each of them belongs to."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gasnet3.catalog.best import best_rows
from gasnet3.catalog.files import open_table
from gasnet3.catalog.schema import identifiers, plain
from gasnet3.classes import CLASSES
from gasnet3.errors import GasnetError
from gasnet3.machine.typing import Bools, Floats

if TYPE_CHECKING:
    from astropy.table import Table

KEYS = ("id", "name", "file", "targetid")
CLASS_NAMES = ("class", "cls", "spectype")
SUBCLASS_NAMES = ("subclass", "sub", "subtype")
Z_NAMES = ("z_true", "z")

SDSS_NAME = re.compile(r"(?:spec-)?(\d+)-(\d+)-(\d+)")
SPECTRUM_ENDING = re.compile(r"(\.(fits?|npz))?(\.gz)?$", re.IGNORECASE)


class TruthError(GasnetError, ValueError):
    """A truth table cannot be used; the message says which, why, and what to do."""


@dataclass(frozen=True, eq=False)
class Truth:
    """The labels of a truth table, one row a spectrum.

    Parameters
    ----------
    where : str
        The file, for messages.
    keys : dict of str to ndarray of str, shape (rows,)
        Normalised identifiers, by the column they are from ('id', 'name', 'file', 'targetid').
    classes : ndarray of str, shape (rows,)
        STAR, GALAXY, QSO; '' where the label is none of these.
    subclasses : ndarray of str, shape (rows,)
        As given, '' where unknown.
    z : ndarray of float64, shape (rows,)
        True redshift, NaN where there is none.
    sky : ndarray of bool, shape (rows,)
        Rows labelled SKY: no object is there.
    """

    where: str
    keys: dict[str, NDArray[np.str_]]
    classes: NDArray[np.str_]
    subclasses: NDArray[np.str_]
    z: Floats
    sky: Bools


@dataclass(frozen=True, eq=False)
class Match:
    """Where the rows of a truth table are in a catalog.

    Parameters
    ----------
    key : str
        The column of the truth that was matched on.
    truth_rows, catalog_rows : ndarray of int, shape (matched,)
        Pairs of rows.
    lost : tuple of str
        Identifiers of truth rows that have no catalog row.
    n_catalog : int
        Spectra in the catalog; further solutions of the same spectrum do not count.
    """

    key: str
    truth_rows: NDArray[np.intp]
    catalog_rows: NDArray[np.intp]
    lost: tuple[str, ...]
    n_catalog: int


def read_truth(truth: Table | str | Path) -> Truth:
    """Read the labels of a truth table.

    Column names are taken in any case of their letters: one of id, name, file, targetid as the
    key; class, cls or spectype; z_true or z; subclass, sub or subtype. Class and key are required.
    A redshift of -9999, or any that is not finite and above -1, is no label.

    Parameters
    ----------
    truth : astropy.table.Table, str or Path
        The table, or a CSV, ECSV, Parquet or FITS file.

    Raises
    ------
    TruthError
        If the key or the class is missing, or the redshift is no number.
    gasnet3.catalog.CatalogError
        If the file cannot be read.
    """
    where = str(truth) if isinstance(truth, str | Path) else "the truth table"
    table = open_table(truth) if isinstance(truth, str | Path) else truth
    keys = {name: _column(table, (name,)) for name in KEYS}
    known = {
        name: _identifiers(name, column) for name, column in keys.items() if column is not None
    }
    labels = _column(table, CLASS_NAMES)
    if not known or labels is None:
        raise TruthError(
            f"{where} needs a column to match on ({', '.join(KEYS)}) and one of the class "
            f"({', '.join(CLASS_NAMES)}); it has {', '.join(table.colnames)}"
        )
    classes = np.char.upper(np.char.strip(labels.astype(np.str_)))
    subclasses = _column(table, SUBCLASS_NAMES)
    return Truth(
        where=where,
        keys=known,
        classes=np.where(np.isin(classes, CLASSES), classes, ""),
        subclasses=np.full(len(table), "") if subclasses is None else subclasses.astype(np.str_),
        z=_redshifts(table, where),
        sky=classes == "SKY",
    )


def match(truth: Truth, catalog: Table) -> Match:
    """Find the catalog row of every truth row.

    Of several solutions of a spectrum (``n_best``) the first is taken. Where the truth has more
    than one key column, the one with most matches is taken, and of equals one without repetition.
    The key ``file`` is matched on the base name, less its ending, against the catalog's column
    ``file``, and against its ``id`` where it has none. TruthError if an identifier occurs twice in
    the truth, or on several spectra of the catalog.
    """
    best = best_rows(catalog)
    tables = {key: _catalog_identifiers(catalog, key)[best] for key in truth.keys}
    key = max(tables, key=lambda name: _rank(truth.keys[name], tables[name]))
    wanted = truth.keys[key]
    _refuse_twice(wanted, f"{truth.where} has more than one row of {key}")
    here = tables[key]
    _refuse_twice(here[np.isin(here, wanted)], f"the catalog has more than one spectrum of {key}")
    row_of = dict(zip(here.tolist(), best.tolist(), strict=True))
    found = np.array([row_of.get(item, -1) for item in wanted.tolist()], np.intp)
    return Match(
        key=key,
        truth_rows=np.flatnonzero(found >= 0),
        catalog_rows=found[found >= 0],
        lost=tuple(wanted[found < 0].tolist()),
        n_catalog=len(best),
    )


def normal_id(text: str) -> str:
    """An identifier in its standard form: spec-266-51602-13 is 0266-51602-0013, others stay."""
    text = text.strip()
    sdss = SDSS_NAME.fullmatch(text)
    return text if sdss is None else "{:04d}-{:05d}-{:04d}".format(*map(int, sdss.groups()))


def _column(table: Table, names: tuple[str, ...]) -> NDArray[Any] | None:
    """The first of the named columns that the table has, in any case of its letters."""
    present = {name.casefold(): name for name in reversed(table.colnames)}
    for name in names:
        if name in present:
            return plain(present[name], table[present[name]])
    return None


def _identifiers(key: str, column: NDArray[Any]) -> NDArray[np.str_]:
    items = identifiers(key, column).tolist()
    if key == "file":
        names = [re.split(r"[/\\]", item.strip())[-1] for item in items]
        items = [SPECTRUM_ENDING.sub("", name) for name in names]
    return np.array([normal_id(item) for item in items], np.str_)


def _catalog_identifiers(catalog: Table, key: str) -> NDArray[np.str_]:
    """What the catalog has for a key of the truth: that column itself, or its id."""
    own = _column(catalog, (key,)) if key in ("file", "targetid") else None
    if own is not None:
        return _identifiers(key, own)
    ids = _column(catalog, ("id",))
    if ids is None:
        wanted = " or ".join(dict.fromkeys(("id", key)))
        raise TruthError(
            f"the catalog has no column {wanted} to match on; it has {', '.join(catalog.colnames)}"
        )
    return _identifiers("id", ids)


def _rank(wanted: NDArray[np.str_], here: NDArray[np.str_]) -> tuple[int, bool]:
    """How well a key serves: its matches, and whether it tells the truth rows apart."""
    return int(np.isin(wanted, here).sum()), len(set(wanted.tolist())) == len(wanted)


def _redshifts(table: Table, where: str) -> Floats:
    column = _column(table, Z_NAMES)
    if column is None:
        return np.full(len(table), np.nan)
    try:
        z = column.astype(np.float64)
    except ValueError as error:
        raise TruthError(f"{where}: a redshift is no number ({error}); leave it empty") from None
    return np.where(np.isfinite(z) & (z > -1.0), z, np.nan)


def _refuse_twice(items: NDArray[np.str_], what: str) -> None:
    twice = [item for item, count in Counter(items.tolist()).items() if count > 1]
    if twice:
        more = f" and {len(twice) - 5} more" if len(twice) > 5 else ""
        raise TruthError(f"{what} {', '.join(twice[:5])}{more}; keep one of each")
