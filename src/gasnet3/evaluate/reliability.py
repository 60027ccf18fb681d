"""Whether errors and probabilities mean what they say: pulls and the reliability diagram."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gasnet3.machine.typing import Floats

MAD_TO_SIGMA = 1.482602218505602  # 1 / Φ⁻¹(3/4): σ of a Gaussian over its median deviation

ROUNDING = 1e-9  # by which a sum of probabilities may miss 1


def pulls(z: ArrayLike, z_err: ArrayLike, z_true: ArrayLike) -> Floats:
    """Pulls (z - z_true) / z_err, of unit width where the errors are honest.

    Parameters
    ----------
    z, z_err, z_true : array_like, shape (rows,)
        Measured redshift, its 1σ error, true redshift.

    Returns
    -------
    ndarray of float64, shape (rows,)
        NaN where one of the three is not finite or the error is not positive.
    """
    z, z_err, z_true = (np.asarray(x, np.float64) for x in (z, z_err, z_true))
    usable = np.isfinite(z) & np.isfinite(z_err) & np.isfinite(z_true) & (z_err > 0)
    error = np.where(usable, z_err, np.nan)
    with np.errstate(over="ignore"):  # with an absurdly small error the pull is infinite
        return np.asarray((np.where(usable, z, 0.0) - np.where(usable, z_true, 0.0)) / error)


@dataclass(frozen=True)
class PullSummary:
    """Mean and width of pulls.

    Parameters
    ----------
    n : int
        Pulls that are finite; the statistics are of these.
    n_unusable : int
        Rows without: no redshift, no error, or one so small that the pull is infinite.
    mean, std : float
        Plain mean and standard deviation.
    median, width : float
        Median, and 1.4826 times the median absolute deviation from it: what a Gaussian's σ would
        be, whatever the outliers do.
    """

    n: int
    n_unusable: int
    mean: float
    std: float
    median: float
    width: float


def summarize_pulls(values: ArrayLike) -> PullSummary:
    """Mean and width of pulls, plain and robust; NaN for each where no pull is finite."""
    every = np.asarray(values, np.float64).ravel()
    finite = every[np.isfinite(every)]
    lost = every.size - finite.size
    if not finite.size:
        return PullSummary(0, lost, *[float("nan")] * 4)
    median = float(np.median(finite))
    with np.errstate(over="ignore", invalid="ignore"):
        mean, std = float(finite.mean()), float(finite.std())
        width = MAD_TO_SIGMA * float(np.median(np.abs(finite - median)))
    return PullSummary(finite.size, lost, mean, std, median, width)


@dataclass(frozen=True, eq=False)
class Reliability:
    """A reliability diagram: how often what was said with probability p is true.

    Parameters
    ----------
    edges : ndarray, shape (bins + 1,)
        Edges of the bins in probability.
    n : ndarray of int64, shape (bins,)
        Rows in each bin.
    confidence, accuracy : ndarray, shape (bins,)
        Mean probability and fraction of right rows of each bin, NaN for an empty one.
    n_unusable : int
        Rows whose probability is NaN; they are in no bin.
    """

    edges: Floats
    n: NDArray[np.int64]
    confidence: Floats
    accuracy: Floats
    n_unusable: int

    @property
    def expected_calibration_error(self) -> float:
        """Mean over the rows of |accuracy - confidence| of their bin; NaN where there are none."""
        filled = self.n > 0
        if not filled.any():
            return float("nan")
        gap = np.abs(self.accuracy - self.confidence)[filled]
        return float(np.average(gap, weights=self.n[filled]))


def reliability(probability: ArrayLike, correct: ArrayLike, bins: int = 10) -> Reliability:
    """The reliability diagram in equal bins of probability.

    Parameters
    ----------
    probability : array_like, shape (rows,)
        Probability given to the chosen class, 0 to 1. NaN where there was none.
    correct : array_like of bool, shape (rows,)
        Whether the choice was right.
    bins : int
        Number of bins.

    Raises
    ------
    ValueError
        If the lengths differ, or a probability is not between 0 and 1.
    """
    p: Floats = np.asarray(probability, np.float64)
    right: NDArray[Any] = np.asarray(correct, np.bool_)
    if p.ndim != 1 or p.shape != right.shape:
        raise ValueError(f"expected two columns of one length, got {p.shape} and {right.shape}")
    known = ~np.isnan(p)
    if ((p[known] < -ROUNDING) | (p[known] > 1 + ROUNDING)).any():
        raise ValueError("probabilities must lie between 0 and 1")
    p = np.clip(p, 0.0, 1.0)
    where = np.minimum((p[known] * bins).astype(np.intp), bins - 1)
    n = np.bincount(where, minlength=bins)
    rows = np.where(n > 0, n, np.nan)
    return Reliability(
        edges=np.linspace(0.0, 1.0, bins + 1),
        n=n,
        confidence=np.bincount(where, weights=p[known], minlength=bins) / rows,
        accuracy=np.bincount(where, weights=right[known], minlength=bins) / rows,
        n_unusable=int((~known).sum()),
    )
