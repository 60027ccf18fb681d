"""Batches of spectra of one level of resolution each, which the same models are looked at with."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from gasnet3.spectra.batch import Spectra


def batches(spectra: Spectra, rows: int) -> list[Spectra]:
    """Spectra in their order, at most so many in a batch, each of one level of resolution."""
    level = spectra.resolution_levels
    edges = [0, *(np.flatnonzero(np.diff(level)) + 1).tolist(), len(spectra)]
    return [
        spectra[start : min(start + rows, stop)]
        for first, stop in pairwise(edges)
        for start in range(first, stop, rows)
    ]


def by_level(spectra: Spectra) -> NDArray[np.int64] | None:
    """The order in which those of one level follow each other; None if they do already."""
    level = spectra.resolution_levels
    changes = np.count_nonzero(np.diff(level))
    if changes < np.unique(level).size:
        return None
    return np.argsort(level, kind="stable")
