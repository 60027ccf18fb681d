"""redrock's own rule beside ours, on the same faint spectra: a part of them, for it is slow."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from faint.measures import Said, complete, wrong_among
from faint.sets import TWO_SURVEYS
from gasnet3.classes import CLASSES
from gasnet3.spectra.batch import Spectra

ROOT = Path(__file__).resolve().parents[2]

ANSWERS = ROOT / "runs" / "peers"
"""Where its answers are kept; benchmarks/accuracy.py keeps its own there too."""

ASKED = ("S/N 1", "S/N 2", "S/N 3")
"""Spectra made faint that redrock is given."""

MOST = 60
"""Of each class, and of the real faint ones, redrock is given so many at most."""

LEAST = (9, 25)
"""Δχ² above which redrock's answers are believed: its own warning begins below 9."""

HEAD = (
    "spectra", "n", "right", "redrock right", "unflagged",
    *(f"redrock Δχ² > {least}" for least in LEAST), "wrong among unflagged",
    *(f"wrong of Δχ² > {least}" for least in LEAST),
    "complete at 1 % wrong", "redrock complete",
)  # fmt: skip

Ask = Callable[[Spectra], Table]
"""From spectra to redrock's catalog of them."""


def ask_redrock(shared: Path) -> Ask | str:
    """redrock with answers that are kept; where it is not installed, how to get it."""
    sys.path.insert(0, str(ROOT / "benchmarks"))
    from peers.answers import kept
    from peers.with_redrock import HOW_TO_GET, Redrock, installed

    if not installed():
        return HOW_TO_GET
    redrock = Redrock(shared / "data" / "templates")
    return lambda spectra: kept(redrock, redrock.identity, spectra, ANSWERS)[0]


def spread(n: int) -> NDArray[np.int64]:
    """At most :data:`MOST` of n rows, evenly spread."""
    return np.linspace(0, n - 1, min(n, MOST)).astype(np.int64)


def of_each_class(classes: NDArray[np.str_]) -> NDArray[np.int64]:
    """At most :data:`MOST` rows of each class, in order."""
    at = [np.flatnonzero(classes == cls) for cls in CLASSES]
    return np.sort(np.concatenate([rows[spread(len(rows))] for rows in at]))


def compared(name: str, ours: Said, theirs: Said) -> tuple[str, ...]:
    """One row of :data:`HEAD`, of the same spectra."""
    kept = [ours.clean, *(theirs.clean & (theirs.delta_chi2 > least) for least in LEAST)]
    right = [ours.right, *[theirs.right] * len(LEAST)]
    return (
        name, str(len(ours)), f"{ours.right.mean():.3f}", f"{theirs.right.mean():.3f}",
        *(f"{rows.mean():.3f}" for rows in kept),
        *(wrong_among(one[rows]) for one, rows in zip(right, kept, strict=True)),
        f"{complete(ours.right, ours.p_z):.3f}",
        f"{complete(theirs.right, theirs.delta_chi2):.3f}",
    )  # fmt: skip


def beside(
    sets: Mapping[str, Spectra], said: Mapping[str, Said], ask: Ask
) -> list[tuple[str, ...]]:
    """Rows of :data:`HEAD`: made faint, by S/N and class, and of DESI and BOSS."""
    table = []
    for name in ASKED:
        rows = of_each_class(said[name].true)
        ours, spectra = said[name][rows], sets[name][rows]
        theirs = Said.of(ask(spectra), spectra)
        table.append(compared(name, ours, theirs))
        for cls in CLASSES:
            of = ours.true == cls
            table.append(compared(f"{name} {cls}", ours[of], theirs[of]))
    real = Spectra.concatenate([sets[name] for name in TWO_SURVEYS])
    rows = spread(len(real))
    ours = Said.joined(said[name] for name in TWO_SURVEYS)[rows]
    table.append(compared("DESI + BOSS", ours, Said.of(ask(real[rows]), real[rows])))
    return table
