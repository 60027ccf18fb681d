"""What the C library does with memory that is freed."""

from __future__ import annotations

import ctypes
import sys

KEPT = 128 << 20
"""Free bytes at the end of the heap above which they go back to the system."""

MAPPED = 32 << 20
"""Bytes from which on an array gets pages of its own, which go back at once: glibc's largest."""

TRIM = "MALLOC_TRIM_THRESHOLD_"
"""Variable that tells the C library when to give memory back; Dask sets it for its workers."""

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD of malloc.h


def keep_freed_memory() -> bool:
    """Keep the memory of freed arrays for the next ones; for processes of our own.

    Batch after batch needs arrays of the same megabytes. By itself glibc gives such memory back and
    asks for it again, and the system clears every page: a tenth of the time of a batch. Gives
    whether it is so from now on; other C libraries than glibc are left as they are.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_TRIM_THRESHOLD, KEPT) and mallopt(_MMAP_THRESHOLD, MAPPED))
