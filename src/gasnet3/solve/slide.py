"""Fixed models slid along the lattice to the least χ² of eq. 9, in float64.

The model is a cubic spline through its lattice pixels. Near a whole shift it is a sum of a few
B-splines with weights that depend on the fraction of a pixel alone. So the sums over pixels are
taken once, between these B-splines and the spectrum, and χ² at any fraction of a pixel is a
quadratic form of the weights.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gasnet3.solve import batching
from gasnet3.solve.batching import paired, slices
from gasnet3.solve.limits import NEWTON_STEPS, PAD, REACH, TAPS, TRIALS
from gasnet3.solve.refine import Fits
from gasnet3.solve.splines import combine, spline_bends, spline_weights
from gasnet3.spectra.lattice import ShiftRange

CHUNK = 8
"""Fits made together on a CPU: they stay in its cache."""

GPU_CHUNK = 2048
"""Fits made together on a GPU: half a gigabyte."""


@dataclass(frozen=True, eq=False)
class Models:
    """Rest-frame models as cubic splines, one a row.

    Attributes
    ----------
    spline : Tensor of float64, shape (rows, N + 2·PAD)
        Spline coefficients (:func:`gasnet3.solve.splines.spline_coefficients`).
    shifts : ShiftRange
        Shifts the models cover.
    n : int
        Pixels of the observed window.
    """

    spline: Tensor
    shifts: ShiftRange
    n: int

    def windows(self, rows: Tensor, start: Tensor, width: int) -> Tensor:
        """Runs of spline coefficients, shape (fits, width)."""
        if batching.on_gpu(self.spline):
            index = start[:, None] + torch.arange(width, device=start.device)
            return torch.gather(self.spline[rows], 1, index)
        places = zip(rows.tolist(), start.tolist(), strict=True)
        runs = [self.spline[row, at : at + width] for row, at in places]
        return torch.stack(runs) if runs else self.spline.new_zeros(0, width)

    def place(self, shift: Tensor) -> Tensor:
        """Where the observed window starts on the splines."""
        return self.shifts.last + PAD - shift.clamp(self.shifts.first, self.shifts.last)

    def models(self, rows: Tensor, shift: Tensor, coeff: Tensor, continuum: Tensor) -> Tensor:
        """Models at shifts as the observed window sees them, shape (fits, n).

        ``coeff`` and ``continuum`` change nothing: the models are fixed.
        """
        place = self.place(shift)
        whole = torch.floor(place)
        value, _ = spline_weights(place - whole)
        return combine(self.windows(rows, whole.long() - 1, self.n + 3), value, self.n)

    def of_rows(self, rows: Tensor) -> Models:
        """The models of some rows."""
        return Models(self.spline[rows], self.shifts, self.n)


def slide(
    models: Models, flux: Tensor, ivar: Tensor, rows: Tensor, start: Tensor
) -> tuple[Fits, Tensor]:
    """The least χ² of fixed models within :data:`~gasnet3.solve.limits.REACH` of given shifts.

    Parameters
    ----------
    models : Models
        One a spectrum.
    flux, ivar : Tensor, shape (batch, n)
        Prepared spectra.
    rows : Tensor of int64, shape (fits,)
        Which spectrum each fit is of.
    start : Tensor of float64, shape (fits,)
        Where to look.

    Returns
    -------
    fits : Fits
        At the minima; ``sigma`` is Gauss-Newton's, ``step`` 0, ``coeff`` 1.
    converged : Tensor of bool
        Whether there is a minimum within reach, rather than a slope or a flat curve.
    """
    total = len(rows)
    rows, start = paired(rows, start)
    low = (start - REACH).clamp(models.shifts.first, models.shifts.last)
    high = (start + REACH).clamp(models.shifts.first, models.shifts.last)
    # At the end of the range fewer are needed, and there are no more.
    most = models.spline.shape[1] - models.n - TAPS + 1
    first = (torch.floor(models.place(high)).long() - 1).clamp(0, most)
    together = GPU_CHUNK if batching.on_gpu(flux) else CHUNK
    products = torch.cat(
        [
            _products(models, flux[rows[cut]], ivar[rows[cut]], rows[cut], first[cut])
            for cut in slices(len(rows), together)
        ]
    )
    place = _least(products, first, models.place(high), models.place(low))
    shift = models.shifts.last + PAD - place
    chi2, _, _, curvature = (part[:, 0] for part in _chi2(products, first, place[:, None]))
    fits = Fits(
        shift=shift,
        chi2=chi2,
        step=torch.zeros_like(chi2),
        sigma=torch.where(curvature > 0, curvature, torch.nan) ** -0.5,
        bend=torch.ones_like(chi2),
        coeff=torch.ones_like(chi2)[:, None],
        continuum=chi2.new_zeros(len(chi2), 0),
        covariance=chi2.new_zeros(len(chi2), 1, 1),
    )
    converged = torch.isfinite(fits.sigma) & (shift > low) & (shift < high)
    return fits.rows(slice(total)), converged[:total]


def _products(models: Models, flux: Tensor, ivar: Tensor, rows: Tensor, first: Tensor) -> Tensor:
    """Weighted products of the B-splines within reach, and the spectrum as the last of them."""
    n = flux.shape[1]
    root = ivar.double().sqrt()
    window = models.windows(rows, first, n + TAPS - 1)
    design = root.new_empty(len(root), TAPS + 1, n)
    torch.mul(window.unfold(1, n, 1), root[:, None], out=design[:, :TAPS])
    torch.mul(flux, root, out=design[:, TAPS])
    return torch.bmm(design, design.transpose(1, 2))


def _chi2(products: Tensor, first: Tensor, place: Tensor) -> tuple[Tensor, ...]:
    """χ² at places, half its first two derivatives, and half Gauss-Newton's second one.

    All of shape (fits, places).
    """
    whole = torch.floor(place)
    value, slope = spline_weights(place - whole)
    bend = spline_bends(place - whole)
    at = (whole.long() - 1 - first[:, None]).clamp(0, TAPS - 4)
    index = at[..., None] + torch.arange(4, device=place.device)

    def spread(weights: Tensor) -> Tensor:
        empty = weights.new_zeros(*place.shape, products.shape[1])
        return empty.scatter_(2, index, weights)

    residual, tangent, bending = spread(value), spread(slope), spread(bend)
    residual[..., -1] = -1.0
    against = torch.bmm(residual, products)
    curvature = (tangent * torch.bmm(tangent, products)).sum(dim=-1)
    chi2, gradient = (residual * against).sum(dim=-1), (tangent * against).sum(dim=-1)
    return chi2, gradient, curvature + (bending * against).sum(dim=-1), curvature


def _least(products: Tensor, first: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Place of the least χ² between two bounds."""
    trials = int(2 * REACH * TRIALS) + 1
    grid = torch.linspace(0.0, 1.0, trials, dtype=low.dtype, device=low.device)
    spacing = (high - low) / (trials - 1)
    best = _chi2(products, first, low[:, None] + grid * (high - low)[:, None])[0].argmin(dim=1)
    place = low + best * spacing
    left, right = torch.maximum(place - spacing, low), torch.minimum(place + spacing, high)
    for _ in range(NEWTON_STEPS):
        _, gradient, curvature, _ = (part[:, 0] for part in _chi2(products, first, place[:, None]))
        step = torch.where(curvature > 0, -gradient / curvature, 0.0).nan_to_num(0.0)
        place = torch.minimum(torch.maximum(place + step, left), right)
    return place
