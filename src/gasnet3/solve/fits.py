"""Least-squares fits at given shifts, whatever made them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from gasnet3.solve.arrays import Array, clipped, namespace
from gasnet3.spectra.lattice import ShiftRange

if TYPE_CHECKING:
    from jaxtyping import Float64


@dataclass(eq=False)
class Fits:
    """Least-squares fits at given shifts; every attribute has one entry a fit.

    Attributes
    ----------
    shift, chi2 : Tensor or ndarray of float64, shape (fits,)
        Shift in pixels, and χ² (not reduced), with what binds the coefficients.
    bound : Tensor or ndarray of float64, shape (fits,)
        What of ``chi2`` binds the coefficients: ωᵀ Q⁻¹ ω / α; 0 where they are free.
    step, sigma : Tensor or ndarray of float64, shape (fits,)
        Gauss-Newton step to the minimum and error of the shift, both in pixels; NaN where the
        curvature is not positive.
    bend : Tensor or ndarray of float64, shape (fits,)
        Curvature of χ², where a search has measured it, over that of Gauss-Newton; 1 elsewhere.
    coeff : Tensor or ndarray of float64, shape (fits, m)
        Coefficients of the templates.
    continuum : Tensor or ndarray of float64, shape (fits, degree + 1)
        Continuum coefficients solved with them.
    covariance : Tensor or ndarray of float64, shape (fits, m, m)
        Covariance of ``coeff``.
    """

    shift: Float64[Array, " fits"]
    chi2: Float64[Array, " fits"]
    bound: Float64[Array, " fits"]
    step: Float64[Array, " fits"]
    sigma: Float64[Array, " fits"]
    bend: Float64[Array, " fits"]
    coeff: Float64[Array, "fits m"]
    continuum: Float64[Array, "fits terms"]
    covariance: Float64[Array, "fits m m"]

    def rows(self, index: Array | slice) -> Fits:
        """The fits at the given places."""
        return Fits(*(getattr(self, f.name)[index] for f in fields(Fits)))

    def chi2_ahead(self, reach: float, shifts: ShiftRange) -> Float64[Array, " fits"]:
        """χ² to be expected one Gauss-Newton step on, of ``reach`` pixels at most.

        Parameters
        ----------
        reach : float
            Longest step in pixels.
        shifts : ShiftRange
            A step ends where they do.
        """
        xp = namespace(self.step)
        step = xp.nan_to_num(self.step, nan=0.0)
        room = xp.where(step > 0, shifts.last - self.shift, self.shift - shifts.first)
        taken = clipped(xp.minimum(abs(step), room), 0.0, reach)
        gain = taken * (2 * abs(step) - taken)
        return self.chi2 - xp.nan_to_num(gain / self.sigma**2, nan=0.0)

    def put(self, index: Array, other: Fits) -> None:
        """Replace the fits at the given places by those of ``other``."""
        for f in fields(self):
            getattr(self, f.name)[index] = getattr(other, f.name)
