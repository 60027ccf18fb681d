"""What continua of a class look like at a redshift: their shape as evidence.

Eq. 1 takes the continuum away before anything is compared; at S/N 1 it says more of the class
than all features together. The ratios of its Legendre coefficients to the first are compared with
those of a population: a mixture of normal distributions in ln(1 + z) and the ratios, taken at the
redshift in question, broadened by what calibration and dust do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gasnet3.machine.typing import Bools, Floats

BROADENING = 2.0
"""Factor on the covariances: other surveys see other galaxies."""

CALIBRATION = 0.1
"""Error of the ratios that calibration and dust add."""

TAILS = 8.0
"""Degrees of freedom of the distributions, for continua that nobody has seen."""

Z_WIDTH = 0.02
"""In ln(1 + z), added to the width of a component."""

LEAST_COVERAGE = 0.85
"""Share of the lattice, from the first good pixel to the last, below which ratios mean nothing."""

LEAST_SN = 5.0
"""S/N of the whole continuum's level below which they mean nothing either."""


@dataclass(frozen=True, eq=False)
class Shapes:
    """Ratios of the continuum's Legendre coefficients, of a batch.

    Attributes
    ----------
    ratio : ndarray of float64, shape (rows, degree)
        To the first coefficient.
    variance : ndarray of float64, shape (rows,)
        Of a ratio by noise, the mean over all.
    known : ndarray of bool, shape (rows,)
        Whether they mean something.
    """

    ratio: Floats
    variance: Floats
    known: Bools

    @classmethod
    def of(cls, continuum: Floats, flux: Floats, ivar: Floats) -> Shapes:
        """The shapes of prepared spectra.

        Parameters
        ----------
        continuum : ndarray of float64, shape (rows, degree + 1)
            Legendre coefficients in any unit.
        flux, ivar : ndarray, shape (rows, n)
            Prepared spectra in the same unit.
        """
        good = ivar > 0
        n_good, n = good.sum(axis=1), good.shape[1]
        span = n - good.argmax(axis=1) - good[:, ::-1].argmax(axis=1)
        level = continuum[:, 0]
        total = np.abs(level) * np.sqrt(ivar.sum(axis=1, dtype=np.float64))
        known = (n_good > 0) & (level > 0) & (span >= LEAST_COVERAGE * n) & (total > LEAST_SN)
        ratio = continuum[:, 1:] / np.where(known, level, 1.0)[:, None]
        known &= np.isfinite(ratio).all(axis=1)
        ratio = np.where(known[:, None], ratio, 0.0)
        # Var(c_p) is about (2p + 1) times that of the level, for even weights.
        terms = 2.0 * np.arange(1, continuum.shape[1]) + 1.0
        noise = (terms + ratio**2).mean(axis=1) / np.where(known, total, 1.0) ** 2
        return cls(ratio, noise, known)


@dataclass(frozen=True, eq=False)
class Continua:
    """The population of continua of a class.

    Attributes
    ----------
    weight : ndarray of float64, shape (k,)
        Shares of the components.
    centre : ndarray of float64, shape (k, 1 + degree)
        ln(1 + z) and ratios.
    covariance : ndarray of float64, shape (k, 1 + degree, 1 + degree)
        Of the same; 0 with ln(1 + z) where the redshift plays no part, as of stars.
    """

    weight: Floats
    centre: Floats
    covariance: Floats

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Continua:
        """From what :meth:`to_json` gave."""
        return cls(*(np.array(content[name]) for name in ("weight", "centre", "covariance")))

    def to_json(self) -> dict[str, Any]:
        """Plain lists, for a file."""
        return {name: getattr(self, name).tolist() for name in ("weight", "centre", "covariance")}

    def log_likelihood(self, shapes: Shapes, z: Floats) -> Floats:
        """ln p(shape | z), up to a constant; 0 where a shape or a redshift is not known.

        Parameters
        ----------
        shapes : Shapes
            Of a batch.
        z : ndarray of float64, shape (rows, c)
            Redshifts asked about.
        """
        known = shapes.known[:, None] & np.isfinite(z)
        x = np.log1p(np.where(known, z, 0.0))
        joint, share = np.full((2, *x.shape, len(self.weight)), -np.inf)
        parts = zip(self.weight, self.centre, self.covariance, strict=True)
        for k, (weight, centre, covariance) in enumerate(parts):
            width = covariance[0, 0] + Z_WIDTH**2
            slope = covariance[1:, 0] / width
            rest = covariance[1:, 1:] - np.outer(slope, slope) * width
            share[..., k] = np.log(weight)
            if covariance[0, 0] > 0:
                share[..., k] -= 0.5 * ((x - centre[0]) ** 2 / width + np.log(width))
            joint[..., k] = share[..., k] + _student(shapes, x - centre[0], centre[1:], slope, rest)
        found = np.logaddexp.reduce(joint, axis=-1) - np.logaddexp.reduce(share, axis=-1)
        return np.where(known, found, 0.0)


def _student(
    shapes: Shapes, offset: Floats, centre: Floats, slope: Floats, covariance: Floats
) -> Floats:
    """ln of Student's density of the shapes, shape (rows, c), about ``centre + slope·offset``."""
    value, axes = np.linalg.eigh(covariance)
    spread = BROADENING * np.maximum(value, 0.0) + CALIBRATION**2
    at, along = (shapes.ratio - centre) @ axes, slope @ axes
    distance, volume = np.zeros(offset.shape), np.zeros((len(offset), 1))
    # Term by term: the last bits must not depend on the number of rows.
    for d, s in enumerate(spread):
        total = (s + shapes.variance)[:, None]
        distance += (at[:, d, None] - along[d] * offset) ** 2 / total
        volume += np.log(total)
    degrees = len(spread)
    return -0.5 * (TAILS + degrees) * np.log1p(distance / TAILS) - 0.5 * volume
