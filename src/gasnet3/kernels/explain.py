"""What the best coefficients explain of χ² along a scan."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gasnet3.kernels.library import COUNT, FLOAT, NUMBER, loop

Singles = NDArray[np.float32]


def explain(
    normal: Singles, cross: Singles, right: Singles, bind: Singles, *, blocks: int, shared: int,
    between: float, ridge: float, volumes: bool,
) -> Singles:  # fmt: skip
    """bᵀ S⁻¹ b at every shift, less ln det S if that is asked for.

    Parameters
    ----------
    normal : ndarray of float32, shape (rows, m (m + 1) / 2, matrices or more)
        Lower triangles of the normal matrices, by columns.
    cross : ndarray of float32, shape (rows, terms, m, matrices or more)
        What is eliminated from them: S is without the products of these.
    right : ndarray of float32, shape (rows, m, shifts or more)
        b of each shift.
    bind : ndarray of float32, shape (rows,)
        Added to the diagonal of S.
    blocks, shared : int
        Matrices wanted, and shifts that each serves for.
    between : float
        How far a matrix lies from a computed one to the next; 0: it is one of them.
    ridge : float
        Of the diagonal of S.
    volumes : bool
        Whether ln det S is taken off.

    Returns
    -------
    ndarray of float32, shape (rows, blocks × shared)
    """
    rows, terms, m, pitch = cross.shape
    matrices = blocks + (between > 0)
    enough = matrices <= pitch and blocks * shared <= right.shape[2]
    if normal.shape != (rows, m * (m + 1) // 2, pitch) or not enough:
        raise ValueError(f"{right.shape} of {shared} for {normal.shape}, {cross.shape}")
    gain = np.empty((rows, blocks * shared), np.float32)
    loop(
        "explain", FLOAT, FLOAT, FLOAT, FLOAT, COUNT, COUNT, COUNT, COUNT, COUNT, COUNT, COUNT,
        COUNT, NUMBER, NUMBER, COUNT, FLOAT,
    )(
        normal, cross, right, bind, rows, m, terms, matrices, pitch, blocks, shared,
        right.shape[2], between, ridge, int(volumes), gain,
    )  # fmt: skip
    return gain
