"""The decided solution of each spectrum, as the anomaly scores look at it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gasnet3.machine.typing import Floats


@dataclass(frozen=True, eq=False)
class Solution:
    """The decided solution of each row, as the scores look at it.

    Attributes
    ----------
    cls : ndarray of str, shape (rows,)
        Class, '' where there is none.
    z, rchi2, delta_chi2, sn : ndarray of float64, shape (rows,)
        As the catalog has them (``sn`` is ``sn_median``).
    next_cls, next_z : ndarray, shape (rows,)
        The solution that ``delta_chi2`` is to.
    domain : ndarray of float64, shape (rows,)
        Distance from the training population in units of its limit; NaN where not known.
    coeff, covariance : ndarray of float64, shapes (rows, m) and (rows, m, m)
        Coefficients with amplitude, and their covariance times the reduced χ² where that is
        above 1; NaN beyond the class's own m, and where they were not solved for.
    """

    cls: NDArray[np.str_]
    z: Floats
    rchi2: Floats
    delta_chi2: Floats
    next_cls: NDArray[np.str_]
    next_z: Floats
    sn: Floats
    domain: Floats
    coeff: Floats
    covariance: Floats
