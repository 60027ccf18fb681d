"""Wavelengths that begin anew: several spectra, one below the other."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

FEWEST_PIXELS = 32
"""Shorter pieces are no spectra: the wavelengths are not sorted."""


def pieces_of(wave: NDArray[Any]) -> list[slice]:
    """The stretches in which wavelengths rise, or fall, if each could be a spectrum.

    Parameters
    ----------
    wave : ndarray, shape (pixels,)
        Wavelengths or their logarithms.

    Returns
    -------
    list of slice
        None at all unless there are two or more.
    """
    step = np.diff(wave)
    back = step <= 0 if np.sum(step > 0) >= np.sum(step < 0) else step >= 0
    edges = [0, *(np.flatnonzero(back) + 1).tolist(), len(wave)]
    pieces = [slice(start, stop) for start, stop in pairwise(edges)]
    short = any(piece.stop - piece.start < FEWEST_PIXELS for piece in pieces)
    return [] if short or len(pieces) < 2 else pieces
