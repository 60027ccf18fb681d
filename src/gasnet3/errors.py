"""The root of all that gasnet3 says is wrong."""

from __future__ import annotations


class GasnetError(Exception):
    """Something cannot be done. The message says what, where, and what to do.

    Every error class of gasnet3 is one of these. A wrong argument, and what the system refuses,
    are Python's own ValueError, TypeError and OSError.
    """
