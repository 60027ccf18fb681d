"""Fixed models slid along the lattice to the least χ² of eq. 9, in float64.

The model is a cubic spline through its lattice pixels. Near a whole shift it is a sum of a few
B-splines with weights that depend on the fraction of a pixel alone. So the sums over pixels are
taken once, between these B-splines and the spectrum, and χ² at any fraction of a pixel is a
quadratic form of the weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gasnet3.kernels import slide as kernel
from gasnet3.kernels.library import compiled
from gasnet3.solve import batching
from gasnet3.solve.arrays import (
    Array,
    blank,
    clipped,
    contiguous,
    like,
    namespace,
    numbers,
    put,
    runs,
    whole,
    wide,
    zeros,
)
from gasnet3.solve.batching import paired, slices
from gasnet3.solve.fits import Fits
from gasnet3.solve.limits import NEWTON_STEPS, PAD, REACH, TAPS, TRIALS
from gasnet3.solve.splines import combine, spline_bends, spline_weights
from gasnet3.spectra.lattice import ShiftRange

if TYPE_CHECKING:
    from jaxtyping import Bool, Float32, Float64, Int64

CHUNK = 8
"""Fits made together on a CPU: they stay in its cache."""

GPU_CHUNK = 2048
"""Fits made together on a GPU: half a gigabyte."""


@dataclass(frozen=True, eq=False)
class FixedModels:
    """Rest-frame models as cubic splines, one a row.

    Attributes
    ----------
    spline : Tensor or ndarray of float64, shape (rows, N + 2·PAD)
        Spline coefficients (:func:`gasnet3.solve.splines.spline_coefficients`).
    shifts : ShiftRange
        Shifts the models cover.
    n : int
        Pixels of the observed window.
    """

    spline: Float64[Array, "rows rest"]
    shifts: ShiftRange
    n: int

    def windows(
        self, rows: Int64[Array, " fits"], start: Int64[Array, " fits"], width: int
    ) -> Float64[Array, "fits {width}"]:
        """Runs of spline coefficients, shape (fits, width)."""
        if batching.on_gpu(self.spline):
            index = start[:, None] + numbers(start, 0, width)
            return self.spline[rows].gather(1, index)
        each = zip(rows.tolist(), start.tolist(), strict=True)
        cut = [self.spline[row, at : at + width] for row, at in each]
        return namespace(self.spline).stack(cut) if cut else zeros(self.spline, (0, width))

    def place(self, shift: Float64[Array, " fits"]) -> Float64[Array, " fits"]:
        """Where the observed window starts on the splines."""
        return self.shifts.last + PAD - clipped(shift, self.shifts.first, self.shifts.last)

    def models(
        self,
        rows: Int64[Array, " fits"],
        shift: Float64[Array, " fits"],
        coeff: Array,
        continuum: Array,
    ) -> Float64[Array, "fits n"]:
        """Models at shifts as the observed window sees them, shape (fits, n).

        ``coeff`` and ``continuum`` change nothing: the models are fixed.
        """
        place = self.place(shift)
        start = namespace(place).floor(place)
        value, _ = spline_weights(place - start)
        return combine(self.windows(rows, whole(start) - 1, self.n + 3), value, self.n)

    def of_rows(self, rows: Array) -> FixedModels:
        """The models of some rows."""
        return FixedModels(self.spline[rows], self.shifts, self.n)


def slide(
    models: FixedModels,
    flux: Float32[Array, "batch n"],
    ivar: Float32[Array, "batch n"],
    rows: Int64[Array, " fits"],
    start: Float64[Array, " fits"],
) -> tuple[Fits, Bool[Array, " fits"]]:
    """The least χ² of fixed models within :data:`~gasnet3.solve.limits.REACH` of given shifts.

    Parameters
    ----------
    models : FixedModels
        One a spectrum.
    flux, ivar : Tensor or ndarray of float32, shape (batch, n)
        Prepared spectra.
    rows : Tensor or ndarray of int64, shape (fits,)
        Which spectrum each fit is of.
    start : Tensor or ndarray of float64, shape (fits,)
        Where to look.

    Returns
    -------
    fits : Fits
        At the minima; ``sigma`` is Gauss-Newton's, ``step`` 0, ``coeff`` 1.
    converged : Tensor or ndarray of bool
        Whether there is a minimum within reach, rather than a slope or a flat curve.
    """
    xp = namespace(start)
    low = clipped(start - REACH, models.shifts.first, models.shifts.last)
    high = clipped(start + REACH, models.shifts.first, models.shifts.last)
    found = _found_in_c if compiled(flux) else _found
    place, chi2, curvature = found(models, flux, ivar, rows, models.place(high), models.place(low))
    shift = models.shifts.last + PAD - place
    fits = Fits(
        shift=shift,
        chi2=chi2,
        bound=xp.zeros_like(chi2),
        step=xp.zeros_like(chi2),
        sigma=xp.where(curvature > 0, curvature, np.nan) ** -0.5,
        bend=xp.ones_like(chi2),
        coeff=xp.ones_like(chi2)[:, None],
        continuum=zeros(chi2, (len(chi2), 0)),
        covariance=zeros(chi2, (len(chi2), 1, 1)),
    )
    return fits, xp.isfinite(fits.sigma) & (shift > low) & (shift < high)


def _found_in_c(
    models: FixedModels, flux: Array, ivar: Array, rows: Array, low: Array, high: Array
) -> tuple[Array, ...]:
    """Place, χ² and Gauss-Newton's curvature of the minima between two bounds."""
    found = kernel.slide(
        *contiguous(models.spline, flux, ivar, rows, low, high),
        trials=int(2 * REACH * TRIALS) + 1,
        steps=NEWTON_STEPS,
    )
    return tuple(like(low, part) for part in found)


