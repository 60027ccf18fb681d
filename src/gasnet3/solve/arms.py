"""Free levels of the arms of a spectrograph, whose calibration may jump where they join.

At a join the flux may step by a share ``a ~ N(0, STEP²)`` of the continuum. With U the step of
each join (-1/2 to +1/2 of the continuum, from blue to red) and W the inverse variances, the steps
are marginalised by taking ``W - W U (STEP⁻² + Uᵀ W U)⁻¹ Uᵀ W`` for W, in all fits alike: no
solution gains by a step, and none loses more than the prior allows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gasnet3.machine.typing import Floats
from gasnet3.solve.arrays import Array, clipped, like, namespace, narrow, wide

if TYPE_CHECKING:
    from jaxtyping import Float32, Float64

STEP = 0.05
"""Width of the distribution of steps, as a share of the continuum."""


@dataclass(frozen=True, eq=False)
class Arms:
    """The steps at the joins of a batch.

    Attributes
    ----------
    level : Tensor or ndarray of float32, shape (rows, joins, n)
        What the steps look like, without what the continuum polynomials can do, scaled so that
        ``W - Σ (W level)(W level)ᵀ`` are the weights of prepared spectra without them; 0 where
        there is no join.
    shape : Tensor or ndarray of float64, shape (rows, degree + 1)
        Coefficients of the continuum as they are beside the most probable steps, in flux units.
    """

    level: Float32[Array, "rows joins n"]
    shape: Float64[Array, "rows terms"]

    def rows(self, index: Array) -> Arms:
        """Those of the given rows."""
        return Arms(self.level[index], self.shape[index])


def without_steps(weighted: Array, level: Array, steps: Array) -> Array:
    """Flux times inverse variance as it counts where steps are marginalised, shape (rows, n).

    Parameters
    ----------
    weighted : Tensor or ndarray, shape (rows, n)
        Flux times inverse variance.
    level, steps : Tensor or ndarray, shape (rows, joins, n)
        :attr:`Arms.level`, and the same times the inverse variance.
    """
    amplitude = (level * weighted[:, None]).sum(2)
    # One by one: what is 0 changes no bit.
    for j in range(steps.shape[1]):
        weighted = weighted - amplitude[:, j, None] * steps[:, j]
    return weighted


@dataclass(frozen=True, eq=False)
class Stepped:
    """Models with the steps that a spectrum has beside them.

    Attributes
    ----------
    source : Source
        What makes the models (:class:`gasnet3.solve.candidates.Source`).
    arms : Arms
        Steps of the spectra.
    flux, ivar : Tensor or ndarray, shape (rows, n)
        Prepared spectra.
    """

    source: Any
    arms: Arms
    flux: Array
    ivar: Array

    def models(self, rows: Array, shift: Array, coeff: Array, continuum: Array) -> Array:
        """Models at shifts as the observed window sees them, with the most probable steps."""
        model = self.source.models(rows, shift, coeff, continuum)
        level, weight = wide(self.arms.level[rows]), wide(self.ivar[rows])
        amplitude = (level * (weight * (wide(self.flux[rows]) - model))[:, None]).sum(2)
        return model + (amplitude[..., None] * level).sum(1)

    def of_rows(self, rows: Array) -> Stepped:
        """The models of some rows."""
        return Stepped(
            self.source.of_rows(rows), self.arms.rows(rows), self.flux[rows], self.ivar[rows]
        )


@dataclass(frozen=True, eq=False)
class Found:
    """A least-squares continuum without steps, in flux units.

    Attributes
    ----------
    coefficients : Tensor or ndarray of float64, shape (rows, terms)
        Of the polynomials.
    certainty : Tensor or ndarray of float64, shape (rows, terms, terms)
        Their inverse covariance.
    residual, ivar : Tensor or ndarray of float64, shape (rows, n)
        What it leaves of the flux, 0 where masked, and the inverse variance.
    basis : Tensor or ndarray of float64, shape (terms, n)
        The polynomials.
    """

    coefficients: Array
    certainty: Array
    residual: Array
    ivar: Array
    basis: Array

    def rows(self, index: Array) -> Found:
        """Those of the given rows."""
        return Found(
            self.coefficients[index], self.certainty[index], self.residual[index],
            self.ivar[index], self.basis,
        )  # fmt: skip


def find_arms(found: Found, value: Array, right_of: Array) -> tuple[Arms, Array]:
    """Steps of spectra, of unit norm, and the certainty of their continuum beside them.

    Parameters
    ----------
    found : Found
        Continuum of the same spectra.
    value : Tensor or ndarray of float64, shape (rows, n)
        The continuum.
    right_of : Tensor or ndarray of float64, shape (rows, joins, n)
        1/2 to the red of a join, -1/2 to the blue of it, 0 where there is none.
    """
    xp, ivar, joins = namespace(value), found.ivar, right_of.shape[1]
    step = right_of * clipped(value, 0.0)[:, None]
    cross = _products(step, ivar, found.basis[None])
    imitated = xp.linalg.solve(found.certainty, cross.swapaxes(1, 2))
    alone = step + 0.0
    for term, polynomial in enumerate(found.basis):
        alone -= imitated[:, term, :, None] * polynomial
    prior = like(value, np.eye(joins) / STEP**2)
    inside = _steady(_products(alone, ivar, alone) + prior)
    factor = xp.linalg.inv(xp.linalg.cholesky(inside))
    level = factor[:, :, :1] * alone[:, :1]
    for j in range(1, joins):
        level += factor[:, :, j, None] * alone[:, j, None]
    right = _products(found.residual[:, None], ivar, alone).swapaxes(1, 2)
    moved = (imitated * xp.linalg.solve(inside, right).swapaxes(1, 2)).sum(2)
    known = _steady(_products(step, ivar, step) + prior)
    lost = cross.swapaxes(1, 2) @ xp.linalg.solve(known, cross)
    level = xp.where((ivar > 0)[:, None], level, 0.0)
    return Arms(narrow(level), found.coefficients - moved), found.certainty - lost


def _products(first: Array, ivar: Array, second: Array) -> Array:
    """Sums over pixels of ivar times products, shape (rows, of first, of second)."""
    weighted = first * ivar[:, None]
    # One by one: the last bits of a matrix product depend on the number of rows.
    each = [(weighted * second[:, j, None]).sum(2) for j in range(second.shape[1])]
    return namespace(ivar).stack(each, 2)


def _steady(normal: Array) -> Array:
    """Normal matrices that can be factorised, though two steps are the same."""
    size = (normal * normal).sum(2).sum(1) ** 0.5
    return normal + 1e-12 * size[:, None, None] * like(normal, np.eye(normal.shape[1]))


def sides(wave: Floats, joins: Floats) -> Floats:
    """1/2 to the red of joins, -1/2 to the blue, 0 where there is none, (rows, joins, n).

    Parameters
    ----------
    wave : ndarray of float64, shape (n,)
        Wavelengths, Å.
    joins : ndarray of float64, shape (rows, joins)
        Where arms join, Å; NaN where they do not.
    """
    with np.errstate(invalid="ignore"):
        side = np.where(wave < joins[..., None], -0.5, 0.5)
    return np.where(np.isfinite(joins)[..., None], side, 0.0)
