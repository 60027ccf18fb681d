"""How large errors of redshifts are, in units of the formal ones."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from gasnet3.classes import CLASSES
from gasnet3.evaluate.reliability import summarize_pulls
from gasnet3.machine.typing import Floats
from gasnet3.spectra.batch import Spectra
from gasnet3.train.posterior import FEWEST

MEASURED: dict[str, float] = {"STAR": 3e-4, "GALAXY": 1.5e-3, "QSO": 1.5e-2}
"""Redshifts nearer than this to their label are used for the errors: no wrong line."""

FLOORS, SCALES = (1e-8, 0.1), (0.01, 1e3)
"""Limits of the two."""

ROUNDS, HALVINGS = 20, 40
"""Of finding one after the other, and of finding one."""


def redshift_errors(
    cls: NDArray[np.str_], z: Floats, formal: Floats, spectra: Spectra
) -> dict[str, dict[str, float]]:
    """Scale and floor of the redshift errors of each class.

    They make the robust width of the pulls 1, of the smaller formal errors and of the larger
    ones. Of spectra whose class and redshift are right.

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
    """Those that make the robust width of pulls 1, of the smaller formal errors and of the larger.

    The scale is what the larger ones need: they are of faint spectra. The floor is what the
    smaller ones need beside it.
    """
    small = formal <= np.median(formal)
    scale, floor = 1.0, 0.0
    for _ in range(ROUNDS):
        floor = _root(partial(_width_of_floor, error[small], scale * formal[small]), FLOORS)
        scale = _root(partial(_width_of_scale, error[~small], formal[~small], floor), SCALES)
    return float(f"{scale:.4g}"), float(f"{floor:.4g}")


def _width_of_floor(error: Floats, formal: Floats, floor: float) -> float:
    return summarize_pulls(error / np.hypot(formal, floor)).width


def _width_of_scale(error: Floats, formal: Floats, floor: float, scale: float) -> float:
    return _width_of_floor(error, scale * formal, floor)


def _root(width: Callable[[float], float], limits: tuple[float, float]) -> float:
    """Where a falling width is 1, within limits."""
    low, high = limits
    if width(low) <= 1.0:
        return low
    for _ in range(HALVINGS):
        middle = np.sqrt(low * high)
        low, high = (middle, high) if width(middle) > 1.0 else (low, middle)
    return high
