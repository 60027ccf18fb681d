"""Python's garbage collector, in processes of our own."""

from __future__ import annotations

import atexit
import gc

OBJECTS = 10_000
"""New objects after which the collector looks for garbage; Python's own number is 700 or 2,000."""


def spare_collector() -> None:
    """Let the collector look less often, and no more at the end.

    PyTorch, Arrow and astropy make a few hundred thousand objects that live as long as the
    process. Looking through them again and again while they are imported, and once more when all
    ends, takes a third of the time of a command with little to do.
    """
    gc.set_threshold(OBJECTS, *gc.get_threshold()[1:])
    atexit.unregister(gc.freeze)  # not twice
    atexit.register(gc.freeze)
