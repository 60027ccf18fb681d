"""What the report takes from a catalog; columns that a catalog lacks are NaN or empty."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gasnet3.catalog.best import best_rows
from gasnet3.catalog.schema import REQUIRED
from gasnet3.classes import CLASSES
from gasnet3.errors import GasnetError
from gasnet3.flags import Notes, ZWarn
from gasnet3.flags import names as flag_names
from gasnet3.machine.typing import Floats
from gasnet3.spectra.placing import floats

if TYPE_CHECKING:
    from astropy.table import Table

Texts = NDArray[np.str_]

NO_CLASS = "none"
"""What the page says where a row has no class."""


class ReportError(GasnetError, ValueError):
    """A report cannot be made of this catalog; the message says what is wrong and what to do."""


def best_solutions(catalog: Table) -> Table:
    """The best solution of every spectrum; ReportError if the catalog lacks id, class or z."""
    missing = [name for name in REQUIRED if name not in catalog.colnames]
    if missing:
        raise ReportError(
            f"the catalog has no column {', '.join(missing)}; a report needs {', '.join(REQUIRED)}"
        )
    return catalog[best_rows(catalog)]


def numbers(table: Table, name: str) -> Floats:
    """A column of numbers, NaN where the table has none.

    ReportError if the column holds text or vectors.
    """
    if name not in table.colnames:
        return np.full(len(table), np.nan)
    try:
        # A Column of astropy must not get further: Bokeh takes it for something else.
        found = floats(np.ma.asarray(table[name]))
    except ValueError as error:
        raise ReportError(f"column {name} of the catalog holds no numbers: {error}") from None
    if found.ndim != 1:
        raise ReportError(f"column {name} of the catalog has shape {found.shape}, not one a row")
    return found


def texts(table: Table, name: str) -> Texts:
    """A column of text, empty where the table has none."""
    if name not in table.colnames:
        return np.full(len(table), "", dtype=np.str_)
    values = np.ma.asarray(table[name])
    data: NDArray[Any] = np.asarray(np.ma.getdata(values))
    found = np.char.decode(data, "utf-8", "replace") if data.dtype.kind == "S" else data
    return np.where(np.ma.getmaskarray(values), "", np.asarray(found, np.str_))


def classes(table: Table) -> Texts:
    """The class of every row in capitals, :data:`NO_CLASS` where it has none."""
    found = np.char.upper(np.char.strip(texts(table, "class")))
    return np.where(found == "", NO_CLASS, found)


def in_order(found: Texts) -> list[str]:
    """The classes that occur, the known ones first."""
    here = set(np.unique(found).tolist())
    known = [name for name in CLASSES if name in here]
    other = sorted(here - set(CLASSES) - {NO_CLASS})
    return [*known, *other, *([NO_CLASS] if NO_CLASS in here else [])]


def p_class(table: Table) -> Floats:
    """Probability of the class that was chosen, NaN where it is not known."""
    chosen = classes(table)
    found = np.full(len(table), np.nan)
    for name in CLASSES:
        rows = chosen == name
        found[rows] = numbers(table, f"p_{name.lower()}")[rows]
    return found


def zwarn(table: Table) -> NDArray[np.int64]:
    """Warning bits, 0 where the table has none."""
    return _bits(table, "zwarn")


def notes(table: Table) -> NDArray[np.int64]:
    """Bits of the notes, 0 where the table has none; notes in words are somebody else's."""
    if "notes" not in table.colnames or table["notes"].dtype.kind not in "iuf":
        return np.zeros(len(table), np.int64)
    return _bits(table, "notes")


def _bits(table: Table, name: str) -> NDArray[np.int64]:
    found = numbers(table, name)
    return np.where(np.isfinite(found), found, 0).astype(np.int64)


def flags(bits: NDArray[np.int64], kind: type[ZWarn] | type[Notes] = ZWarn) -> Texts:
    """Names of the warnings (or notes) of each row, with commas between them."""
    # Few values occur, in however many rows.
    values, where = np.unique(bits, return_inverse=True)
    named = [", ".join(flag_names(int(value), kind)) for value in values]
    return np.array(named or [""], np.str_)[where] if len(bits) else np.zeros(0, np.str_)


def least_sure(table: Table) -> Floats:
    """The smaller of the probabilities of class and redshift, NaN where neither is known."""
    return np.asarray(np.fmin(p_class(table), numbers(table, "p_z")))


def thinned(table: Table, limit: int) -> NDArray[np.intp]:
    """Rows to show one by one, ascending: all, or so many (``limit``) that a browser stays quick.

    Of a larger catalog a tenth of the room each is for the strangest and for the least sure
    spectra, and the rest is a random sample, the same every time.
    """
    if len(table) <= limit:
        return np.arange(len(table))
    room = limit // 10
    score, sure = numbers(table, "anomaly_score"), least_sure(table)
    first = np.concatenate([_least(-score, room), _least(sure, room)])
    taken = np.unique(first)
    others = np.setdiff1d(np.arange(len(table)), taken)
    drawn = np.random.default_rng(0).choice(others, limit - len(taken), replace=False)
    return np.sort(np.concatenate([taken, drawn])).astype(np.intp)


def _least(values: Floats, count: int) -> NDArray[np.intp]:
    """Rows of the least values, the least first; NaN never."""
    order = np.argsort(values, kind="stable")
    return order[np.isfinite(values[order])][:count]


def strangest(table: Table, count: int) -> NDArray[np.intp]:
    """Rows of the largest ``anomaly_score``, the largest first."""
    return _least(-numbers(table, "anomaly_score"), count)


def unsurest(table: Table, count: int) -> NDArray[np.intp]:
    """Rows of the least probability of class or redshift, the least first."""
    return _least(least_sure(table), count)
