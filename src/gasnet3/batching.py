"""Cutting batches so that no answer depends on how they were cut.

On a CPU, FFTs and batched matrix products take another path for a single row than for several,
with other last bits. Work is therefore never done on one row alone. How many rows are worked on
together is the device's choice: what fits into a processor's cache, or what fills a GPU.
"""

from __future__ import annotations

from torch import Tensor


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


def on_gpu(tensor: Tensor) -> bool:
    """Whether to work on all rows at once, rather than on as many as a CPU's cache holds."""
    return tensor.is_cuda
