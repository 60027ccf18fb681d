"""A catalog against the truth: classes, redshifts, errors and warnings in one summary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gasnet3.classes import CLASSES
from gasnet3.evaluate import metrics
from gasnet3.evaluate.metrics import Binned, Subsets, Threshold
from gasnet3.evaluate.reliability import PullSummary, pulls, reliability, summarize_pulls
from gasnet3.evaluate.truth import Match, Truth, match, read_truth
from gasnet3.machine.files import write_json
from gasnet3.machine.typing import Bools, Floats
from gasnet3.spectra.placing import floats

if TYPE_CHECKING:
    from astropy.table import Table

AGN_Z_MAX = 0.5
"""Below this redshift GALAXY or QSO is a matter of taste for a broad-line AGN."""


@dataclass(frozen=True, eq=False)
class ClassEvaluation:
    """The spectra whose true class is this one, whatever class they got.

    Parameters
    ----------
    n : int
        Spectra of the class.
    accuracy : float
        Fraction with the right class (eq. 13).
    accuracy_agn_either_way : float
        The same, where a broad-line AGN may be GALAXY or QSO.
    n_z : int
        Those whose true redshift is known: the following is of these.
    n_no_redshift : int
        Those of ``n_z`` without a measured redshift. They are misses in the fractions; the mean
        and the medians are of the others.
    good_fraction : float
        GF of the catalog's redshift (eq. 18); NaN where no threshold is set for the class.
    good_fraction_as_class : float
        GF of the redshift that the model of the true class gave (``z_star`` ...), as in the
        paper's Fig. 8; NaN where the catalog does not have it.
    log_good_fraction : float
        GF' (eq. 20), NaN for stars.
    mae, mad, median_delta_z : float
        Eq. 15, eq. 16 and the median of Δz (eq. 14).
    outlier_fraction : float
        Δz above 0.01, or no redshift.
    pulls : PullSummary
        Of (z - z_true) / z_err.
    interval_fraction : float
        Fraction of ``n_z`` whose true redshift is from ``z_lo`` to ``z_hi``, 0.68 where these are
        honest; NaN for a catalog without them.
    curves : dict of str to Binned or Subsets
        ``good`` and ``accuracy`` ``_by_sn`` (paper, Fig. 11) and ``_by_robustness`` (Fig. 12),
        and ``robustness_by_sn`` over the rows that have an R; without the column none.
    """

    n: int
    accuracy: float
    accuracy_agn_either_way: float
    n_z: int
    n_no_redshift: int
    good_fraction: float
    good_fraction_as_class: float
    log_good_fraction: float
    mae: float
    mad: float
    median_delta_z: float
    outlier_fraction: float
    pulls: PullSummary
    interval_fraction: float
    curves: dict[str, Binned | Subsets]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """How good a catalog is.

    Parameters
    ----------
    n_truth, n_catalog : int
        Rows of the truth, spectra of the catalog.
    key : str
        Column of the truth that was matched on.
    n_matched : int
        Rows of the truth with a catalog row; every other number is of these.
    lost : tuple of str
        Identifiers of the truth rows without a catalog row.
    n_without_truth : int
        Spectra of the catalog that the truth does not know.
    n : int
        Matched rows whose true class is STAR, GALAXY or QSO.
    accuracy : float
        Eq. 13 over those.
    accuracy_agn_either_way : float
        The same, where a broad-line AGN (subclass with BROADLINE, GALAXY or QSO, z < 0.5) may be
        GALAXY or QSO.
    n_agn : int
        Number of such AGN.
    n_z : int
        Rows of ``n`` with a true redshift and a threshold.
    good_fraction : float
        GF over those, each by the threshold of its class (eq. 18).
    fraction_flagged : float
        Fraction of ``n`` with ZWARN not 0; NaN for a catalog without warnings.
    n_unflagged, accuracy_unflagged : int, float
        The other rows of ``n``, and their accuracy.
    n_z_unflagged, good_fraction_unflagged : int, float
        The other rows of ``n_z``, and their good fraction.
    calibration_error : float
        Expected calibration error of the class probabilities, NaN where there are none.
    n_sky, n_sky_unflagged : int
        Rows labelled SKY, and those of them that got a redshift without any warning.
    thresholds : dict of str to float or str
        Limits on Δz by class, a function by its name.
    confusion : ndarray of int64, shape (3, 4)
        True class by class, the last column for none of the three (paper, Fig. 9).
    classes : dict of str to ClassEvaluation
        By true class.
    """

    n_truth: int
    n_catalog: int
    key: str
    n_matched: int
    lost: tuple[str, ...]
    n_without_truth: int
    n: int
    accuracy: float
    accuracy_agn_either_way: float
    n_agn: int
    n_z: int
    good_fraction: float
    fraction_flagged: float
    n_unflagged: int
    accuracy_unflagged: float
    n_z_unflagged: int
    good_fraction_unflagged: float
    calibration_error: float
    n_sky: int
    n_sky_unflagged: int
    thresholds: dict[str, float | str]
    confusion: NDArray[np.int64]
    classes: dict[str, ClassEvaluation]

    def to_json(self, path: str | Path) -> None:
        """Write everything as JSON, whole or not at all; what is not a number becomes null."""
        write_json(path, {**asdict(self), "n_lost": len(self.lost), "labels": CLASSES})


def evaluate(
    catalog: Table,
    truth: Truth | Table | str | Path,
    thresholds: str | Mapping[str, Threshold] = "paper",
) -> Evaluation:
    """Compare a catalog with labels.

    Truth rows without a catalog row are reported in ``lost`` and are in no other number.

    Parameters
    ----------
    catalog : astropy.table.Table
        Catalog with native names, see :func:`gasnet3.catalog.read_catalog`.
    truth : Truth, astropy.table.Table, str or Path
        The labels; see :func:`gasnet3.evaluate.truth.read_truth` for the columns.
    thresholds : str or mapping of class to float or function of z
        Limits on Δz of a good redshift: 'paper', 'sdss', '4most'
        (:data:`gasnet3.evaluate.metrics.THRESHOLDS`), or one's own by class.

    Returns
    -------
    Evaluation

    Raises
    ------
    ValueError
        If the thresholds are unknown, or the catalog has no class or z.
    gasnet3.evaluate.truth.TruthError
        If the truth lacks columns or rows cannot be told apart.
    """
    limits = _limits(thresholds)
    missing = [name for name in ("class", "z") if name not in catalog.colnames]
    if missing:
        raise ValueError(f"the catalog has no column {' and none '.join(missing)}")
    labels = truth if isinstance(truth, Truth) else read_truth(truth)
    pairs = match(labels, catalog)
    return _evaluate(
        _Rows.take(catalog[pairs.catalog_rows], labels, pairs.truth_rows), pairs, limits
    )


def _evaluate(every: _Rows, pairs: Match, limits: Mapping[str, Threshold]) -> Evaluation:
    rows = every.select(every.truth != "")
    good, known = rows.good(limits)
    clean = rows.flagged == 0
    confident = every.sky & np.isfinite(every.z) & ~(every.flagged == 1)
    return Evaluation(
        n_truth=len(pairs.truth_rows) + len(pairs.lost),
        n_catalog=pairs.n_catalog,
        key=pairs.key,
        n_matched=len(pairs.truth_rows),
        lost=pairs.lost,
        n_without_truth=pairs.n_catalog - len(pairs.truth_rows),
        n=len(rows.z),
        accuracy=metrics.accuracy(rows.predicted, rows.truth),
        accuracy_agn_either_way=metrics.mean(rows.right_either_way),
        n_agn=int(rows.agn.sum()),
        n_z=int(known.sum()),
        good_fraction=metrics.mean(good[known]),
        fraction_flagged=metrics.mean(rows.flagged),
        n_unflagged=int(clean.sum()),
        accuracy_unflagged=metrics.mean(rows.right[clean]),
        n_z_unflagged=int((clean & known).sum()),
        good_fraction_unflagged=metrics.mean(good[clean & known]),
        calibration_error=_calibration_error(rows),
        n_sky=int(every.sky.sum()),
        n_sky_unflagged=int(confident.sum()),
        thresholds={cls: _summarized(limit) for cls, limit in limits.items()},
        confusion=metrics.confusion_matrix(rows.predicted, rows.truth),
        classes={c: _evaluate_class(rows.select(rows.truth == c), c, limits) for c in CLASSES},
    )


@dataclass(frozen=True, eq=False)
class _Rows:
    """Matched rows: what the catalog says, and what is true."""

    predicted: NDArray[np.str_]
    z: Floats
    z_err: Floats
    flagged: Floats  # 1 or 0, NaN where the catalog has no warnings
    others: dict[str, Floats]  # further columns of numbers that the catalog has
    truth: NDArray[np.str_]
    z_true: Floats
    agn: Bools
    sky: Bools

    @classmethod
    def take(cls, catalog: Table, labels: Truth, rows: NDArray[np.intp]) -> _Rows:
        truth, z_true = labels.classes[rows], labels.z[rows]
        broad = np.char.find(np.char.upper(labels.subclasses[rows]), "BROADLINE") >= 0
        agn = broad & np.isin(truth, ("GALAXY", "QSO")) & (z_true < AGN_Z_MAX)
        per_class = [f"{name}_{c.lower()}" for name in ("p", "z") for c in CLASSES]
        names = (
            "z", "z_err", "z_lo", "z_hi", "zwarn", "sn_median", "robustness", *per_class
        )  # fmt: skip
        own = {n: floats(np.ma.asarray(catalog[n])) for n in names if n in catalog.colnames}
        absent = np.full(len(rows), np.nan)
        zwarn = own.pop("zwarn", absent)
        return cls(
            predicted=np.char.upper(np.char.strip(np.asarray(catalog["class"]).astype(np.str_))),
            z=own.pop("z"),
            z_err=own.pop("z_err", absent),
            flagged=np.where(np.isnan(zwarn), np.nan, zwarn != 0),
            others=own,
            truth=truth,
            z_true=z_true,
            agn=agn,
            sky=labels.sky[rows],
        )

    def select(self, rows: Bools) -> _Rows:
        kept = {k: v[rows] for k, v in vars(self).items() if k != "others"}
        return _Rows(**kept, others={k: v[rows] for k, v in self.others.items()})

    @property
    def right(self) -> Bools:
        return np.asarray(self.predicted == self.truth)

    @property
    def right_either_way(self) -> Bools:
        return self.right | (self.agn & np.isin(self.predicted, ("GALAXY", "QSO")))

    def good(self, limits: Mapping[str, Threshold]) -> tuple[Bools, Bools]:
        """Which redshifts are good, and for which rows that can be told."""
        known = np.isfinite(self.z_true) & np.isin(self.truth, list(limits))
        good = np.zeros(len(known), np.bool_)
        for cls, limit in limits.items():
            rows = known & (self.truth == cls)
            good[rows] = metrics.is_good(self.z[rows], self.z_true[rows], limit)
        return good, known


def _evaluate_class(rows: _Rows, cls: str, limits: Mapping[str, Threshold]) -> ClassEvaluation:
    known = rows.select(np.isfinite(rows.z_true))
    found = known.select(np.isfinite(known.z))
    as_class = known.others.get(f"z_{cls.lower()}")
    limit, log_limit = limits.get(cls), metrics.LOG_THRESHOLDS.get(cls)
    pair = (known.z, known.z_true)
    nan = float("nan")
    return ClassEvaluation(
        n=len(rows.z),
        accuracy=metrics.mean(rows.right),
        accuracy_agn_either_way=metrics.mean(rows.right_either_way),
        n_z=len(known.z),
        n_no_redshift=len(known.z) - len(found.z),
        good_fraction=nan if limit is None else metrics.good_fraction(*pair, limit),
        good_fraction_as_class=nan
        if limit is None or as_class is None
        else metrics.good_fraction(as_class, known.z_true, limit),
        log_good_fraction=nan if log_limit is None else metrics.log_good_fraction(*pair, log_limit),
        mae=metrics.mae(found.z, found.z_true),
        mad=metrics.mad(found.z, found.z_true),
        median_delta_z=metrics.median_delta_z(found.z, found.z_true),
        outlier_fraction=metrics.outlier_fraction(*pair),
        pulls=summarize_pulls(pulls(known.z, known.z_err, known.z_true)),
        interval_fraction=_within(known),
        curves=_curves(rows, limits),
    )


def _curves(rows: _Rows, limits: Mapping[str, Threshold]) -> dict[str, Binned | Subsets]:
    """The curves of the paper's Figs. 11 and 12 that the columns of the catalog allow."""
    out: dict[str, Binned | Subsets] = {}
    sn, robustness = rows.others.get("sn_median"), rows.others.get("robustness")
    good, known = rows.good(limits)
    for name, flags, kept in (
        ("good", good, known),
        ("accuracy", rows.right, np.full(len(good), True)),
    ):
        if sn is not None:
            out[f"{name}_by_sn"] = metrics.binned_mean(flags[kept], sn[kept])
        if robustness is not None:
            out[f"{name}_by_robustness"] = metrics.subset_means(flags[kept], robustness[kept])
    if sn is not None and robustness is not None:
        finite = np.isfinite(robustness)
        out["robustness_by_sn"] = metrics.binned_mean(robustness[finite], sn[finite])
    return out


