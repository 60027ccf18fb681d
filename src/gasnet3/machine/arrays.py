"""What is done alike with tensors of any device and with NumPy arrays.

Decisions, flags and columns are the same whether torch or ONNX ran the networks; torch is not
needed for them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def as_numpy(values: Any) -> NDArray[Any]:
    """A tensor or array as an array of this machine's memory."""
    return np.asarray(values.cpu().numpy() if hasattr(values, "cpu") else values)


def namespace(values: Any) -> Any:
    """The package, torch or NumPy, whose functions take a tensor or array.

    Both know ``where``, ``isfinite``, ``log`` and others by one name.
    """
    if isinstance(values, np.ndarray):
        return np
    import torch

    return torch


def wide(values: Any) -> Any:
    """A tensor or array in float64, where it is."""
    return values.double() if hasattr(values, "double") else values.astype(np.float64)


def copied(values: Any) -> Any:
    """A tensor or array that can be written to without changing this one."""
    return values.clone() if hasattr(values, "clone") else values.copy()


def index_for(values: Any, index: NDArray[Any]) -> Any:
    """An index in the form that a tensor or array takes, on its device."""
    if not hasattr(values, "device") or isinstance(values, np.ndarray):
        return index
    import torch

    return torch.from_numpy(index).to(values.device)


def narrow(values: Any) -> Any:
    """A tensor or array in float32, where it is."""
    return values.float() if hasattr(values, "float") else values.astype(np.float32)


def clipped(values: Any, low: float | None = None, high: float | None = None) -> Any:
    """A tensor or array with values kept within limits."""
    if isinstance(values, np.ndarray):
        return np.clip(values, low, high)
    return values.clamp(low, high)


def widened(values: Any, before: int, after: int) -> Any:
    """A tensor or array with zeros before and after its last dimension."""
    if isinstance(values, np.ndarray):
        return np.pad(values, [*[(0, 0)] * (values.ndim - 1), (before, after)])
    import torch

    return torch.nn.functional.pad(values, (before, after))


def blank(values: Any, shape: tuple[int, ...]) -> Any:
    """A float64 tensor or array to be filled, where the given one is."""
    if isinstance(values, np.ndarray):
        return np.empty(shape)
    return values.new_empty(shape, dtype=namespace(values).float64)


def repeated(values: Any, times: int) -> Any:
    """Each column of a tensor or array so many times, one after the other."""
    if isinstance(values, np.ndarray):
        return np.repeat(values, times, axis=1)
    return values.repeat_interleave(times, dim=1)


def largest(values: Any) -> tuple[Any, Any]:
    """The largest value of each row, and its column."""
    if isinstance(values, np.ndarray) or on_gpu(values):
        place = values.argmax(1)
    else:  # ten times faster than torch's
        place = namespace(values).from_numpy(values.numpy().argmax(1))
    return picked(values, place), place


def picked(values: Any, place: Any) -> Any:
    """The value of each row in a column of its own."""
    if isinstance(values, np.ndarray):
        return np.take_along_axis(values, place[:, None], axis=1)[:, 0]
    return values.gather(1, place[:, None])[:, 0]


def lower_median(values: Any) -> Any:
    """The median of each row of what is not NaN, the lower of two; NaN where there is nothing."""
    if not isinstance(values, np.ndarray):
        return values.nanmedian(1).values
    known = np.isfinite(values).sum(axis=1)
    middle = np.maximum(known - 1, 0) // 2
    return picked(np.sort(values, axis=1), middle)


def on_gpu(values: Any) -> bool:
    """Whether a tensor lies on a GPU."""
    return bool(getattr(values, "is_cuda", False))


def inverse_root(values: Any) -> Any:
    """1 / √x of a tensor or array; without a warning where x is 0, which gives infinity."""
    if not isinstance(values, np.ndarray):
        return values.rsqrt()
    with np.errstate(divide="ignore", invalid="ignore"):
        return 1.0 / np.sqrt(values)
