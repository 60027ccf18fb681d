"""Names of arrays, of classes, and of spectra that their file does not name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_CLASSES = {"STAR": "STAR", "GALAXY": "GALAXY", "GAL": "GALAXY", "QSO": "QSO", "QUASAR": "QSO"}
_ENDING = re.compile(r"(\.[A-Za-z]\w{0,7})?(\.(gz|fz|zip|bz2|xz))?$", re.IGNORECASE)
_WHOLE = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})$")
_REAL = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?$")
_NOTHING = ("", "nan", "null", "none", "--", "n/a", "na")

ALIASES = {"ids": ("ids", "id", "name"), "z": ("z",), "classes": ("classes", "class", "cls")}
"""Array names that mean the same, by what they hold."""

NAME_KEYWORDS = {
    "object": ("OBJECT",),
    "targetid": ("TARGETID",),
    "objid": ("OBJID", "OBJ_ID"),
    "specid": ("SPECID", "SPEC_ID"),
    "cataid": ("CATAID",),
}
"""Key columns that name objects, and their keywords in headers: their values are text."""

PIXELS = ("flux", "ivar", "loglam", "wave", "zwarn")
"""Arrays that make spectra."""

RESERVED = frozenset([*PIXELS, *(name for names in ALIASES.values() for name in names)])
"""Array names with a meaning; no key column may have one of them."""


def names_of(path: Path, rows: int, start: int, stop: int) -> list[str]:
    """Names of some spectra of a file: the file's without its ending, and the row.

    Of a file of one spectrum the row is left out. Points belong to its name where no ending
    follows them, as in ``J0123.4+56.7``.
    """
    stem = _ENDING.sub("", path.name, count=1) or path.name
    return [f"{stem}:{row}" if rows > 1 else stem for row in range(start, stop)]


def class_label(text: str) -> str:
    """A class as the field writes it, '' where it is none of the three."""
    return _CLASSES.get(text.strip().upper(), "")


def number_of(text: str) -> int | float | str:
    """A field of text as the number that it certainly is, else as it is written.

    What a number would lose is text: leading zeros, underscores, and digits beyond float64's.
    """
    text = text.strip()
    if _WHOLE.match(text):
        return int(text)
    leading = re.match(r"[-+]?0[0-9]", text) is not None
    return float(text) if _REAL.match(text) and "." in text and not leading else text


def key_values(texts: Sequence[str]) -> NDArray[Any]:
    """Values of a key column that are written as text, shape (rows,): numbers only if all are.

    Whole numbers are int64; with others, or where some have none, float64, but text where that
    would change one of them.
    """
    found = [number_of(text) if text.lower() not in _NOTHING else None for text in texts]
    numbers = [value for value in found if value is not None]
    if not numbers or any(isinstance(value, str) for value in numbers):
        return np.array(texts, np.str_)
    if all(isinstance(value, int) for value in found):
        return np.array(found, np.int64)
    if any(isinstance(value, int) and int(float(value)) != value for value in numbers):
        return np.array(texts, np.str_)
    return np.array([np.nan if value is None else value for value in found], np.float64)
