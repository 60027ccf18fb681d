"""Cutting batches so that no answer depends on how they were cut.

On a CPU, FFTs and batched matrix products take another path for a single row than for several,
with other last bits. Work is therefore never done on one row alone. So they do for small matrices
and rows that begin at another place in memory within a cache line, which in a batch depends on
their number: small matrices are filled up to whole cache lines. How many rows are worked on
together is the device's choice: what fits into a processor's cache, or what fills a GPU. Networks
and the FFTs of SciPy depend on more: they get :data:`BLOCK` rows at a time, always.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gasnet3.solve.arrays import namespace, zeros

TILE = 8
"""Rows and columns of small matrices are filled up to multiples of so many."""

BLOCK = 32
"""Rows that networks and the FFTs of SciPy get, always."""


def slices(total: int, size: int) -> list[slice]:
    """Consecutive slices of about ``size`` rows, none of one row unless ``total`` is 1."""
    starts = [start for start in range(0, total, size) if total - start > 1] or [0]
    stops = [*starts[1:], total]
    return [slice(a, b) for a, b in zip(starts, stops, strict=True)]


def paired(*arrays: Any) -> tuple[Any, ...]:
    """The tensors or arrays with a single row repeated once; longer ones as they are."""
    # By an index: the same for both.
    return tuple(array[[0, 0]] if len(array) == 1 else array for array in arrays)


def in_blocks(function: Callable[..., Sequence[Any]], *arrays: Any) -> list[Any]:
    """What a function of arrays gives, called with :data:`BLOCK` rows at a time.

    Parameters
    ----------
    function : callable
        Takes as many tensors or arrays as there are and gives a sequence of them, all row by row.
    *arrays : Tensor or ndarray, shape (rows, ...)
        One row or more. The last block is filled up with zeros.
    """
    rows, parts = len(arrays[0]), []
    for start in range(0, rows, BLOCK):
        cut = [array[start : start + BLOCK] for array in arrays]
        if len(cut[0]) < BLOCK:
            blocks = [zeros(some, (BLOCK, *some.shape[1:])) for some in cut]
            for block, some in zip(blocks, cut, strict=True):
                block[: len(some)] = some
        else:
            blocks = cut
        parts.append([found[: len(cut[0])] for found in function(*blocks)])
    return [namespace(several[0]).concatenate(several) for several in zip(*parts, strict=True)]


def on_gpu(values: Any) -> bool:
    """Whether to work on all rows at once, rather than on as many as a CPU's cache holds."""
    return bool(getattr(values, "is_cuda", False))


def fast_length(least: int) -> int:
    """Length of a fast transform: a power of 2, or 3, 5 or 9 times one.

    Lengths with more odd factors, the shortest that SciPy would choose, are the slower ones.
    """
    return min(odd << max(0, (-(-least // odd) - 1).bit_length()) for odd in (1, 3, 5, 9))
