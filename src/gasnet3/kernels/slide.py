"""Fixed models slid to the least χ² between bounds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gasnet3.kernels.library import COUNT, DOUBLE, FLOAT, LONG, loop
from gasnet3.machine.typing import Floats

ARGUMENTS = (
    DOUBLE, COUNT, FLOAT, FLOAT, COUNT, LONG, DOUBLE, DOUBLE, COUNT, COUNT, COUNT, DOUBLE,
)  # fmt: skip


def slide(
    spline: Floats,
    flux: NDArray[np.float32],
    ivar: NDArray[np.float32],
    rows: NDArray[np.int64],
    low: Floats,
    high: Floats,
    *,
    trials: int,
    steps: int,
) -> tuple[Floats, Floats, Floats]:
    """The least χ² of fixed models between places on their splines.

    Parameters
    ----------
    spline : ndarray of float64, shape (rows, width)
        Coefficients of the models, one a spectrum.
    flux, ivar : ndarray of float32, shape (rows, n)
        Spectra.
    rows : ndarray of int64, shape (fits,)
        Which spectrum and model each fit is of.
    low, high : ndarray of float64, shape (fits,)
        Where on the spline the observed window may start; at most 3 pixels apart.
    trials, steps : int
        Places looked at, and Newton's steps from the best of them.

    Returns
    -------
    place, chi2, curvature : ndarray of float64, shape (fits,)
        Of the minimum; half the second derivative of χ² as Gauss-Newton has it.
    """
    found = np.empty((len(rows), 3))
    if spline.shape[1] < flux.shape[1] + 6 or flux.shape != ivar.shape:
        raise ValueError(f"splines {spline.shape} for spectra {flux.shape}, {ivar.shape}")
    loop("slide", *ARGUMENTS)(
        spline, spline.shape[1], flux, ivar, flux.shape[1], rows, low, high, len(rows), trials,
        steps, found,
    )  # fmt: skip
    return found[:, 0], found[:, 1], found[:, 2]
