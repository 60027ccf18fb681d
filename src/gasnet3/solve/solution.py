"""The decided solution of each spectrum, as warnings and anomaly scores look at it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasnet3.machine.typing import Bools, Floats
from gasnet3.solve.residual import Residual
from gasnet3.spectra.lattice import LogLattice


@dataclass(frozen=True, eq=False)
class Solution:
    """One decided solution a spectrum.

    Attributes
    ----------
    residual : Residual
        Prepared spectra and the models of them, where they were computed.
    good : ndarray of bool, shape (rows, n)
        Unmasked pixels of the input.
    cls : ndarray of str, shape (rows,)
        Chosen class, '' where there is none.
    z, rchi2, delta_chi2, sn_median, p_z : ndarray of float64, shape (rows,)
        As the catalog has them.
    probability : ndarray of float64, shape (rows,)
        That of the class; NaN where not known, as ``p_z``.
    next_cls, next_z : ndarray, shape (rows,)
        The solution that ``delta_chi2`` is to.
    edge, bad : ndarray of bool, shape (rows,)
        See :class:`~gasnet3.solve.candidates.Candidates`.
    domain : ndarray of float64, shape (rows,)
        Distance from the training population in units of its limit; NaN where not known.
    rchi2_classes : ndarray of float64, shape (rows, classes)
        Best reduced χ² of each class.
    coeff, covariance : ndarray of float64, shapes (rows, m) and (rows, m, m)
        Coefficients with amplitude, and their covariance times the reduced χ² where that is
        above 1; NaN beyond the class's own m, and where they were not solved for.
    lattice : LogLattice
        Observed lattice.
    populations : dict of str to dict
        The ``population`` of each class's model card.
    """

    residual: Residual
    good: Bools
    cls: NDArray[np.str_]
    z: Floats
    rchi2: Floats
    delta_chi2: Floats
    sn_median: Floats
    p_z: Floats
    probability: Floats
    next_cls: NDArray[np.str_]
    next_z: Floats
    edge: Bools
    bad: Bools
    domain: Floats
    rchi2_classes: Floats
    coeff: Floats
    covariance: Floats
    lattice: LogLattice
    populations: dict[str, dict[str, Any]]
