"""How large errors of redshifts are, in units of the formal ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.stats import t as student_t

from gasnet3.classes import CLASSES
from gasnet3.evaluate.reliability import summarize_pulls
from gasnet3.machine.typing import Floats
from gasnet3.spectra.batch import Spectra
from gasnet3.train.posterior import FEWEST

MEASURED: dict[str, float] = {"STAR": 3e-4, "GALAXY": 1.5e-3, "QSO": 1.5e-2}
"""Redshifts nearer than this to their label are used for the errors: no wrong line."""

TAILS = 3.0
"""Degrees of freedom of the Student distribution of pulls: outliers must not own the fit."""


def redshift_errors(
    cls: NDArray[np.str_], z: Floats, formal: Floats, spectra: Spectra
) -> dict[str, dict[str, float]]:
    """Scale and floor of the redshift errors of each class.

    The most likely ones if pulls follow a Student distribution; then both are multiplied so
    that the pulls' robust width is 1. Of spectra whose class and redshift are right.

    Parameters
    ----------
    cls : ndarray of str, shape (rows,)
        Classes found.
    z, formal : ndarray of float64, shape (rows,)
        Redshifts found, and their formal errors in ln(1 + z).
    spectra : Spectra
        With the labels.

    Returns
    -------
    dict
        By class: ``scale``, ``floor`` and ``n``; classes with too few spectra are left out.
    """
    out = {}
    for name in CLASSES:
        rows = (cls == name) & (spectra.classes == name) & np.isfinite(spectra.z + formal)
        error = (z[rows] - spectra.z[rows]) / (1.0 + spectra.z[rows])
        near = np.abs(error) < MEASURED[name]
        if near.sum() >= FEWEST:
            scale, floor = _scale_and_floor(error[near], formal[rows][near])
            out[name] = {"scale": scale, "floor": floor, "n": int(near.sum())}
    return out


def _scale_and_floor(error: Floats, formal: Floats) -> tuple[float, float]:
    def unlikeliness(x: ArrayLike) -> float:
        scale, floor = np.exp(np.asarray(x))
        total = np.hypot(scale * formal, floor)
        return float(np.sum(np.log(total) - student_t.logpdf(error / total, TAILS)))

    start = np.log([1.0, np.median(np.abs(error)) + 1e-9])
    scale, floor = np.exp(minimize(unlikeliness, start, method="Nelder-Mead").x)
    width = summarize_pulls(error / np.hypot(scale * formal, floor)).width
    return float(f"{scale * width:.4g}"), float(f"{floor * width:.4g}")
