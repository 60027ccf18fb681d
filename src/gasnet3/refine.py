"""Chosen minima re-evaluated in float64 and followed to their sub-pixel position.

A template is a cubic spline through its lattice pixels, so the χ² of eq. 9 (or, with free
coefficients and continuum, the least χ² of eq. 22-26) is a smooth function of a shift that need
not be whole. Its minimum is found by Gauss-Newton steps: the derivative of the model with
respect to the shift is one more column of the least-squares problem, and the curvature of χ²
with every linear parameter marginalised gives the error.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
import torch
from scipy.ndimage import spline_filter1d
from torch import Tensor

from gasnet3.batching import paired, slices
from gasnet3.lattice import ShiftRange

PAD = 3
"""Spline coefficients kept beyond each end of the rest lattice, for shifts at the edge."""

CHUNK = 64
"""Model components computed together, of several fits: they stay in the processor's cache."""

RIDGE = {torch.float64: 1e-9, torch.float32: 1e-5}
"""Added to the scaled diagonal of normal matrices, above the rounding of their sums."""

MAX_STEPS = 7
"""Steps a minimum at most; two are usual."""

CONVERGED = 2e-3
"""Steps shorter than this many pixels (0.14 km/s) end the search."""

NEGLIGIBLE = 0.03
"""So do steps shorter than this fraction of the shift's error."""

LARGEST = 0.05
"""But no step longer than this many pixels is left out."""

LEAST_CURVATURE = 0.1
"""Fraction of the Gauss-Newton curvature below which a secant is not trusted."""


