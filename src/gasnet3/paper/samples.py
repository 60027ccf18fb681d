"""A labelled catalog as the paper's experiments look at it: each class by its own model."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gasnet3.classes import CLASSES
from gasnet3.evaluate import metrics
from gasnet3.evaluate.truth import Truth, match
from gasnet3.machine.typing import Floats
from gasnet3.report.columns import numbers

if TYPE_CHECKING:
    from astropy.table import Table


@dataclass(frozen=True, eq=False)
class ClassSample:
    """Spectra of one true class with a known redshift, as the model of that class solves them.

    This is the Encoder_x or UNet_x of the paper (eq. 21): whatever class the spectrum got.

    Attributes
    ----------
    cls : str
        The class.
    ids : ndarray of str, shape (rows,)
        Identifiers in the catalog.
    z_true, z : ndarray of float64, shape (rows,)
        Labelled redshift, and that of the class's own model; NaN where it found none.
    rchi2 : ndarray of float64, shape (rows,)
        Reduced χ² of its best solution.
    robustness : ndarray of float64, shape (rows,)
        R within the class (eq. 17); NaN without a second minimum.
    sn : ndarray of float64, shape (rows,)
        Median S/N a pixel.
    """

    cls: str
    ids: NDArray[np.str_]
    z_true: Floats
    z: Floats
    rchi2: Floats
    robustness: Floats
    sn: Floats

    def __len__(self) -> int:
        return len(self.z)

    def select(self, rows: NDArray[np.bool_]) -> ClassSample:
        """The given rows, a mask of shape (rows,)."""
        kept = {f.name: getattr(self, f.name)[rows] for f in fields(self) if f.name != "cls"}
        return ClassSample(cls=self.cls, **kept)

    @property
    def delta_z(self) -> Floats:
        """Relative redshift errors (eq. 14), infinite where there is no redshift."""
        return metrics.delta_z(self.z, self.z_true)

    def summary(self) -> dict[str, float]:
        """The figures of merit of the paper's Tables 2, 3, 4 and B1.

        Returns
        -------
        dict of str to float
            ``n``; ``gf`` (eq. 18) and ``log_gf`` (eq. 20; NaN for stars); ``delta_z``, ``mae``
            and ``mad`` (mean of eq. 14, eq. 15, eq. 16); ``median_delta_z``; ``chi2`` and
            ``chi2_median``, reduced; ``robustness`` and ``robustness_median`` over the
            ``n_robustness`` spectra that have a second minimum.
        """
        pair = (self.z, self.z_true)
        log_limit = metrics.LOG_THRESHOLDS.get(self.cls)
        known = self.robustness[np.isfinite(self.robustness)]
        fitted = self.rchi2[np.isfinite(self.rchi2)]
        return {
            "n": len(self),
            "gf": metrics.good_fraction(*pair, metrics.THRESHOLDS["paper"][self.cls]),
            "log_gf": np.nan if log_limit is None else metrics.log_good_fraction(*pair, log_limit),
            "delta_z": _mean(self.delta_z),
            "mae": metrics.mae(*pair),
            "mad": metrics.mad(*pair),
            "median_delta_z": metrics.median_delta_z(*pair),
            "chi2": _mean(fitted),
            "chi2_median": _median(fitted),
            "robustness": _mean(known),
            "robustness_median": _median(known),
            "n_robustness": len(known),
        }


def class_samples(catalog: Table, truth: Truth) -> dict[str, ClassSample]:
    """The labelled spectra of each class by that class's model.

    Parameters
    ----------
    catalog : astropy.table.Table
        Catalog with native names, the columns of each class among them (``z_star`` ...).
    truth : Truth
        Labels, of :func:`gasnet3.evaluate.truth.read_truth`.

    Returns
    -------
    dict of str to ClassSample
        By class; rows without a known redshift are left out.

    Raises
    ------
    ValueError
        If the catalog lacks a column.
    """
    wanted = [f"{name}_{cls.lower()}" for cls in CLASSES for name in ("z", "chi2", "robustness")]
    wanted += ["id", "class", "n_good", "dof", "sn_median"]
    if missing := [name for name in wanted if name not in catalog.colnames]:
        raise ValueError(f"the catalog has no column {', '.join(missing)}: write it with gasnet3")
    pairs = match(truth, catalog)
    rows = catalog[pairs.catalog_rows]
    labels, z_true = truth.classes[pairs.truth_rows], truth.z[pairs.truth_rows]
    out = {}
    for cls in CLASSES:
        mine = (labels == cls) & np.isfinite(z_true)
        z, chi2, robustness = (
            numbers(rows, f"{name}_{cls.lower()}")[mine] for name in ("z", "chi2", "robustness")
        )
        dof = numbers(rows, "n_good")[mine] - _parameters(rows, cls)
        out[cls] = ClassSample(
            cls=cls,
            ids=np.asarray(rows["id"]).astype(np.str_)[mine],
            z_true=z_true[mine],
            z=z,
            rchi2=chi2 / np.maximum(dof, 1.0),
            robustness=robustness,
            sn=numbers(rows, "sn_median")[mine],
        )
    return out


def _parameters(rows: Table, cls: str) -> float:
    """Parameters of a class's model, as the spectra that got the class tell (eq. 9)."""
    got = np.asarray(rows["class"]).astype(np.str_) == cls
    used = (numbers(rows, "n_good") - numbers(rows, "dof"))[got]
    return float(np.median(used)) if used.size else 0.0


def _mean(values: Floats) -> float:
    return float(values.mean()) if values.size else float("nan")


def _median(values: Floats) -> float:
    return float(np.median(values)) if values.size else float("nan")
