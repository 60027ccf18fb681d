"""Cutting batches so that no answer depends on how they were cut.

On a CPU, FFTs and batched matrix products take another path for a single row than for several,
with other last bits. Work is therefore never done on one row alone. So they do for small matrices
and rows that begin at another place in memory within a cache line, which in a batch depends on
their number: small matrices are filled up to whole cache lines. How many rows are worked on
together is the device's choice: what fits into a processor's cache, or what fills a GPU.
"""

from __future__ import annotations

import torch
from torch import Tensor

TILE = 8
"""Rows and columns of small matrices are filled up to multiples of so many."""


def slices(total: int, size: int) -> list[slice]:
    """Consecutive slices of about ``size`` rows, none of one row unless ``total`` is 1."""
    starts = [start for start in range(0, total, size) if total - start > 1] or [0]
    stops = [*starts[1:], total]
    return [slice(a, b) for a, b in zip(starts, stops, strict=True)]


def paired(*arrays: Tensor) -> tuple[Tensor, ...]:
    """The arrays with a single row repeated once; longer ones as they are."""
    return tuple(
        array.repeat_interleave(2, dim=0) if len(array) == 1 else array for array in arrays
    )


def filled(matrices: Tensor) -> Tensor:
    """Symmetric matrices with the identity beside them, up to a multiple of :data:`TILE`.

    Parameters
    ----------
    matrices : Tensor, shape (rows, m, m)
        Determinant and solutions stay what they are.
    """
    m = matrices.shape[1]
    whole = torch.eye(-(-m // TILE) * TILE, dtype=matrices.dtype, device=matrices.device)
    out = whole.repeat(len(matrices), 1, 1)
    out[:, :m, :m] = matrices
    return out


def on_gpu(tensor: Tensor) -> bool:
    """Whether to work on all rows at once, rather than on as many as a CPU's cache holds."""
    return tensor.is_cuda
