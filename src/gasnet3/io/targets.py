"""What a file says that a fibre was on, or that was wrong with it: warnings before any fit."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntFlag
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasnet3.flags import ZWarn


class FiberMask(IntFlag):
    """Bits of desispec's ``fibermask`` (FIBERSTATUS) that are looked at."""

    UNASSIGNED = 1 << 0
    BROKENFIBER = 1 << 2
    BADPOSITION = 1 << 9
    POORPOSITION = 1 << 10
    LOWEFFTIME = 1 << 15
    BADFIBER = 1 << 16
    BADTRACE = 1 << 17
    BADFLAT = 1 << 18
    BADARC = 1 << 19


FLAGGED: dict[FiberMask, ZWarn] = {
    FiberMask.BROKENFIBER | FiberMask.BADFIBER: ZWarn.UNPLUGGED,
    FiberMask.UNASSIGNED | FiberMask.BADPOSITION: ZWarn.BAD_TARGET,
    FiberMask.BADTRACE | FiberMask.BADFLAT | FiberMask.BADARC: ZWarn.POORDATA,
    FiberMask.POORPOSITION | FiberMask.LOWEFFTIME: ZWarn.POORDATA,
}
"""What the bits of a fibre's status mean for its spectrum.

A stuck or restricted positioner (bits 1 and 3) may well be on its target; amplifiers and pixels
that are bad (bits 20 to 24) are masked in the spectrum; bits 25 to 30 speak of a whole petal.
"""

AAOMEGA = {"S": ZWarn.SKY, "N": ZWarn.UNPLUGGED, "U": ZWarn.UNPLUGGED, "F": ZWarn.UNPLUGGED}
"""Types of fibre in a table FIBRES of AAOmega: sky, broken, unused, guide."""

_WORDS: dict[str, ZWarn] = {
    **dict.fromkeys(("SKY", "BLANK", "BLANKSKY", "SKYFIBER", "SKYFIBRE"), ZWarn.SKY),
    **dict.fromkeys(("NOPLUG", "UNPLUGGED", "BROKEN", "BROKENFIBER", "BROKENFIBRE"),
                    ZWarn.UNPLUGGED),
    **dict.fromkeys(("BAD", "UNASSIGNED", "UNUSED", "NOTARGET"), ZWarn.BAD_TARGET),
}  # fmt: skip
"""What columns that say the kind of target call fibres without one."""

_KINDS = (
    *("objtype", "obj_type", "objecttype", "object_type", "targettype", "target_type"),
    *("fibertype", "fiber_type", "fibretype", "fibre_type", "class_in"),
)
"""Key columns that say the kind of target."""

_STATUS = ("coadd_fiberstatus", "fiberstatus")
_PFS_SKY, _PFS_STANDARD = 2, 3
"""TargetType of PFS: 1 is science; from 4 on no target, or light from elsewhere."""

_PFS_STATUS = {
    **dict.fromkeys((2, 3, 4, 5), ZWarn.UNPLUGGED),
    6: ZWarn.BAD_TARGET,
}
"""FiberStatus of PFS: broken, blocked, behind a spot, not lit; light, but not at its place."""


def status_flags(status: NDArray[Any]) -> NDArray[np.int64]:
    """Warnings of DESI's FIBERSTATUS, of its shape."""
    flags = np.zeros(status.shape, np.int64)
    for bits, flag in FLAGGED.items():
        flags[(status & int(bits)) != 0] |= int(flag)
    return flags


def kind_flags(kinds: NDArray[Any]) -> NDArray[np.int64]:
    """Warnings of words for the kind of target, shape (rows,)."""
    words = [str(kind).strip().upper().replace(" ", "").replace("_", "") for kind in kinds]
    return np.array([int(_WORDS.get(word, 0)) for word in words], np.int64)


def flags_of_keys(keys: Mapping[str, NDArray[Any]], rows: int) -> NDArray[np.int64]:
    """Warnings that key columns tell by their names, as DESI, SDSS and PFS have them."""
    flags = np.zeros(rows, np.int64)
    whole = {name: np.asarray(column) for name, column in keys.items()}
    for name in _KINDS:
        if name in whole and whole[name].dtype.kind == "U":
            flags |= kind_flags(whole[name])
    kinds = whole.get("targettype")
    if kinds is not None and kinds.dtype.kind in "iu":
        flags[kinds == _PFS_SKY] |= int(ZWarn.SKY)
        flags[kinds > _PFS_STANDARD] |= int(ZWarn.BAD_TARGET)
        status = whole.get("fiberstatus", np.ones(rows, np.int64))
        for code, flag in _PFS_STATUS.items():
            flags[status == code] |= int(flag)
        return flags
    for name in _STATUS:
        if name in whole and whole[name].dtype.kind in "iu":
            return flags | status_flags(whole[name].astype(np.int64))
    return flags
