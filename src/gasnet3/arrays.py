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


def index_for(values: Any, index: NDArray[np.int64]) -> Any:
    """An index in the form that a tensor or array takes, on its device."""
    if not hasattr(values, "device") or isinstance(values, np.ndarray):
        return index
    import torch

    return torch.from_numpy(index).to(values.device)
