"""The compiled loops: which are used on this machine, and how they are called."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from gasnet3.kernels.build import AVX2, PLAIN, BuildError, build

HERE = Path(__file__).parent


@dataclass(frozen=True, eq=False)
class Library:
    """The compiled loops, or why there are none.

    Attributes
    ----------
    loaded : ctypes.CDLL or None
        None where they could neither be found nor compiled.
    about : str
        Which they are, or what is in the way, for a person.
    """

    loaded: ctypes.CDLL | None
    about: str


@cache
def library() -> Library:
    """The loops compiled for this machine's processor; compiled now where they are not yet."""
    try:
        paths = build(HERE)
        plain = ctypes.CDLL(os.fspath(paths[PLAIN]))
        if plain.has_avx2() and AVX2 in paths:
            return Library(ctypes.CDLL(os.fspath(paths[AVX2])), "C, for processors with AVX2")
        return Library(plain, "C")
    except (BuildError, OSError) as error:
        return Library(None, f"torch and NumPy alone, slower ({error})")


def compiled(values: Any) -> bool:
    """Whether the loops in C serve a tensor or array: it is in memory, and they are there."""
    return not getattr(values, "is_cuda", False) and library().loaded is not None


def array(kind: DTypeLike) -> Any:
    """An argument of :func:`loop`: a contiguous array of a type, anything else is refused."""
    return np.ctypeslib.ndpointer(kind, flags="C_CONTIGUOUS")


FLOAT, DOUBLE, LONG = array(np.float32), array(np.float64), array(np.int64)
"""Contiguous arrays of float32, float64 and int64, as arguments."""

COUNT, NUMBER = ctypes.c_int64, ctypes.c_double
"""Whole and real numbers, as arguments."""


@cache
def loop(name: str, *arguments: Any) -> Callable[..., None]:
    """A function in C that gives nothing back, by its name and the types of its arguments.

    Only where :func:`compiled` said so. It runs without Python's lock.
    """
    loaded = library().loaded
    assert loaded is not None
    found = getattr(loaded, name)
    found.argtypes, found.restype = arguments, None
    return found
