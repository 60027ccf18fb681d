"""Lowest distinct minima of curves."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gasnet3.kernels.library import COUNT, DOUBLE, FLOAT, LONG, loop
from gasnet3.machine.typing import Floats

ARGUMENTS = (FLOAT, COUNT, COUNT, COUNT, COUNT, FLOAT, LONG, DOUBLE, FLOAT)


def minima(
    curves: NDArray[np.float32], *, reach: int, k: int
) -> tuple[NDArray[np.int64], Floats, NDArray[np.float32]]:
    """The k lowest local minima of each curve.

    Parameters
    ----------
    curves : ndarray of float32, shape (rows, points)
        Points that are not finite are never minima.
    reach : int
        Points on either side of a minimum among which there is no other.
    k : int
        Number of minima.

    Returns
    -------
    index, offset, height : ndarray, shape (rows, k)
        See :class:`gasnet3.solve.minima.Minima`.
    """
    rows, points = curves.shape
    index, offset = np.empty((rows, k), np.int64), np.empty((rows, k))
    height, work = np.empty((rows, k), np.float32), np.empty(2 * points + 2, np.float32)
    loop("minima", *ARGUMENTS)(curves, rows, points, reach, k, work, index, offset, height)
    return index, offset, height