def _within(rows: _Rows) -> float:
    """Fraction of true redshifts within the interval of the catalog."""
    if not {"z_lo", "z_hi"} <= set(rows.others):
        return float("nan")
    low, high = rows.others["z_lo"], rows.others["z_hi"]
    return metrics.mean((low <= rows.z_true) & (rows.z_true <= high))


def _calibration_error(rows: _Rows) -> float:
    names = [f"p_{cls.lower()}" for cls in CLASSES]
    if not set(names) <= set(rows.others):
        return float("nan")
    chosen = np.full(len(rows.z), np.nan)
    for cls, name in zip(CLASSES, names, strict=True):
        chosen = np.where(rows.predicted == cls, rows.others[name], chosen)
    return reliability(chosen, rows.right).expected_calibration_error


def _limits(thresholds: str | Mapping[str, Threshold]) -> Mapping[str, Threshold]:
    if isinstance(thresholds, str):
        if thresholds not in metrics.THRESHOLDS:
            known = ", ".join(metrics.THRESHOLDS)
            raise ValueError(f"no thresholds named {thresholds!r}: take one of {known}")
        return metrics.THRESHOLDS[thresholds]
    unknown = sorted(set(thresholds) - set(CLASSES))
    if unknown:
        raise ValueError(f"thresholds for unknown classes {unknown}: the classes are {CLASSES}")
    return thresholds


def _summarized(limit: Threshold) -> float | str:
    """The limit as a summary can hold it."""
    return getattr(limit, "__name__", "function") if callable(limit) else limit
