"""What labels are worth: a person who is after one kind marks the top of the list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from astropy.table import Table, vstack

from anomalies.measurement import Found, Ordinary
from gasnet3.anomaly.labels import Labels
from gasnet3.anomaly.ranking import strangest
from gasnet3.catalog.schema import ANOMALY_KINDS

MARKED = (0, 10, 30)
"""Marks given when the list is judged."""

TOP = 20
"""Rows of the list that are judged: the first that are not marked."""

EACH = 120
"""Strange spectra of each kind in the list."""


@dataclass(frozen=True)
class Worth:
    """How many of the next ``TOP`` rows are of the kind that a person is after.

    Attributes
    ----------
    kind : str
        What the person is after.
    learned, plain : tuple of float
        After each number of ``MARKED``: with what was learned, and by the score alone.
    """

    kind: str
    learned: tuple[float, ...]
    plain: tuple[float, ...]


def mixture(ordinary: Sequence[Ordinary], found: Sequence[Found], seed: int) -> Table:
    """Ordinary spectra and as many strange ones of each kind; ``truth`` has the kinds."""
    rng = np.random.default_rng(seed)
    parts = []
    for some in ordinary:
        table = _bare(some.catalog)
        table["truth"] = np.full(len(table), "ordinary")
        parts.append(table)
    for kind in ANOMALY_KINDS.values():
        tables = [_bare(f.catalog) for f in found if f.injected.injection.kinds[0] == kind]
        whole = vstack([t for t in tables if len(t)], metadata_conflicts="silent")
        chosen = whole[np.sort(rng.permutation(len(whole))[:EACH])]
        chosen["truth"] = np.full(len(chosen), kind)
        parts.append(chosen)
    table = vstack(parts, metadata_conflicts="silent")
    table["id"] = [f"{i}/{name}" for i, name in enumerate(table["id"])]
    return table


def _bare(catalog: Table) -> Table:
    """The catalog without the columns that the injection added."""
    return catalog[[name for name in catalog.colnames if "injected" not in name and
                    name not in ("strength", "coeff")]]  # fmt: skip


def worth(table: Table, kind: str) -> Worth:
    """Mark the first rows, re-rank, mark the next, and judge what is left on top."""
    truth = dict(zip(map(str, table["id"]), map(str, table["truth"]), strict=True))
    learned: list[float] = []
    marks: dict[str, bool] = {}
    for count in MARKED:
        while len(marks) < count:  # the list is made anew after every five marks
            for name in _unmarked(table, marks)[: min(5, count - len(marks))]:
                marks[name] = truth[name] == kind
        learned.append(_share(_unmarked(table, marks)[:TOP], truth, kind))
    by_score = [str(name) for name in strangest(table)["id"]]
    plain = [_share(by_score[count : count + TOP], truth, kind) for count in MARKED]
    return Worth(kind, tuple(learned), tuple(plain))


def _unmarked(table: Table, marks: dict[str, bool]) -> list[str]:
    labels = Labels(np.array(list(marks), np.str_), np.array(list(marks.values()), float))
    ranked = strangest(table, labels=labels if marks else None)["id"]
    return [str(name) for name in ranked if str(name) not in marks]


def _share(names: Sequence[str], truth: dict[str, str], kind: str) -> float:
    return float(np.mean([truth[name] == kind for name in names])) if names else float("nan")
