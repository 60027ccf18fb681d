"""Chosen minima re-evaluated in float64 and followed to their sub-pixel position.

A template is a cubic spline through its lattice pixels, so the χ² of eq. 9 (or, with free
coefficients and continuum, the least χ² of eq. 22-26) is a smooth function of a shift that need
not be whole. Its minimum is found by Gauss-Newton steps: the derivative of the model with
respect to the shift is one more column of the least-squares problem, and the curvature of χ²
with every linear parameter marginalised gives the error.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import torch
from scipy.ndimage import spline_filter1d
from torch import Tensor

from gasnet3.batching import paired, slices
from gasnet3.lattice import ShiftRange

PAD = 3
"""Spline coefficients kept beyond each end of the rest lattice, for shifts at the edge."""

CHUNK = 4
"""Fits computed together: their matrices stay in the processor's cache."""

MAX_STEPS = 7
"""Steps a minimum at most; two are usual."""

CONVERGED = 2e-3
"""Steps shorter than this many pixels (0.14 km/s) end the search."""

NEGLIGIBLE = 0.03
"""So do steps shorter than this fraction of the shift's error."""


@dataclass(frozen=True, eq=False)
class Templates:
    """Rest-frame templates as cubic splines, with the linear freedom they have.

    Attributes
    ----------
    spline : Tensor of float64, shape (m, N + 2·PAD) or (rows, 1, N + 2·PAD)
        Spline coefficients, of eigenspectra common to all rows or of one model a row.
    basis : Tensor of float64, shape (degree + 1, n), or None
        Continuum polynomials solved for together with the coefficients; None where the
        model is taken as it is (amortised: no linear parameter is free).
    shifts : ShiftRange
        Shifts the templates cover.
    """

    spline: Tensor
    basis: Tensor | None
    shifts: ShiftRange

    @classmethod
    def build(cls, flux: Tensor, shifts: ShiftRange, basis: Tensor | None) -> Templates:
        """Templates from rest-frame fluxes: eigenspectra (m, N), or models (rows, N)."""
        values = flux.detach().cpu().numpy().astype(np.float64)
        coefficients = spline_filter1d(values, order=3, axis=-1, mode="mirror")
        padded = np.pad(coefficients, ((0, 0), (PAD, PAD)), mode="reflect")
        spline = torch.from_numpy(padded).to(flux.device)
        return cls(spline if basis is not None else spline[:, None], basis, shifts)

    def at(self, shift: Tensor, n: int) -> Tensor:
        """Eigenspectra as seen through the observed window, float64, shape (shifts, m, n)."""
        window, value, _ = self.windows(torch.zeros_like(shift).long(), shift, n)
        return _combine(window, value, n)

    def windows(self, rows: Tensor, shift: Tensor, n: int) -> tuple[Tensor, Tensor, Tensor]:
        """Spline coefficients the observed window needs, and their weights.

        Returns
        -------
        window : Tensor, shape (fits, m, n + 3)
            Coefficients.
        value, slope : Tensor, shape (fits, 4)
            Weights that combine them to the template, and to its derivative along the lattice.
        """
        place = self.shifts.last - shift + PAD
        whole = torch.floor(place)
        return (self._runs(rows, whole.long() - 1, n + 3), *_spline_weights(place - whole))

    def _runs(self, rows: Tensor, position: Tensor, width: int) -> Tensor:
        if self.basis is None:
            index = position[:, None] + torch.arange(width, device=position.device)
            return torch.gather(self.spline[rows, 0], 1, index)[:, None]
        return self.spline.unfold(1, width, 1)[:, position].transpose(0, 1)


