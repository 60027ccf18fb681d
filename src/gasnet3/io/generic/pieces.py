"""Wavelengths that begin anew: several spectra, one below the other."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

FEWEST_PIXELS = 32
"""Fewer are no spectrum but lines or magnitudes, or wavelengths that are not sorted."""

SHARED = 0.5
"""Spectra one below the other have at least this part of the shorter one's range in common.

Those that have less are arms of one spectrum, or wavelengths that are not sorted or repeated.
"""


def pieces_of(wave: NDArray[Any]) -> list[slice]:
    """The stretches in which wavelengths (or their logarithms), shape (pixels,), rise, or fall.

    None at all unless there are two or more, and each could be a spectrum.
    """
    step = np.diff(wave)
    back = step <= 0 if np.sum(step > 0) >= np.sum(step < 0) else step >= 0
    edges = [0, *(np.flatnonzero(back) + 1).tolist(), len(wave)]
    pieces = [slice(start, stop) for start, stop in pairwise(edges)]
    if len(pieces) < 2 or any(piece.stop - piece.start < FEWEST_PIXELS for piece in pieces):
        return []
    ends = [sorted((wave[piece.start], wave[piece.stop - 1])) for piece in pieces]
    shared = [
        min(one[1], other[1]) - max(one[0], other[0])
        >= SHARED * min(one[1] - one[0], other[1] - other[0])
        for one, other in pairwise(ends)
    ]
    return pieces if all(shared) else []
