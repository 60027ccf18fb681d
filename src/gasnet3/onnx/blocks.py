"""Work in blocks of one size: results must not depend on how a batch was cut."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

BLOCK = 32
"""Rows worked on together, always: the last bits of networks, FFTs and matrix products depend on
their number."""


def in_blocks(
    function: Callable[..., Sequence[NDArray[Any]]], *arrays: NDArray[Any]
) -> list[NDArray[Any]]:
    """What a function of arrays gives, called with :data:`BLOCK` rows at a time.

    Parameters
    ----------
    function : callable
        Takes as many arrays as there are and gives a sequence of arrays, all row by row.
    *arrays : ndarray, shape (rows, ...)
        One row or more. The last block is filled up with zeros.
    """
    rows, parts = len(arrays[0]), []
    for start in range(0, rows, BLOCK):
        cut = [array[start : start + BLOCK] for array in arrays]
        missing = BLOCK - len(cut[0])
        whole = [np.pad(a, ((0, missing), *[(0, 0)] * (a.ndim - 1))) for a in cut]
        parts.append([found[: BLOCK - missing] for found in function(*whole)])
    return [np.concatenate(columns) for columns in zip(*parts, strict=True)]
