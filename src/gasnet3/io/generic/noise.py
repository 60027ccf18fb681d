"""The noise of a spectrum that comes without errors."""

from __future__ import annotations

import numpy as np

from gasnet3.machine.typing import Floats

NOISE_KEY = "noise_estimated"
"""Key column of spectra whose file has no errors: True where they were estimated."""

WINDOW = 64
"""Pixels from which the noise is estimated together."""

APART = 2
"""Pixels whose differences tell the noise: neighbours were often resampled from the same ones."""

_TO_SIGMA = 1.4826 / np.sqrt(1.5)
"""From the median absolute difference to the mean of two others, to the noise of a pixel."""


def estimated_ivar(flux: Floats) -> Floats:
    """Inverse variance from differences between pixels near to each other, shape (pixels,).

    The median of |f_i - (f_{i-2} + f_{i+2})/2| (Stoehr et al. 2008, ASPC 394, 505) in windows of
    64 pixels, joined by straight lines between their centres. Noise that is correlated over more
    pixels is underestimated; lines raise it a little; bad pixels and sky lines are not seen. It is
    0 where the flux is not finite, and everywhere if fewer than five pixels are.
    """
    good = np.isfinite(flux)
    where = np.flatnonzero(good)
    if where.size <= 2 * APART:
        return np.zeros(flux.shape)
    values = flux[where]
    neighbours = 0.5 * (values[: -2 * APART] + values[2 * APART :])
    difference = np.abs(values[APART:-APART] - neighbours)
    pieces = np.array_split(np.arange(difference.size), max(1, difference.size // WINDOW))
    centre = [where[APART + int(piece.mean())] for piece in pieces]
    sigma = np.array([np.median(difference[piece]) for piece in pieces]) * _TO_SIGMA
    # Flux that is the same in a row of pixels has no noise to be seen there.
    floor = 0.1 * np.median(sigma[sigma > 0]) if (sigma > 0).any() else 0.0
    if floor == 0.0:
        return np.zeros(flux.shape)
    noise = np.interp(np.arange(flux.size), centre, np.maximum(sigma, floor))
    return np.where(good, noise**-2.0, 0.0)
