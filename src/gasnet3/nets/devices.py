"""Whether torch can compute where it is asked to."""

from __future__ import annotations

import torch


def check_device(device: str) -> None:
    """Refuse a device that torch does not know or that is not there.

    ValueError says what torch does see.
    """
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, ValueError):
        seen = torch.cuda.device_count()
        raise ValueError(
            f"device {device!r} cannot be used: torch sees the CPU and {seen} CUDA devices"
        ) from None
