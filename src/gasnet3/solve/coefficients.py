"""Coefficients compared with those of others: without their amplitude, and with their noise."""

from __future__ import annotations

import numpy as np

from gasnet3.machine.typing import Floats

NO_NOISE = 1e-12
"""Variance added to each coefficient: a parameter without data has none from the fit."""


def unit_coefficients(coeff: Floats, covariance: Floats) -> tuple[Floats, Floats]:
    """Coefficients scaled to unit length, and the covariance this leaves them.

    Parameters
    ----------
    coeff, covariance : ndarray of float64, shapes (rows, m) and (rows, m, m)
        Exact coefficients and their covariance. Rows of NaN or zeros give NaN.
    """
    length = np.sqrt((coeff**2).sum(axis=1))
    length = np.where(length > 0, length, np.nan)[:, None]
    unit = coeff / length
    along = np.eye(coeff.shape[1]) - unit[:, :, None] * unit[:, None, :]
    return unit, along @ covariance @ along / length[:, :, None] ** 2