@dataclass(eq=False)
class Fits:
    """Least-squares fits at given shifts; every attribute has one entry a fit.

    Attributes
    ----------
    shift, chi2 : Tensor of float64, shape (fits,)
        Shift in pixels, and χ² (not reduced).
    step, sigma : Tensor of float64, shape (fits,)
        Gauss-Newton step to the minimum and error of the shift, both in pixels; NaN where the
        curvature is not positive.
    coeff : Tensor of float64, shape (fits, m)
        Coefficients of the templates (1 where none are free).
    continuum : Tensor of float64, shape (fits, degree + 1)
        Continuum coefficients solved with them (0 columns where none are free).
    covariance : Tensor of float64, shape (fits, m, m)
        Covariance of ``coeff`` (0 where none are free).
    model : Tensor of float64, shape (fits, n)
        Model of the prepared flux, continuum part included.
    """

    shift: Tensor
    chi2: Tensor
    step: Tensor
    sigma: Tensor
    coeff: Tensor
    continuum: Tensor
    covariance: Tensor
    model: Tensor

    def rows(self, index: Tensor) -> Fits:
        """The fits at the given places."""
        return Fits(*(getattr(self, f.name)[index] for f in fields(Fits)))

    def put(self, index: Tensor, other: Fits) -> None:
        """Replace the fits at the given places by those of ``other``."""
        for f in fields(self):
            values = getattr(self, f.name).clone()
            values[index] = getattr(other, f.name)
            setattr(self, f.name, values)


def fit_at(templates: Templates, flux: Tensor, ivar: Tensor, rows: Tensor, shift: Tensor) -> Fits:
    """Fit templates at given shifts, in float64 and by direct sums (eq. 22-26).

    Parameters
    ----------
    templates : Templates
        What to fit.
    flux, ivar : Tensor, shape (batch, n)
        Prepared spectra.
    rows : Tensor of int64, shape (fits,)
        Which spectrum each fit is of.
    shift : Tensor of float64, shape (fits,)
        Shift of each fit, clipped to the templates' range.
    """
    many, shifts = paired(rows, shift)
    cuts = slices(len(many), CHUNK)
    parts = [_fit_chunk(templates, flux, ivar, many[cut], shifts[cut]) for cut in cuts]
    names = [f.name for f in fields(Fits)]
    return Fits(*(torch.cat([getattr(p, name) for p in parts])[: len(rows)] for name in names))


def _fit_chunk(
    templates: Templates, flux: Tensor, ivar: Tensor, rows: Tensor, shift: Tensor
) -> Fits:
    f, w = flux[rows].double(), ivar[rows].double()
    n = f.shape[1]
    shift = shift.clamp(templates.shifts.first, templates.shifts.last)
    window, value, slope = templates.windows(rows, shift, n)
    shape = _combine(window, value, n)
    if templates.basis is None:
        model, coeff = shape[:, 0], torch.ones_like(shift)[:, None]
        derivative = -_combine(window, slope, n)[:, 0]
        weighted = f.new_zeros(len(f), 0, n)
        inverse = f.new_zeros(len(f), 0, 0)
    else:
        design = torch.cat([shape, templates.basis.expand(len(f), -1, -1)], dim=1)
        weighted = design * w[:, None]
        normal = torch.bmm(weighted, design.transpose(1, 2))
        inverse = _inverse(normal)
        solution = torch.bmm(inverse, torch.bmm(weighted, f[..., None]))
        model = torch.bmm(solution.transpose(1, 2), design)[:, 0]
        coeff = solution[:, : shape.shape[1], 0]
        along = torch.bmm(coeff[:, None], window)
        derivative = -_combine(along, slope, n)[:, 0]
    residual = f - model
    chi2 = (w * residual**2).sum(dim=1)
    wd = w * derivative
    # Curvature with the linear parameters marginalised: the part of the derivative that they
    # cannot imitate.
    shared = torch.bmm(weighted, derivative[..., None])
    curvature = (wd * derivative).sum(dim=1)
    curvature = curvature - torch.bmm(shared.transpose(1, 2), torch.bmm(inverse, shared))[:, 0, 0]
    usable = curvature > 0
    curvature = torch.where(usable, curvature, torch.nan)
    m = shape.shape[1]
    free = templates.basis is not None
    return Fits(
        shift=shift,
        chi2=chi2,
        step=(wd * residual).sum(dim=1) / curvature,
        sigma=curvature**-0.5,
        coeff=coeff,
        continuum=solution[:, m:, 0] if free else f.new_zeros(len(f), 0),
        covariance=inverse[:, :m, :m] if free else f.new_zeros(len(f), m, m),
        model=model,
    )


def _inverse(normal: Tensor) -> Tensor:
    """Inverse of scaled normal matrices; a tiny ridge keeps parameters without data at 0."""
    scale = torch.diagonal(normal, dim1=1, dim2=2).clamp(min=0).sqrt()
    scale = torch.where(scale > 0, scale, 1.0)
    scaled = normal / (scale[:, :, None] * scale[:, None])
    eye = torch.eye(normal.shape[1], dtype=normal.dtype, device=normal.device)
    factor, _ = torch.linalg.cholesky_ex(scaled + 1e-9 * eye)
    return torch.cholesky_inverse(factor) / (scale[:, :, None] * scale[:, None])


