"""What coefficients of a class are like: the prior that binds them.

With eigenspectra M, continuum and Gaussian noise, the best coefficients ω of eq. 24 are free: of
a faint spectrum they fit the noise. The card of a network knows the population of ω; its second
moment Q says which mixtures there are, so ``ω ~ N(0, α Q)``, with α the size that the signal has
in the spectrum as it is normalised (eq. 2: a faint spectrum is mostly noise). What a spectrum F
says of a shift s of class c is then, with A and b of eq. 25-26 once the continuum is solved for,

    -2 ln p(F | s, c) = C - bᵀ (A + Q⁻¹/α)⁻¹ b + ln det(A + Q⁻¹/α) - ln det(Q⁻¹/α).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gasnet3.machine.typing import Floats
from gasnet3.solve.arrays import Array, clipped

FEATURES = 0.05
"""Root mean square of the features over the continuum, of an ordinary spectrum."""

UNSURE = 0.1
"""Share of the variance that errors of the errors may feign."""

SMALLEST = 1e-3
"""Size of the faintest signal that is looked for."""


@dataclass(frozen=True, eq=False)
class Population:
    """The second moment of the coefficients of a class.

    Attributes
    ----------
    root : ndarray of float64, shape (m, m)
        Lower triangle L of Q = L Lᵀ.
    precision : ndarray of float64, shape (m, m)
        Q⁻¹.
    """

    root: Floats
    precision: Floats

    @classmethod
    def of(cls, population: Mapping[str, Any]) -> Population | None:
        """That of a card's ``population``; None where it has no moments."""
        if "covariance" not in population:
            return None
        mean = np.asarray(population["mean"], np.float64)
        moment = np.asarray(population["covariance"], np.float64) + np.outer(mean, mean)
        root = np.asarray(np.linalg.cholesky(moment), np.float64)
        inverse = np.asarray(np.linalg.inv(root), np.float64)
        return cls(root, inverse.T @ inverse)


def signal_size(level_sn: Array, noise: Array) -> Array:
    """Share α of the signal in the variance of normalised spectra.

    Parameters
    ----------
    level_sn : Tensor or ndarray of float64, shape (rows,)
        S/N of the continuum a pixel.
    noise : Tensor or ndarray of float64, shape (rows,)
        Mean variance of the noise, of spectra whose variance is 1.
    """
    power = (FEATURES * level_sn) ** 2
    features = power / (1.0 + power)
    seen = 1.0 - noise - UNSURE
    return clipped(features + clipped(seen - features, 0.0), SMALLEST, 1.0)
