"""How much of the lattice a spectrum covers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gasnet3.machine.typing import Bools

MIN_GOOD = 32
"""Fewest unmasked pixels that are fitted at all: twice the parameters of the paper's model."""

MIN_COVERAGE_DEX = 0.18
"""Least wavelength coverage (SDSS's WCOVERAGE limit)."""


def good_span(good: Bools) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First and last unmasked pixel of each row; the whole row where there is none."""
    return good.argmax(axis=1), good.shape[1] - 1 - good[:, ::-1].argmax(axis=1)
