"""How much of the lattice a spectrum covers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasnet3.machine.typing import Bools, Floats
from gasnet3.spectra.lattice import OBSERVED, LogLattice

MIN_GOOD = 32
"""Fewest unmasked pixels that are fitted at all: twice the parameters of the paper's model."""

MIN_COVERAGE_DEX = 0.18
"""Least wavelength coverage (SDSS's WCOVERAGE limit)."""

WHOLE = 0.85
"""Least share of the paper's lattice, or of a narrower one, from the first good pixel to the last,
that is as much as ordinary spectra cover: 0.35 dex of wavelength."""


def whole_span(lattice: LogLattice) -> float:
    """Pixels from the first good one to the last from which on a spectrum covers the whole.

    A lattice may be wider than what any one survey observes.
    """
    return WHOLE * min(lattice.n, OBSERVED.n)


def good_span(good: Bools) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First and last unmasked pixel of each row; the whole row where there is none."""
    return good.argmax(axis=1), good.shape[1] - 1 - good[:, ::-1].argmax(axis=1)


def median_ratio(flux: NDArray[np.floating[Any]], ivar: NDArray[np.floating[Any]]) -> Floats:
    """Median of flux·√ivar over the pixels with ivar > 0, NaN where there is none."""
    good = ivar > 0
    # Masked pixels are sorted to the end.
    ratio = np.where(good, flux * np.sqrt(ivar), np.inf)
    ratio.sort(axis=1)
    rows, count = np.arange(len(ratio)), good.sum(axis=1)
    n = np.maximum(count, 1)
    middle = (ratio[rows, (n - 1) // 2] + ratio[rows, n // 2]) / 2
    return np.where(count > 0, middle, np.nan).astype(np.float64)
