"""Names of arrays, of classes, and of spectra that their file does not name."""

from __future__ import annotations

import re
from pathlib import Path

_CLASSES = {"STAR": "STAR", "GALAXY": "GALAXY", "GAL": "GALAXY", "QSO": "QSO", "QUASAR": "QSO"}
_ENDING = re.compile(r"(\.[A-Za-z]\w{0,7})?(\.(gz|fz|zip))?$", re.IGNORECASE)

ALIASES = {"ids": ("ids", "id", "name"), "z": ("z",), "classes": ("classes", "class", "cls")}
"""Array names that mean the same, by what they hold."""

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
