"""What a spectrum's own pixels say of the errors that its file states."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gasnet3.machine.typing import Floats
from gasnet3.spectra.resample import Unplaced

WINDOW_PIXELS = 50
"""Pixels whose scatter is measured together: their noise is alike, and features are few."""

MAD_TO_SIGMA = 1.4826
"""Standard deviation of normal noise over its median absolute deviation."""

BELIEVABLE = (0.5, 2.0)
"""Noise seen over error stated; what spectra of surveys have is in ``docs/raw-truth.md``."""

FEATURES_FROM = 30.0
"""Median S/N above which the spectrum's own features are seen beside its noise."""

ALIKE = (0.75, 1.35)
"""What another reading of the errors must give before it is proposed."""

_POWERS = {"error": 1.0, "variance": 2.0, "ivar": -2.0}
"""Power of the error that each kind of array holds."""


def scatter(pieces: Sequence[Unplaced]) -> tuple[Floats, Floats]:
    """Noise that neighbouring pixels show, and the error that the file states, shape (blocks,).

    It is seen in differences of a pixel and the mean of its two neighbours, before rebinning,
    which would correlate them: a sloping continuum adds nothing, but features of the spectrum do.
    """
    seen, stated = [], []
    for piece in pieces:
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            error = np.asarray(piece.ivar, np.float64) ** -0.5
        good = np.isfinite(piece.flux) & np.isfinite(error) & (error > 0)
        whole = good[:-2] & good[1:-1] & good[2:]
        flux = np.where(good, piece.flux, 0.0)
        difference = (flux[1:-1] - 0.5 * (flux[:-2] + flux[2:]))[whole] / np.sqrt(1.5)
        error = error[1:-1][whole]
        whole_blocks = slice(0, len(difference) // WINDOW_PIXELS * WINDOW_PIXELS)
        blocks = np.abs(difference[whole_blocks]).reshape(-1, WINDOW_PIXELS)
        seen.append(MAD_TO_SIGMA * np.median(blocks, axis=1))
        stated.append(np.median(error[whole_blocks].reshape(-1, WINDOW_PIXELS), axis=1))
    return np.concatenate([*seen, []]), np.concatenate([*stated, []])


def error_ratio(seen: Floats, stated: Floats) -> float:
    """Median of the noise seen over the error stated, NaN where there is nothing to see."""
    usable = (seen > 0) & (stated > 0)
    return float(np.median(seen[usable] / stated[usable])) if usable.any() else float("nan")


def other_reading(seen: Floats, stated: Floats, role: str) -> str:
    """What the errors of a file are, if they were taken for something else: a role, or ''.

    ``seen`` and ``stated`` are those of :func:`scatter`, the role is what the file's array was
    taken for: ``error``, ``variance`` or ``ivar``; '' if not known.
    """
    ratio = error_ratio(seen, stated)
    if role not in _POWERS or not np.isfinite(ratio) or BELIEVABLE[0] <= ratio <= BELIEVABLE[1]:
        return ""
    # The file's numbers, up to the unit of the flux.
    numbers = stated ** _POWERS[role]
    for other in (kind for kind in _POWERS if kind != role):
        error = numbers ** (1.0 / _POWERS[other])
        if ALIKE[0] <= error_ratio(seen, error) <= ALIKE[1]:
            return other
    return ""
