"""The noise of a spectrum that comes without errors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

WINDOW = 128
"""Pixels from which the noise is estimated together."""

_TO_SIGMA = 1.4826 / np.sqrt(1.5)
"""From the median absolute difference to the mean of two neighbours, to the noise of a pixel."""


def estimated_ivar(flux: NDArray[np.float64]) -> NDArray[np.float64]:
    """Inverse variance from differences between neighbouring pixels.

    The median of |f_i - (f_{i-1} + f_{i+1})/2| in windows of 128 pixels, joined by straight
    lines between their centres. Neighbours of resampled spectra are correlated, so that the
    noise is underestimated; lines raise it a little.

    Parameters
    ----------
    flux : ndarray of float64, shape (pixels,)
        Not finite where there is none.

    Returns
    -------
    ndarray of float64, shape (pixels,)
        0 where the flux is not finite, and everywhere if fewer than three pixels are.
    """
    good = np.isfinite(flux)
    where = np.flatnonzero(good)
    if where.size < 3:
        return np.zeros(flux.shape)
    values = flux[where]
    difference = np.abs(values[1:-1] - 0.5 * (values[:-2] + values[2:]))
    pieces = np.array_split(np.arange(difference.size), max(1, difference.size // WINDOW))
    centre = [where[1 + int(piece.mean())] for piece in pieces]
    sigma = np.array([np.median(difference[piece]) for piece in pieces]) * _TO_SIGMA
    # Flux that is the same in a row of pixels has no noise to be seen there.
    floor = 0.1 * np.median(sigma[sigma > 0]) if (sigma > 0).any() else 0.0
    if floor == 0.0:
        return np.zeros(flux.shape)
    noise = np.interp(np.arange(flux.size), centre, np.maximum(sigma, floor))
    return np.where(good, noise**-2.0, 0.0)
