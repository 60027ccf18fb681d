"""What a catalog holds, in a few numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gasnet3.flags import Notes, ZWarn
from gasnet3.report.columns import best_solutions, classes, in_order, notes, numbers, zwarn

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
        In the order of ``gasnet3.CLASSES``, then others, then "none" for spectra without a
        solution; classes without a spectrum are left out.
    flags, notes : dict of str to int
        Spectra with each bit of ZWARN and of the notes, most frequent first; bits that nobody has
        are left out.
    """

    count: int
    flagged: int
    classes: tuple[ClassCount, ...]
    flags: dict[str, int]
    notes: dict[str, int]


def summarise(table: Table) -> Summary:
    """Count classes and warnings of a native catalog.

    Of several solutions a spectrum, the best counts. Without ``zwarn`` nothing counts as flagged.
    """
    best = best_solutions(table)
    cls, bits, sn = classes(best), zwarn(best), numbers(best, "sn_median")
    counted = []
    for name in in_order(cls):
        rows = cls == name
        known = sn[rows & np.isfinite(sn)]
        median = float(np.median(known)) if len(known) else float("nan")
        counted.append(ClassCount(name, int(rows.sum()), int((bits[rows] != 0).sum()), median))
    flags, noted = _counts(bits, ZWarn), _counts(notes(best), Notes)
    return Summary(len(best), int((bits != 0).sum()), tuple(counted), flags, noted)


def _counts(bits: NDArray[np.int64], flags: type[ZWarn] | type[Notes]) -> dict[str, int]:
    """Rows with each bit, most frequent first."""
    counts = {flag.name or "": int(((bits & flag) != 0).sum()) for flag in flags}
    return {name: n for name, n in sorted(counts.items(), key=lambda item: -item[1]) if n}