@dataclass(frozen=True, eq=False)
class Templates:
    """Rest-frame templates as cubic splines, with the linear freedom they have.

    Attributes
    ----------
    spline : Tensor, shape (m, N + 2·PAD) or (rows, 1, N + 2·PAD)
        Spline coefficients, of eigenspectra common to all rows or of one model a row. Their
        dtype is that of the fits: float64, but for :attr:`single`.
    basis : Tensor, shape (degree + 1, n), or None
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

    @cached_property
    def single(self) -> Templates:
        """The same in float32: for searches, at a third of the cost, and never for results."""
        basis = None if self.basis is None else self.basis.float()
        return Templates(self.spline.float(), basis, self.shifts)

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
        value, slope = _spline_weights(place - whole)
        dtype = self.spline.dtype
        return self._runs(rows, whole.long() - 1, n + 3), value.to(dtype), slope.to(dtype)

    def _runs(self, rows: Tensor, position: Tensor, width: int) -> Tensor:
        if self.basis is None:
            index = position[:, None] + torch.arange(width, device=position.device)
            return torch.gather(self.spline[rows, 0], 1, index)[:, None]
        runs = [self.spline[:, at : at + width] for at in position.tolist()]
        return torch.stack(runs) if runs else self.spline.new_zeros(0, len(self.spline), width)


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

    def chi2_ahead(self, reach: float) -> Tensor:
        """χ² to be expected one Gauss-Newton step on, of ``reach`` pixels at most."""
        step = self.step.nan_to_num(0.0)
        gain = step.abs().clamp(max=reach) * (2 * step.abs() - step.abs().clamp(max=reach))
        return self.chi2 - (gain / self.sigma**2).nan_to_num(0.0)

    def put(self, index: Tensor, other: Fits) -> None:
        """Replace the fits at the given places by those of ``other``."""
        for f in fields(self):
            values = getattr(self, f.name).clone()
            values[index] = getattr(other, f.name)
            setattr(self, f.name, values)


def fit_at(templates: Templates, flux: Tensor, ivar: Tensor, rows: Tensor, shift: Tensor) -> Fits:
    """Fit templates at given shifts, by direct sums (eq. 22-26), in the templates' dtype.

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
    free = 1 if templates.basis is None else len(templates.basis) + templates.spline.shape[0]
    cuts = slices(len(many), max(2, CHUNK // free))
    parts = [_fit_chunk(templates, flux, ivar, many[cut], shifts[cut]) for cut in cuts]
    names = [f.name for f in fields(Fits)]
    return Fits(*(torch.cat([getattr(p, name) for p in parts])[: len(rows)] for name in names))


def _fit_chunk(
    templates: Templates, flux: Tensor, ivar: Tensor, rows: Tensor, shift: Tensor
) -> Fits:
    dtype, n = templates.spline.dtype, flux.shape[1]
    f, root = flux[rows].to(dtype), ivar[rows].to(dtype).sqrt()
    shift = shift.clamp(templates.shifts.first, templates.shifts.last)
    window, value, slope = templates.windows(rows, shift, n)
    m = window.shape[1]
    if templates.basis is None:
        coeff, along = window.new_ones(len(f), 1), window
        model = _combine(along, value, n)[:, 0]
        continuum, covariance = f.new_zeros(len(f), 0), f.new_zeros(len(f), m, m)
    else:
        design = f.new_empty(len(f), m + len(templates.basis), n)
        _combine(window, value, n, out=design[:, :m])
        design[:, m:] = templates.basis
        design *= root[:, None]
        inverse = _inverse(torch.bmm(design, design.transpose(1, 2)))
        right = _times(design, root * f)
        solution = torch.bmm(inverse, right[..., None])[..., 0]
        coeff, continuum, covariance = solution[:, :m], solution[:, m:], inverse[:, :m, :m]
        along = torch.bmm(coeff[:, None].to(dtype), window)
        common = templates.basis.expand(len(f), -1, -1)
        model = torch.bmm(continuum[:, None].to(dtype), common)[:, 0]
        model += _combine(along, value, n)[:, 0]
    residual = root * (f - model)
    derivative = root * -_combine(along, slope, n)[:, 0]
    curvature = (derivative**2).sum(dim=1).double()
    if templates.basis is not None:
        # Curvature with the linear parameters marginalised: the part of the derivative that
        # they cannot imitate.
        shared = _times(design, derivative)[..., None]
        imitated = torch.bmm(shared.transpose(1, 2), torch.bmm(inverse, shared))
        curvature = curvature - imitated[:, 0, 0]
    curvature = torch.where(curvature > 0, curvature, torch.nan)
    return Fits(
        shift=shift,
        chi2=(residual**2).sum(dim=1).double(),
        step=(derivative * residual).sum(dim=1) / curvature,
        sigma=curvature**-0.5,
        coeff=coeff,
        continuum=continuum,
        covariance=covariance,
        model=model,
    )


def _times(matrices: Tensor, vectors: Tensor) -> Tensor:
    """One matrix times one vector each, float64, shape (fits, m)."""
    if matrices.is_cuda:
        return torch.bmm(matrices, vectors[..., None])[..., 0].double()
    # A batched product with vectors takes MKL ten times longer.
    out = matrices.new_empty(matrices.shape[:2])
    for row, matrix, vector in zip(out, matrices, vectors, strict=True):
        torch.mv(matrix, vector, out=row)
    return out.double()


def _inverse(normal: Tensor) -> Tensor:
    """Inverse of scaled normal matrices, float64; the ridge keeps parameters without data at 0."""
    ridge, normal = RIDGE[normal.dtype], normal.double()
    scale = torch.diagonal(normal, dim1=1, dim2=2).clamp(min=0).sqrt()
    scale = torch.where(scale > 0, scale, 1.0)
    scaled = normal / (scale[:, :, None] * scale[:, None])
    eye = torch.eye(normal.shape[1], dtype=normal.dtype, device=normal.device)
    factor, _ = torch.linalg.cholesky_ex(scaled + ridge * eye)
    return torch.cholesky_inverse(factor) / (scale[:, :, None] * scale[:, None])


def _spline_weights(u: Tensor) -> tuple[Tensor, Tensor]:
    """Weights of four cubic B-spline coefficients at fraction u, and their derivatives."""
    v = 1.0 - u
    value = torch.stack([v**3, 3 * u**3 - 6 * u**2 + 4, 3 * v**3 - 6 * v**2 + 4, u**3], dim=1)
    slope = torch.stack([-(v**2), 3 * u**2 - 4 * u, 4 * v - 3 * v**2, u**2], dim=1)
    return value / 6.0, slope / 2.0


def _combine(window: Tensor, weights: Tensor, n: int, out: Tensor | None = None) -> Tensor:
    """Σ_t weights_t · window[t : t + n], shape (rows, m, n)."""
    total = torch.mul(window[..., :n], weights[:, 0, None, None], out=out)
    for t in range(1, 4):
        total.addcmul_(window[..., t : t + n], weights[:, t, None, None])
    return total


def refine(
    templates: Templates, flux: Tensor, ivar: Tensor, rows: Tensor, begin: Fits, reach: float
) -> tuple[Fits, Tensor]:
    """Follow minima of χ² to their sub-pixel positions.

    The first step is Gauss-Newton's, later ones are secants of the gradient: where a model
    describes a spectrum badly, as at all but the best minimum, the curvature of Gauss-Newton is
    not that of χ². A fit is only ever replaced by one of lower χ².

    Parameters
    ----------
    templates, flux, ivar, rows
        See :func:`fit_at`.
    begin : Fits
        Where to begin, :func:`fit_at` of the same rows.
    reach : float
        How far in pixels a minimum may move from its start.

    Returns
    -------
    fits : Fits
        The fits at the minima.
    converged : Tensor of bool
        Whether a minimum was found within the reach, rather than a slope or a flat curve.
    """
    best = Fits(**vars(begin))
    low = (begin.shift - reach).clamp(templates.shifts.first, templates.shifts.last)
    high = (begin.shift + reach).clamp(templates.shifts.first, templates.shifts.last)
    move = best.step.nan_to_num(0.0)
    for _ in range(MAX_STEPS):
        target = torch.minimum(torch.maximum(best.shift + move, low), high)
        # Only those that move: what another row still does must not matter here.
        active = torch.nonzero((target - best.shift).abs() > _tolerance(best))[:, 0]
        if not len(active):
            break
        here = best.rows(active)
        trial = fit_at(templates, flux, ivar, rows[active], target[active])
        better = trial.chi2 <= here.chi2
        move[active] = _secant_move(here, trial, better)
        best.put(active[better], trial.rows(better))
    converged = torch.isfinite(best.sigma) & (move.abs() < 0.1 + _tolerance(best))
    # The last step is too short to be worth another evaluation, not too short to take.
    last = torch.maximum(torch.minimum(move, _tolerance(best)), -_tolerance(best))
    best.shift = torch.minimum(torch.maximum(best.shift + last, low), high)
    return best, converged


def _secant_move(here: Fits, trial: Fits, better: Tensor) -> Tensor:
    """Step from the better of two fits to where the line through their gradients is zero."""
    moved = trial.shift - here.shift
    gradient, tried = here.step / here.sigma**2, trial.step / trial.sigma**2
    curvature = (gradient - tried) / moved
    plain = torch.where(better, trial.step, 0.5 * moved)
    known = curvature * torch.where(better, trial.sigma, here.sigma) ** 2 > LEAST_CURVATURE
    secant = torch.where(better, tried, gradient) / curvature
    # A step that has led uphill has gone too far.
    limit = torch.where(better, torch.inf, 0.5 * moved.abs())
    step = torch.where(known, torch.minimum(torch.maximum(secant, -limit), limit), plain)
    return step.nan_to_num(0.0)


def _tolerance(fits: Fits) -> Tensor:
    """Steps that end the search: far below a pixel, and below the error of the shift."""
    # Where the model does not describe the spectrum to its noise, the error is as much larger.
    misfit = (fits.chi2 / fits.model.shape[1]).clamp(min=1.0).sqrt()
    return (NEGLIGIBLE * misfit * fits.sigma).nan_to_num(0.0).clamp(CONVERGED, LARGEST)
