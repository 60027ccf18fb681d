"""How good classes and redshifts are, given the truth (paper, section 3.4, eq. 13-20).

One rule holds throughout. The truth must be known: a row whose true redshift is not finite is
refused. What was measured may be missing: a redshift that is not finite is a miss with an infinite
error, which counts in every number of spectra and is never dropped. Of no spectra at all every
fraction, mean and median is NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gasnet3.classes import CLASSES
from gasnet3.machine.typing import Bools, Floats
from gasnet3.spectra.lattice import C_KM_S

Threshold = float | Callable[[Floats], Floats]
"""A limit on Δz: a number, or a function of the true redshifts."""

OUTLIER_THRESHOLD = 0.01
"""Δz of a catastrophic redshift (Dawson et al. 2016; paper, section 3.4 v)."""

SN_EDGES: Floats = np.concatenate([[0.0], np.logspace(0, 2, 20)])
"""S/N bins of the paper's Fig. 11: 0 to 1, then 19 logarithmic ones up to 100."""

ROBUSTNESS_THRESHOLDS: Floats = np.concatenate([[0.0], np.logspace(-2, 2, 19)])
"""20 thresholds R_T between 0 and 100, as in Fig. 12 (its spacing is not told)."""


def sdss_requirement(z_true: ArrayLike) -> Floats:
    """SDSS's requirement on Δz: 1e-3, and (300 + 400·(z - 1.5)) km/s / c beyond z = 1.5.

    Of quasars of these true redshifts (Dawson et al. 2016; paper, section 3.4 vi); of other classes
    it is 1e-3 at any redshift.
    """
    z = np.asarray(z_true, np.float64)
    return np.where(z > 1.5, (300.0 + 400.0 * (z - 1.5)) / C_KM_S, 1e-3)


THRESHOLDS: Mapping[str, Mapping[str, Threshold]] = {
    "paper": {"STAR": 3e-4, "GALAXY": 3e-4, "QSO": 3e-3},
    "sdss": {"STAR": 1e-3, "GALAXY": 1e-3, "QSO": sdss_requirement},
    "4most": {"GALAXY": 1e-4, "QSO": 3e-3},
}
"""Named limits t_x of eq. 18 by class; 4MOST states none for stars (paper, section 3.4 vi)."""

LOG_THRESHOLDS: Mapping[str, float] = {"GALAXY": 0.0015, "QSO": 0.015}
"""Limits t_x of eq. 20 by class; the paper states none for stars."""


def accuracy(predicted: ArrayLike, truth: ArrayLike) -> float:
    """Fraction of right classes: TP / Num (eq. 13). An empty prediction is a wrong one."""
    predicted, truth = _paired(predicted, truth, np.str_)
    return mean(predicted == truth)


def delta_z(z: ArrayLike, z_true: ArrayLike) -> Floats:
    """Relative redshift error, shape (rows,): Δz = |z_p - z_t| / (1 + z_t) (eq. 14).

    Infinite where ``z`` is not finite; ValueError if a true redshift is not finite or not above -1.
    """
    z, z_true = _redshifts(z, z_true)
    return _missed(np.abs(z - z_true) / (1.0 + z_true))


def mae(z: ArrayLike, z_true: ArrayLike) -> float:
    """Mean absolute error: Σ|z_p - z_t| / Num (eq. 15); infinite as soon as one z is missing."""
    z, z_true = _redshifts(z, z_true)
    return mean(_missed(np.abs(z - z_true)))


def mad(z: ArrayLike, z_true: ArrayLike) -> float:
    """Median absolute deviation: Median|Δz - Median(Δz)|, with Δz of eq. 14 (eq. 16).

    Δz is an absolute value, so this is not the spread of z_p - z_t. Infinite when half the
    redshifts are missing.
    """
    error = delta_z(z, z_true)
    center = _median(error)
    return _median(np.abs(error - center)) if np.isfinite(center) else center


