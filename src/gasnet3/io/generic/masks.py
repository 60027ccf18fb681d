"""Which pixels a mask leaves: which of its values is the good one is found out, not assumed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasnet3.io.generic.roles import Held, plain
from gasnet3.io.reader import Understood
from gasnet3.machine.typing import Bools, Floats

GOOD_MASKS = (
    *("good", "goodpix", "goodpixel", "goodpixels", "goodpixelmask", "goodmask", "gpm"),
    *("valid", "validmask", "usable", "isgood", "isvalid"),
)
"""Names of masks that are true where a pixel can be used."""

_ONE_IS_GOOD = re.compile(
    r"\b(1|true|t|non-?zero)\s*(=|:|is|means|for)\s*(good|ok|valid|usable)"
    r"|\b(good|ok|valid|usable)\s*(=|:|is|means)\s*(1|true|t)\b"
    r"|\b(0|false|zero)\s*(=|:|is|means|for)\s*(bad|masked|invalid)"
    r"|\b(bad|masked|invalid)\s*(=|:|is|means)\s*(0|false)\b",
    re.IGNORECASE,
)
_ZERO_IS_GOOD = re.compile(
    r"\b(0|false|zero)\s*(=|:|is|means|for)\s*(good|ok|valid|usable)"
    r"|\b(good|ok|valid|usable)\s*(=|:|is|means)\s*(0|false|zero)\b"
    r"|\b(1|true|non-?zero)\s*(=|:|is|means|for)\s*(bad|masked|invalid)"
    r"|\b(bad|masked|invalid)\s*(=|:|is|means)\s*(1|true)\b",
    re.IGNORECASE,
)
_GOOD_MODELS = ("SpecObj", "OneSpec", "OrderStack")
"""Data models of PypeIt (keyword DMODCLS), whose masks are true where a pixel is good."""

_EVIDENCE = 3
"""As many pixels of no weight, at least, tell which value of a mask is that of bad ones."""

_AGREEMENT = 0.95
"""What part of the pixels of no weight must have the value of bad ones."""


def said_good(text: str) -> bool | None:
    """Whether a comment says that a mask is true where a pixel is good; None if it says nothing."""
    one, zero = _ONE_IS_GOOD.search(text) is not None, _ZERO_IS_GOOD.search(text) is not None
    return one if one != zero else None


def good_by_model(header: Mapping[str, Any]) -> bool | None:
    """The same from the keyword that names a data model."""
    return True if str(header.get("DMODCLS", "")).strip() in _GOOD_MODELS else None


def bad_pixels(
    values: Any, source: Held | None, ivar: Sequence[Floats], understood: Understood
) -> tuple[list[Bools], Bools]:
    """Masked pixels of each spectrum, and which spectra have a mask in doubt, shape (rows,).

    Where neither the user, a comment nor the name says which value is good, it is 0, unless the
    pixels of no weight are those that are 0, and most others are not. A mask is in doubt that would
    leave under half of the pixels where its inverse leaves most. ValueError if it does not fit.
    """
    rows = _rows(values, len(ivar))
    said = None if source is None else source.good
    if said is None and source is not None and plain(source.name) in GOOD_MASKS:
        said = True
    name = "mask" if source is None else source.name
    out: list[Bools] = []
    doubted = np.zeros(len(rows), bool)
    for row, (marked, weight) in enumerate(zip(rows, ivar, strict=True)):
        if marked.shape != weight.shape:
            raise ValueError(f"row {row}: flux has {weight.size} pixels, its mask {marked.size}")
        used = weight > 0
        good = _found_good(marked, used) if said is None else said
        if said is None and good:
            understood.assume(f"{name} is 0 where pixels have no weight: not 0 is taken as good")
        bad = ~marked if good else marked
        left, total = int(np.count_nonzero(used & ~bad)), int(np.count_nonzero(used))
        if 2 * left < total:
            doubted[row] = True
            understood.assume(_doubt(name, good, left, total))
        out.append(bad)
    return out, doubted


def _rows(values: Any, rows: int) -> list[Bools]:
    """Where a mask is not 0, a row a spectrum."""
    if isinstance(values, np.ndarray) and values.dtype != object and values.ndim == 1:
        values = values[None]
    if any(np.asarray(row).dtype.kind in "SU" for row in values):
        raise ValueError("the mask is text: write it as numbers, 0 where a pixel is good")
    marked = [np.asarray(row) != 0 for row in values]
    if len(marked) not in (1, rows):
        raise ValueError(f"there are {rows} spectra and {len(marked)} rows of the mask")
    return marked * rows if len(marked) == 1 else marked


def _found_good(marked: NDArray[Any], used: Bools) -> bool:
    """Whether the pixels without weight tell that a mask is not 0 where a pixel is good."""
    unused = ~used
    count = np.count_nonzero(unused)
    if count < _EVIDENCE or 2 * np.count_nonzero(marked & used) <= np.count_nonzero(used):
        return False
    return bool(np.count_nonzero(unused & ~marked) >= _AGREEMENT * count)


def _doubt(name: str, good: bool, left: int, total: int) -> str:
    other = name if good else f"good:{name}"
    which = "0" if good else "not 0"
    return (
        f"{name} would mask {total - left} of the {total} pixels of a spectrum, where it is "
        f"{which}: such rows are flagged POORDATA; if these are the good pixels, say "
        f"--column mask={other}"
    )
