"""Least-squares fits of templates and polynomials to spectra at given places."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasnet3.kernels.library import COUNT, DOUBLE, FLOAT, LONG, NUMBER, loop
from gasnet3.machine.typing import Floats

PART = 512
"""Pixels worked on together, at most."""


def fit(
    spline: NDArray[Any],
    basis: NDArray[Any],
    flux: NDArray[np.float32],
    ivar: NDArray[np.float32],
    level: NDArray[np.float32],
    bound: Floats,
    size: Floats,
    rows: NDArray[np.int64],
    place: Floats,
    *,
    ridge: float,
) -> tuple[Floats, Floats, Floats]:
    """Fits by direct sums, in the precision of the templates.

    Parameters
    ----------
    spline : ndarray of float32 or float64, shape (m, width)
        Coefficients of the templates.
    basis : ndarray of the same type, shape (terms, n)
        Continuum polynomials.
    flux, ivar : ndarray of float32, shape (batch, n)
        Spectra.
    level : ndarray of float32, shape (batch, joins, n)
        What their steps look like (:attr:`gasnet3.solve.arms.Arms.level`).
    bound : ndarray of float64, shape (m, m)
        Added to the normal matrix, over the size of the spectrum.
    size : ndarray of float64, shape (batch,)
        Of each spectrum.
    rows : ndarray of int64, shape (fits,)
        Which spectrum each fit is of.
    place : ndarray of float64, shape (fits,)
        Where on the splines the observed window starts.
    ridge : float
        Added to the diagonal of scaled normal matrices.

    Returns
    -------
    found : ndarray of float64, shape (fits, 4)
        χ² with what binds, what of it binds, Gauss-Newton's step in pixels and its error.
    coeff : ndarray of float64, shape (fits, m + terms)
        Of the templates and polynomials.
    covariance : ndarray of float64, shape (fits, m, m)
        Of the templates' coefficients.
    """
    (m, width), (terms, n), joins, fits = spline.shape, basis.shape, level.shape[1], len(rows)
    start = np.floor(place)
    if flux.shape[1] != n or (start < 1).any() or (start + n + 2 > width).any():
        raise ValueError(f"splines {spline.shape} and {basis.shape} for spectra {flux.shape}")
    double = spline.dtype == np.float64
    real, name = (DOUBLE, "fit_double") if double else (FLOAT, "fit_single")
    all_of_it = (-(-(n + 3) // PART) + 1) * PART
    space = np.zeros((2 + m + terms + joins, all_of_it), spline.dtype)
    found, coeff = np.empty((fits, 4)), np.empty((fits, m + terms))
    covariance = np.empty((fits, m, m))
    loop(
        name, real, COUNT, COUNT, real, COUNT, FLOAT, FLOAT, COUNT, FLOAT, COUNT, DOUBLE, DOUBLE,
        LONG, DOUBLE, COUNT, NUMBER, real, COUNT, DOUBLE, DOUBLE, DOUBLE,
    )(
        spline, m, width, basis, terms, flux, ivar, n, level, joins, bound, size, rows, place,
        fits, ridge, space, all_of_it, found, coeff, covariance,
    )  # fmt: skip
    return found, coeff, covariance
