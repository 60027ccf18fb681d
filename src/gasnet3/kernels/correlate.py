"""Transforms of spectra times those of templates."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gasnet3.kernels.library import COUNT, FLOAT, array, loop

COMPLEX = array(np.complex64)


def correlate(
    transforms: NDArray[np.complex64], aliases: NDArray[np.complex64], length: int
) -> NDArray[np.complex64]:
    """Conjugates of transforms times templates, summed over what falls on one frequency.

    Parameters
    ----------
    transforms : ndarray of complex64, shape (lines, length / 2 + 1)
        Of real lines of ``length`` values.
    aliases : ndarray of complex64, shape (every, templates, length / every / 2 + 1)
        Of the templates, likewise, folded.
    length : int
        Even, a multiple of ``every``.

    Returns
    -------
    ndarray of complex64, shape (lines, templates, length / every / 2 + 1)
    """
    (every, templates, half), lines = aliases.shape, len(transforms)
    if transforms.shape[1] != length // 2 + 1 or half != length // every // 2 + 1:
        raise ValueError(f"transforms {transforms.shape} of {length} for {aliases.shape}")
    products = np.empty((lines, templates, half), np.complex64)
    space = np.zeros((2 * every, 2 * half + 8), np.float32)
    loop("correlate", COMPLEX, COUNT, COUNT, COMPLEX, COUNT, COUNT, COUNT, FLOAT, COMPLEX)(
        transforms, lines, length, aliases, every, templates, half, space, products
    )
    return products