def _found(
    models: FixedModels, flux: Array, ivar: Array, rows: Array, low: Array, high: Array
) -> tuple[Array, ...]:
    """What :func:`_found_in_c` gives, on a GPU or where nothing could be compiled."""
    xp, total = namespace(low), len(rows)
    rows, low, high = paired(rows, low, high)
    # At the end of the range fewer are needed, and there are no more.
    most = models.spline.shape[1] - models.n - TAPS + 1
    first = clipped(whole(xp.floor(low)) - 1, 0, most)
    together = GPU_CHUNK if batching.on_gpu(flux) else CHUNK
    products = xp.concatenate(
        [
            _products(models, flux[rows[cut]], ivar[rows[cut]], rows[cut], first[cut])
            for cut in slices(len(rows), together)
        ]
    )
    with np.errstate(divide="ignore", invalid="ignore"):  # NumPy would tell of flat curves
        place = _least(products, first, low, high)
        chi2, _, _, curvature = (part[:, 0] for part in _chi2(products, first, place[:, None]))
    return place[:total], chi2[:total], curvature[:total]


def _products(
    models: FixedModels,
    flux: Float32[Array, "fits n"],
    ivar: Float32[Array, "fits n"],
    rows: Int64[Array, " fits"],
    first: Int64[Array, " fits"],
) -> Float64[Array, "fits taps taps"]:
    """Weighted products of the B-splines within reach, and the spectrum as the last of them."""
    xp, n = namespace(flux), flux.shape[1]
    root = xp.sqrt(wide(ivar))
    window = models.windows(rows, first, n + TAPS - 1)
    design = blank(root, (len(root), TAPS + 1, n))
    xp.multiply(runs(window, n), root[:, None], out=design[:, :TAPS])
    xp.multiply(flux, root, out=design[:, TAPS])
    return design @ design.swapaxes(1, 2)


def _chi2(
    products: Float64[Array, "fits taps taps"],
    first: Int64[Array, " fits"],
    place: Float64[Array, "fits places"],
) -> tuple[Float64[Array, "fits places"], ...]:
    """χ² at places, half its first two derivatives, and half Gauss-Newton's second one.

    All of shape (fits, places).
    """
    start = namespace(place).floor(place)
    value, slope = spline_weights(place - start)
    bend = spline_bends(place - start)
    at = clipped(whole(start) - 1 - first[:, None], 0, TAPS - 4)
    index = at[..., None] + numbers(at, 0, 4)

    def spread(weights: Array) -> Array:
        out = zeros(weights, (*place.shape, products.shape[1]))
        put(out, index, weights)
        return out

    residual, tangent, bending = spread(value), spread(slope), spread(bend)
    residual[..., -1] = -1.0
    against = residual @ products
    curvature = (tangent * (tangent @ products)).sum(-1)
    chi2, gradient = (residual * against).sum(-1), (tangent * against).sum(-1)
    return chi2, gradient, curvature + (bending * against).sum(-1), curvature


def _least(
    products: Float64[Array, "fits taps taps"],
    first: Int64[Array, " fits"],
    low: Float64[Array, " fits"],
    high: Float64[Array, " fits"],
) -> Float64[Array, " fits"]:
    """Place of the least χ² between two bounds."""
    xp, trials = namespace(low), int(2 * REACH * TRIALS) + 1
    grid = like(low, np.linspace(0.0, 1.0, trials))
    spacing = (high - low) / (trials - 1)
    best = _chi2(products, first, low[:, None] + grid * (high - low)[:, None])[0].argmin(1)
    place = low + best * spacing
    left, right = xp.maximum(place - spacing, low), xp.minimum(place + spacing, high)
    for _ in range(NEWTON_STEPS):
        _, gradient, curvature, _ = (part[:, 0] for part in _chi2(products, first, place[:, None]))
        step = xp.nan_to_num(xp.where(curvature > 0, -gradient / curvature, 0.0), nan=0.0)
        place = xp.minimum(xp.maximum(place + step, left), right)
    return place