def _spline_weights(u: Tensor) -> tuple[Tensor, Tensor]:
    """Weights of four cubic B-spline coefficients at fraction u, and their derivatives."""
    v = 1.0 - u
    value = torch.stack([v**3, 3 * u**3 - 6 * u**2 + 4, 3 * v**3 - 6 * v**2 + 4, u**3], dim=1)
    slope = torch.stack([-(v**2), 3 * u**2 - 4 * u, 4 * v - 3 * v**2, u**2], dim=1)
    return value / 6.0, slope / 2.0


def _combine(window: Tensor, weights: Tensor, n: int) -> Tensor:
    """Σ_t weights_t · window[t : t + n], shape (rows, m, n)."""
    total = window[..., :n] * weights[:, 0, None, None]
    for t in range(1, 4):
        total = torch.addcmul(total, window[..., t : t + n], weights[:, t, None, None])
    return total


def refine(
    templates: Templates, flux: Tensor, ivar: Tensor, rows: Tensor, begin: Fits, reach: float
) -> tuple[Fits, Tensor]:
    """Follow minima of χ² to their sub-pixel positions.

    Gauss-Newton with step halving: a fit is only ever replaced by one of lower χ².

    Parameters
    ----------
    templates, flux, ivar, rows
        See :func:`fit_at`.
    begin : Fits
        Where to begin, :func:`fit_at` of the same rows.
    reach : float
        Farthest a minimum may move from where it began, in pixels.

    Returns
    -------
    fits : Fits
        The best fit found for each minimum.
    converged : Tensor of bool, shape (fits,)
        False where the curvature is not positive or the search ran into its reach.
    """
    best = Fits(**vars(begin))
    low = (begin.shift - reach).clamp(min=templates.shifts.first)
    high = (begin.shift + reach).clamp(max=templates.shifts.last)
    factor = torch.ones_like(low)
    for _ in range(MAX_STEPS):
        move = (best.step.clamp(-1.0, 1.0) * factor).nan_to_num(0.0)
        target = torch.minimum(torch.maximum(best.shift + move, low), high)
        active = torch.nonzero((target - best.shift).abs() > _tolerance(best))[:, 0]
        if not len(active):
            break
        trial = fit_at(templates, flux, ivar, rows[active], target[active])
        better = trial.chi2 <= best.chi2[active]
        # Only of those that were tried: what another row still does must not matter here.
        factor[active] = torch.where(better, 1.0, 0.5 * factor[active])
        best.put(active[better], trial.rows(better))
    converged = torch.isfinite(best.sigma) & ((best.step * factor).abs() < 0.1 + _tolerance(best))
    # The last step is too short to be worth another evaluation, not too short to take.
    last = torch.maximum(torch.minimum(best.step, _tolerance(best)), -_tolerance(best))
    best.shift = torch.minimum(torch.maximum(best.shift + last.nan_to_num(0.0), low), high)
    return best, converged


def look_around(
    templates: Templates, flux: Tensor, ivar: Tensor, rows: Tensor, begin: Fits, pixels: int
) -> Fits:
    """The best of the fits at whole pixels around given ones, those included.

    Parameters
    ----------
    templates, flux, ivar, rows, begin
        See :func:`refine`.
    pixels : int
        How far to look on either side.
    """
    offset = torch.arange(-pixels, pixels + 1, dtype=torch.float64, device=begin.shift.device)
    offset = offset[offset != 0]
    shift = (begin.shift[:, None] + offset).reshape(-1)
    tried = fit_at(templates, flux, ivar, rows.repeat_interleave(len(offset)), shift)
    chi2, best = tried.chi2.reshape(-1, len(offset)).min(dim=1)
    best = best + len(offset) * torch.arange(len(rows), device=best.device)
    better = chi2 < begin.chi2
    out = Fits(**vars(begin))
    out.put(better, tried.rows(best[better]))
    return out


def _tolerance(fits: Fits) -> Tensor:
    """Steps that end the search: far below a pixel, and below the error of the shift."""
    return (NEGLIGIBLE * fits.sigma).nan_to_num(0.0).clamp(min=CONVERGED)
