"""What continua of a class look like at a redshift: their shape as evidence.

Eq. 1 takes the continuum away before anything is compared; at S/N 1 it says more of the class
than all features together. The ratios of its Legendre coefficients to the first are compared with
those of a population: a mixture of normal distributions in ln(1 + z) and the ratios, taken at the
redshift in question, broadened by what calibration and dust do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gasnet3.machine.typing import Bools, Floats
from gasnet3.solve.arrays import as_numpy
from gasnet3.spectra.coverage import good_span, whole_span

if TYPE_CHECKING:
    from gasnet3.solve.prepare import Prepared

BROADENING = 1.5
"""Factor on the covariances: other surveys see other galaxies."""

CALIBRATION = 0.05
"""Error of the ratios that calibration and dust add."""

TAILS = 8.0
"""Degrees of freedom of the distributions, for continua that nobody has seen."""

Z_WIDTH = 0.02
"""In ln(1 + z), added to the width of a component."""

LEAST_SN = 5.0
"""S/N of the whole continuum's level below which they mean nothing either."""


@dataclass(frozen=True, eq=False)
class Shapes:
    """Ratios of the continuum's Legendre coefficients, of a batch.

    Attributes
    ----------
    ratio : ndarray of float64, shape (rows, degree)
        To the first coefficient.
    covariance : ndarray of float64, shape (rows, degree, degree)
        Of the ratios, by noise.
    level_sn : ndarray of float64, shape (rows,)
        S/N of the first coefficient.
    known : ndarray of bool, shape (rows,)
        Whether they mean something: the whole is covered
        (:func:`gasnet3.spectra.coverage.whole_span`), and the level is clear.
    """

    ratio: Floats
    covariance: Floats
    level_sn: Floats
    known: Bools

    @classmethod
    def of(cls, prepared: Prepared, calibrated: Bools | bool = True) -> Shapes:
        """The shapes of prepared spectra; of those that are not calibrated they mean nothing."""
        good, usable = as_numpy(prepared.ivar) > 0, as_numpy(prepared.usable)
        first, last = good_span(good)
        continuum = as_numpy(prepared.shape) / as_numpy(prepared.norm)[:, None]
        level = continuum[:, 0]
        terms = continuum.shape[1]
        known = usable & calibrated & (level > 0)
        known &= last - first + 1 >= whole_span(prepared.lattice)
        certainty = as_numpy(prepared.certainty)
        certainty = np.where(known[:, None, None], certainty, np.eye(terms))
        noise = np.linalg.inv(certainty)
        level = np.where(known, level, 1.0)
        sn = level / np.sqrt(np.maximum(noise[:, 0, 0], 1e-300))
        known &= sn > LEAST_SN
        ratio = np.where(known[:, None], continuum[:, 1:] / level[:, None], 0.0)
        # Of c_p / c_0, to first order.
        cross = ratio[:, :, None] * noise[:, :1, 1:]
        covariance = noise[:, 1:, 1:] - cross - cross.transpose(0, 2, 1)
        covariance += ratio[:, :, None] * ratio[:, None] * noise[:, :1, :1]
        covariance /= level[:, None, None] ** 2
        return cls(ratio, np.where(known[:, None, None], covariance, 0.0), sn, known)


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
        joint, share = np.empty((2, len(self.weight), *x.shape))
        parts = zip(self.weight, self.centre, self.covariance, strict=True)
        for k, (weight, centre, covariance) in enumerate(parts):
            width = covariance[0, 0] + Z_WIDTH**2
            slope = covariance[1:, 0] / width
            rest = covariance[1:, 1:] - np.outer(slope, slope) * width
            share[k] = np.log(weight)
            if covariance[0, 0] > 0:
                share[k] -= 0.5 * ((x - centre[0]) ** 2 / width + np.log(width))
            total = BROADENING * rest + CALIBRATION**2 * np.eye(len(rest)) + shapes.covariance
            joint[k] = share[k] + _student(shapes.ratio - centre[1:], slope, x - centre[0], total)
        return np.where(known, _log_sum(joint) - _log_sum(share), 0.0)


def _log_sum(values: Floats) -> Floats:
    """ln of the sum of exponentials over the first axis; all finite."""
    top = values.max(axis=0)
    total = np.zeros_like(top)
    # One by one: the last bits of a sum may depend on the shape.
    for each in np.exp(values - top):
        total += each
    return np.log(total) + top


def _student(distance: Floats, slope: Floats, offset: Floats, covariance: Floats) -> Floats:
    """ln of Student's density at ``distance - slope·offset``, shape (rows, c).

    Parameters
    ----------
    distance, covariance : ndarray of float64, shapes (rows, d) and (rows, d, d)
        From the centre, and the square of the width.
    slope, offset : ndarray of float64, shapes (d,) and (rows, c)
        By how much the centre moves, and how far.
    """
    factor = np.linalg.cholesky(covariance)
    at, along = distance.copy(), np.tile(slope, (len(distance), 1))
    squares, volume = np.zeros(offset.shape), np.zeros((len(offset), 1))
    # Forward substitution, term by term: the last bits must not depend on the number of rows.
    for d in range(len(slope)):
        for vector in (at, along):
            vector[:, d] /= factor[:, d, d]
            vector[:, d + 1 :] -= factor[:, d + 1 :, d] * vector[:, d, None]
        squares += (at[:, d, None] - along[:, d, None] * offset) ** 2
        volume += np.log(factor[:, d, d])[:, None]
    return -0.5 * (TAILS + len(slope)) * np.log1p(squares / TAILS) - volume