def median_delta_z(z: ArrayLike, z_true: ArrayLike) -> float:
    """Median of Δz (eq. 14); infinite when half the redshifts are missing."""
    return _median(delta_z(z, z_true))


def is_good(z: ArrayLike, z_true: ArrayLike, threshold: Threshold) -> Bools:
    """Which redshifts are good: Δz < t (eq. 18), t as in :data:`THRESHOLDS`; NaN is not."""
    limit = threshold(np.asarray(z_true, np.float64)) if callable(threshold) else threshold
    return np.asarray(delta_z(z, z_true) < limit)


def good_fraction(z: ArrayLike, z_true: ArrayLike, threshold: Threshold) -> float:
    """Good fraction: GF = Num(Δz < t) / Num (eq. 18), see :func:`is_good`."""
    return mean(is_good(z, z_true, threshold))


def delta_ln_z(z: ArrayLike, z_true: ArrayLike) -> Floats:
    """Logarithmic redshift error: |ln(1 + z_t) - ln(1 + z_p)| (eq. 19).

    Infinite where ``z`` is not finite or not greater than -1; raises as :func:`delta_z`.
    """
    z, z_true = _redshifts(z, z_true)
    return _missed(np.abs(np.log1p(z_true) - np.log1p(np.where(z > -1.0, z, np.nan))))


def log_good_fraction(z: ArrayLike, z_true: ArrayLike, threshold: float) -> float:
    """Logarithmic good fraction: GF' = Num(Δln(z) < t) / Num (eq. 20, :data:`LOG_THRESHOLDS`)."""
    return mean(delta_ln_z(z, z_true) < threshold)


def outlier_fraction(
    z: ArrayLike, z_true: ArrayLike, threshold: float = OUTLIER_THRESHOLD
) -> float:
    """Fraction of catastrophic redshifts: Δz > 0.01, or no redshift at all."""
    return mean(delta_z(z, z_true) > threshold)


def confusion_matrix(
    predicted: ArrayLike, truth: ArrayLike, labels: Sequence[str] = CLASSES
) -> NDArray[np.int64]:
    """Number of spectra of each true class (row) that got each class (column) (paper, Fig. 9).

    Parameters
    ----------
    predicted, truth : array_like of str, shape (rows,)
        Classes.
    labels : sequence of str
        The classes, in the order of rows and columns.

    Returns
    -------
    ndarray of int64, shape (len(labels), len(labels) + 1)
        The last column counts predictions that are none of the labels, as of failed fits.

    Raises
    ------
    ValueError
        If a true class is none of the labels.
    """
    predicted, truth = _paired(predicted, truth, np.str_)
    index = {label: i for i, label in enumerate(labels)}
    strange = sorted(set(truth.tolist()) - set(index))
    if strange:
        raise ValueError(f"true classes {strange} are none of {list(labels)}; leave those rows out")
    rows = np.array([index[item] for item in truth.tolist()], np.intp)
    columns = np.array([index.get(item, len(index)) for item in predicted.tolist()], np.intp)
    out = np.zeros((len(index), len(index) + 1), np.int64)
    np.add.at(out, (rows, columns), 1)
    return out


@dataclass(frozen=True, eq=False)
class Binned:
    """A mean in bins of something (paper, Fig. 11).

    Parameters
    ----------
    edges : ndarray, shape (bins + 1,)
        Edges of the bins; a bin holds its lower edge, the last bin both of its edges.
    n : ndarray of int64, shape (bins,)
        Rows in each bin.
    mean : ndarray, shape (bins,)
        Mean over the rows of the bin, NaN for an empty bin.
    n_outside : int
        Rows in no bin, those with a NaN among them.
    """

    edges: Floats
    n: NDArray[np.int64]
    mean: Floats
    n_outside: int


