"""What a catalog holds, in a few numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

import gasnet3
from gasnet3.flags import ZWarn

if TYPE_CHECKING:
    from astropy.table import Table


@dataclass(frozen=True)
class ClassCount:
    """Spectra of one class: how many, how many of them flagged, and their median S/N a pixel."""

    name: str
    count: int
    flagged: int
    sn: float


@dataclass(frozen=True)
class Summary:
    """Counts over the best solution of every spectrum.

    Attributes
    ----------
    count, flagged : int
        Spectra, and those with ZWARN other than 0.
    classes : tuple of ClassCount
        In the order of ``gasnet3.CLASSES``, then "none" for spectra without a solution;
        classes without a spectrum are left out.
    flags : dict of str to int
        Spectra with each ZWARN bit, most frequent first; bits that nobody has are left out.
    """

    count: int
    flagged: int
    classes: tuple[ClassCount, ...]
    flags: dict[str, int]


def summarise(table: Table) -> Summary:
    """Count classes and warnings of a catalog.

    Parameters
    ----------
    table : Table
        Catalog with native column names; of several solutions a spectrum, the best counts.

    Returns
    -------
    Summary
        The counts.
    """
    best = np.asarray(table["znum"]) == 0
    cls, zwarn = np.asarray(table["class"], np.str_)[best], np.asarray(table["zwarn"])[best]
    sn = np.asarray(table["sn_median"], np.float64)[best]
    classes = []
    for name in (*gasnet3.CLASSES, ""):
        rows = cls == name
        if rows.any():
            known = sn[rows & np.isfinite(sn)]
            median = float(np.median(known)) if len(known) else float("nan")
            flagged = int((zwarn[rows] != 0).sum())
            classes.append(ClassCount(name or "none", int(rows.sum()), flagged, median))
    counts = {flag.name or "": int(((zwarn & flag) != 0).sum()) for flag in ZWarn}
    flags = {name: n for name, n in sorted(counts.items(), key=lambda item: -item[1]) if n}
    return Summary(int(best.sum()), int((zwarn != 0).sum()), tuple(classes), flags)
