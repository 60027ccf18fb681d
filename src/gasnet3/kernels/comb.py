"""Lines of a list looked for together at every shift."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gasnet3.kernels.library import COUNT, DOUBLE, FLOAT, NUMBER, array, loop
from gasnet3.machine.typing import Bools, Floats


@dataclass(frozen=True, eq=False)
class Comb:
    """Lines, and what of them counts.

    Attributes
    ----------
    places : ndarray of int64, shape (lines,)
        Pixel of each line at no shift, lines of a group beside each other; may be outside.
    ends : ndarray of int64, shape (groups,)
        Of each group the line after its last.
    strong : ndarray of bool, shape (groups,)
        Groups of which one must be among the strongest.
    shifts : int
        Shifts looked at, from 0 on.
    apart : float
        Pixels from the first shift within which there is no second.
    least, most, nearly : float
        Significance of a line at least, and at most; how strong one of the strong groups is, beside
        the strongest.
    """

    places: NDArray[np.int64]
    ends: NDArray[np.int64]
    strong: Bools
    shifts: int
    apart: float
    least: float
    most: float
    nearly: float


class _Comb(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_double) for name in ("least", "most", "nearly", "apart")),
        *((name, ctypes.c_int64) for name in ("shifts", "groups", "lines")),
        *((name, ctypes.c_void_p) for name in ("places", "ends", "strong")),
    )


ARGUMENTS = (
    ctypes.POINTER(_Comb), FLOAT, NUMBER, array(np.bool_), COUNT, COUNT, DOUBLE, DOUBLE, COUNT,
    COUNT, FLOAT, DOUBLE, DOUBLE,
)  # fmt: skip


def search(
    comb: Comb,
    significance: NDArray[np.float32],
    *,
    sign: float,
    blank: Bools,
    own: Floats,
    limit: Floats,
) -> tuple[Floats, Floats]:
    """Evidence of the best shift of each row, and the shift; 0 where there is none.

    Parameters
    ----------
    comb : Comb
        The lines.
    significance : ndarray of float32, shape (rows, n)
        Of narrow features, times ``sign`` positive where they are lines.
    blank : ndarray of bool, shape (rows, n)
        Where none is to be looked for.
    own, limit : ndarray of float64, shape (rows,)
        The first shift, and the greatest that is looked at.
    """
    rows, n = significance.shape
    before = max(0, -int(comb.places.min()))
    after = max(0, int(comb.places.max()) + comb.shifts - n)
    work = np.empty(4 * comb.shifts + 2 * n + before + after + 3, np.float32)
    evidence, shift = np.empty((2, rows))
    lines = _Comb(
        comb.least, comb.most, comb.nearly, comb.apart, comb.shifts, len(comb.ends),
        len(comb.places), *(part.ctypes.data for part in (comb.places, comb.ends, comb.strong)),
    )  # fmt: skip
    loop("comb", *ARGUMENTS)(
        lines, significance, sign, blank, rows, n, own, limit, before, after, work, evidence, shift
    )
    return evidence, shift