def binned_mean(values: ArrayLike, by: ArrayLike, edges: ArrayLike = SN_EDGES) -> Binned:
    """Mean of values in bins of, say, S/N: of flags it is the fraction (GF, accuracy).

    Parameters
    ----------
    values : array_like, shape (rows,)
        Flags or numbers. A NaN makes the mean of its bin NaN.
    by : array_like, shape (rows,)
        What the bins are in.
    edges : array_like, shape (bins + 1,)
        Rising edges of the bins.

    Raises
    ------
    ValueError
        If the lengths differ, or the edges do not rise.
    """
    numbers, by = _paired(values, by, np.float64)
    edges = np.asarray(edges, np.float64)
    if edges.size < 2 or not (np.diff(edges) > 0).all():
        raise ValueError(f"edges of bins must rise and be two at least, got {edges}")
    bins = edges.size - 1
    where = np.digitize(by, edges) - 1
    where[by == edges[-1]] = bins - 1
    inside = (where >= 0) & (where < bins) & ~np.isnan(by)
    n = np.bincount(where[inside], minlength=bins)
    total = np.bincount(where[inside], weights=numbers[inside], minlength=bins)
    return Binned(edges, n, total / np.where(n > 0, n, np.nan), int((~inside).sum()))


@dataclass(frozen=True, eq=False)
class Subsets:
    """A mean over the rows at or above each of several thresholds (paper, Fig. 12).

    Parameters
    ----------
    thresholds : ndarray, shape (k,)
        The thresholds.
    n : ndarray of int64, shape (k,)
        Rows at or above each.
    completeness : ndarray, shape (k,)
        Their fraction of all rows.
    mean : ndarray, shape (k,)
        Mean over them, NaN where there are none.
    """

    thresholds: Floats
    n: NDArray[np.int64]
    completeness: Floats
    mean: Floats


def completeness(by: ArrayLike, thresholds: ArrayLike = ROBUSTNESS_THRESHOLDS) -> Floats:
    """Completeness, shape (k,), of the subsets with R ≥ R_T: Num(R ≥ R_T) / Num (section 4.3).

    A NaN (no second minimum: R is not known) is in no subset.
    """
    return subset_means(np.zeros(np.shape(by)), by, thresholds).completeness


def subset_means(
    values: ArrayLike, by: ArrayLike, thresholds: ArrayLike = ROBUSTNESS_THRESHOLDS
) -> Subsets:
    """Mean of values (of flags: GF, accuracy) over the rows with R (or S/N) ≥ R_T, and how many.

    Values and R have shape (rows,), the thresholds R_T (k,). A NaN is in no subset.
    """
    numbers, by = _paired(values, by, np.float64)
    limits: Floats = np.asarray(thresholds, np.float64)
    inside = [by >= limit for limit in limits.ravel()]
    n = np.array([int(rows.sum()) for rows in inside], np.int64)
    means = np.array([mean(numbers[rows]) for rows in inside], np.float64)
    return Subsets(limits.ravel(), n, n / (len(by) or np.nan), means)


def _paired(first: ArrayLike, second: ArrayLike, dtype: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    one, two = np.asarray(first).astype(dtype), np.asarray(second).astype(dtype)
    if one.ndim != 1 or one.shape != two.shape:
        raise ValueError(f"expected two columns of one length, got shapes {one.shape}, {two.shape}")
    return one, two


def _redshifts(z: ArrayLike, z_true: ArrayLike) -> tuple[Floats, Floats]:
    measured, true = _paired(z, z_true, np.float64)
    bad = np.flatnonzero(~(np.isfinite(true) & (true > -1.0)))
    if bad.size:
        raise ValueError(
            f"{bad.size} true redshifts are not finite or not above -1 (first: row {bad[0]}, "
            f"{true[bad[0]]}); select the rows with a known redshift first"
        )
    return np.where(np.isfinite(measured), measured, np.nan), true


def _missed(error: Floats) -> Floats:
    """The errors, infinite where there is no measurement."""
    return np.where(np.isnan(error), np.inf, error)


def mean(values: NDArray[Any]) -> float:
    """The mean, NaN of nothing."""
    return float(values.mean()) if values.size else float("nan")


def _median(values: Floats) -> float:
    return float(np.median(values)) if values.size else float("nan")
