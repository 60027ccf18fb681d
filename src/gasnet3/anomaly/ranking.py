"""The strangest spectra of a catalog, in the order in which to look at them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gasnet3.catalog.best import best_rows
from gasnet3.catalog.rows import Rows
from gasnet3.catalog.schema import ANOMALY_KINDS
from gasnet3.errors import GasnetError
from gasnet3.machine.typing import Bools, Floats

if TYPE_CHECKING:
    from astropy.table import Table

    from gasnet3.anomaly.labels import Labels

STRANGE = 2.0
"""Score from which on a spectrum is called strange: one ordinary one in a hundred is."""

NEEDED = ("anomaly_score", "anomaly_kind", "anomaly_reason")

INTEREST, MARK = "interest", "mark"
"""Columns that labels add: the score times what the labels make of it, and the person's mark."""


class RankingError(GasnetError, ValueError):
    """A catalog cannot be ranked; the message says what it lacks and what to do."""


def strangest(
    catalog: Table,
    kinds: Sequence[str] = (),
    min_score: float = STRANGE,
    labels: Labels | None = None,
) -> Table:
    """The rows of a catalog that are strange, the strangest first.

    Parameters
    ----------
    catalog : astropy.table.Table
        Of any number of solutions a spectrum: the best of each is taken.
    kinds : sequence of str
        Names of kinds to keep ('defect', 'incomplete', 'extreme', 'ambiguous', 'second'), or
        their values in ``anomaly_kind``; none keeps all.
    min_score : float
        Least ``anomaly_score``. Rows whose score is not known are never strange.
    labels : Labels, optional
        What a person marked: the order is then that of the column ``interest`` (see
        :func:`gasnet3.anomaly.labels.interest`), and ``mark`` has the marks.

    Returns
    -------
    astropy.table.Table
        Rows of the catalog with its metadata; of equal ones the first of the catalog is first.

    Raises
    ------
    RankingError
        If the catalog has no anomaly columns of this version, or labels and no identifiers.
    ValueError
        If a kind is unknown.
    """
    wanted = [_kind(kind) for kind in kinds]
    missing = [name for name in NEEDED if name not in catalog.colnames]
    if missing:
        raise RankingError(
            f"the catalog has no column {', '.join(missing)}: classify the spectra again with "
            "this version of gasnet3"
        )
    best = catalog[best_rows(catalog)]
    score = np.asarray(best["anomaly_score"], np.float64)
    keep = score >= min_score  # False for NaN
    if wanted:
        keep &= np.isin(np.asarray(best["anomaly_kind"]), wanted)
    if labels is None:
        chosen = np.flatnonzero(keep)
        return best[chosen[_descending(score[chosen])]]
    return _by_interest(best, keep, labels)


def _by_interest(best: Table, keep: Bools, labels: Labels) -> Table:
    """The kept rows in the order that labels give them."""
    from gasnet3.anomaly.labels import interest

    if "id" not in best.colnames:
        raise RankingError("the catalog has no column id: labels name spectra by it")
    # Also rows that are not kept teach, if they are labelled.
    marked = np.isin(np.asarray(best["id"], np.str_), labels.ids)
    rows = np.flatnonzero(keep | marked)
    some = best[rows]
    more = {INTEREST: interest(some, labels), MARK: labels.of(np.asarray(some["id"], np.str_))}
    told = {
        INTEREST: "anomaly_score, times 2 where alike rows were marked, 0 where not",
        MARK: "yes or no, as marked; empty where not",
    }
    if isinstance(some, Rows):
        some = some.beside(more, told)
    else:
        for name, values in more.items():
            some[name] = values
            some[name].description = told[name]
    kept = some[keep[rows]]
    return kept[_descending(np.asarray(kept[INTEREST]))]


def _kind(name: str) -> str:
    """Value of ``anomaly_kind`` for a name of a kind."""
    if name in ANOMALY_KINDS:
        return ANOMALY_KINDS[name]
    if name in ANOMALY_KINDS.values():
        return name
    raise ValueError(f"unknown kind {name!r}: choose of {', '.join(ANOMALY_KINDS)}")


def _descending(values: Floats) -> NDArray[np.intp]:
    """Order from large to small, stable."""
    return np.argsort(-values, kind="stable")
