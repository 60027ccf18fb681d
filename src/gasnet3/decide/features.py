"""What the fits of confidence have in common: ranges of their features, and sums over them."""

from __future__ import annotations

import numpy as np

from gasnet3.machine.typing import Floats

SN_RANGE = (0.1, 100.0)
"""Median S/N beyond which it tells no more."""

NEAR_POPULATION = 0.3
"""Squared distances from the population (a coefficient) below which there is no difference."""


def linear(features: Floats, weight: Floats) -> Floats:
    """Weighted sums of features, the constant last; shape (rows,) or (rows, outputs).

    Parameters
    ----------
    features : ndarray of float64, shape (rows, f)
        The features.
    weight : ndarray of float64, shape (f + 1,) or (f + 1, outputs)
        Their weights.
    """
    # Term by term: the last bits of a matrix product depend on the number of rows.
    total = np.zeros((len(features), *weight.shape[1:])) + weight[-1]
    for column, w in zip(features.T, weight[:-1], strict=True):
        total = total + (column[:, None] * w if weight.ndim > 1 else column * w)
    return total
