"""What is said of a row: the catalog's answer, why it is that one, and what surveys say."""

from __future__ import annotations

import math
import re
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from gasnet3.catalog.schema import COLUMNS
from gasnet3.classes import CLASSES
from gasnet3.flags import MEANING, Notes, names
from gasnet3.view.listing import Listing
from gasnet3.view.payload import number

if TYPE_CHECKING:
    from gasnet3.pipeline.closeup import Closeup

OURS = {column.name for column in COLUMNS}
CLASS_WORDS = ("class", "cls", "spectype")
Z_COLUMN = re.compile(r"z[_ ](?P<after>.+)|(?P<before>.+)[_ ]z", re.IGNORECASE)
SAME_DV = 1000.0
"""km/s; redshifts closer than this are of one object, as DESI counts."""

ANEW_DV = 300.0
"""km/s; by more than this, an answer of the page is told to differ from the catalog's."""

LIGHT = 299_792.458
"""Speed of light in km/s."""


def of_row(listing: Listing, row: int) -> dict[str, Any]:
    """What the catalog says of a row; all of it text or numbers, whatever is in the file."""
    value = partial(listing.value, row)
    zwarn, notes = (int(listing.bits(name)[row]) for name in ("zwarn", "notes"))
    numbers = ("z", "z_lo", "z_hi", "p_z", "sn_median", "rchi2", "z_second", "anomaly_score")
    return {
        "id": str(listing.ids[row]),
        "row": row,
        "cls": str(value("class")),
        "subclass": str(value("subclass")),
        **{name: number(value(name)) for name in (*numbers, "anomaly_wave")},
        "flags": [{"name": name, "why": MEANING.get(name, "")} for name in names(zwarn)],
        "notes": [{"name": name, "why": MEANING.get(name, "")} for name in names(notes, Notes)],
        "kind": str(value("anomaly_kind")),
        "reason": str(value("anomaly_reason")),
        "others": others(listing, row),
    }


def others(listing: Listing, row: int) -> list[dict[str, Any]]:
    """What other columns of the catalog say of class and redshift, such as a label's or redrock's.

    They are called ``z_NAME`` or ``NAME_z``, with ``class_NAME``, ``cls_NAME`` or
    ``spectype_NAME`` beside them, or the words the other way round, in any case.
    """
    columns = {name.lower(): name for name in listing.table.colnames}
    found = []
    for lower, column in columns.items():
        match = Z_COLUMN.fullmatch(lower)
        if column in OURS or match is None or listing.table[column].dtype.kind not in "fiu":
            continue
        who = match["after"] or match["before"]
        if who in ("err", "lo", "hi"):
            continue
        z = number(np.ma.filled(listing.value(row, column), np.nan))
        named = [columns.get(f"{word}_{who}", columns.get(f"{who}_{word}")) for word in CLASS_WORDS]
        cls = next((str(listing.value(row, name)).strip() for name in named if name), "")
        if z is None and not cls:
            continue
        dv = velocity(z, number(listing.value(row, "z")))
        mine = str(listing.value(row, "class"))
        differs = (dv is not None and abs(dv) > SAME_DV) or (cls in CLASSES and cls != mine)
        found.append({"who": who, "cls": cls, "z": z, "dv": dv, "differs": differs})
    return found


def velocity(z: float | None, ours: float | None) -> float | None:
    """Difference of two redshifts in km/s of the second."""
    if z is None or ours is None or ours <= -1:
        return None
    return LIGHT * (z - ours) / (1 + ours)


def differs(seen: Closeup, cls: str, z: float | None) -> str:
    """That the page finds another answer than the catalog has, in a sentence; '' if it does not."""
    best = seen.solutions[0] if seen.solutions else None
    dv = velocity(best.z, z) if best else None
    if best is None or (best.cls == cls and dv is not None and abs(dv) <= ANEW_DV):
        return ""
    return (
        f"Solved here it is {best.cls} at z = {best.z:.5f}, which is not what the catalog says: it "
        "was made with other models, settings or spectra, or nothing is sure."
    )


def why(seen: Closeup) -> str:
    """In a sentence, why the best solution is the best, and what else could be."""
    if not seen.solutions:
        return "No class has a solution for this spectrum."
    best = seen.solutions[0]
    text = f"{best.cls} at z = {best.z:.5f}: " if best.cls != "STAR" else "STAR: "
    parts = [f"p({best.cls}) = {best.probability:.3f}"]
    if math.isfinite(best.p_z):
        parts.append(f"p(z) = {best.p_z:.3f}")
    parts.append(f"χ²/dof = {best.rchi2:.2f}")
    rival = next((one for one in seen.solutions[1:] if _elsewhere(one.cls, one.z, seen)), None)
    if rival is None:
        parts.append("no other redshift comes near")
    else:
        more = rival.chi2 - best.chi2
        worse = f"χ² larger by {more:.0f}" if more >= 0 else f"χ² less by {-more:.0f}, improbable"
        parts.append(f"next is {rival.cls} at z = {rival.z:.5f} ({worse})")
    return text + ", ".join(parts) + "."


def _elsewhere(cls: str, z: float, seen: Closeup) -> bool:
    best = seen.solutions[0]
    dv = velocity(z, best.z)
    return cls != best.cls or (dv is not None and abs(dv) > SAME_DV)
