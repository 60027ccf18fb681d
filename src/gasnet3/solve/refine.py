"""Chosen minima re-evaluated in float64 and followed to their sub-pixel position.

A template is a cubic spline through its lattice pixels, so the χ² of eq. 9 (or, with free
coefficients and continuum, the least χ² of eq. 22-26) is a smooth function of a shift that need
not be whole. Its minimum is found by Gauss-Newton steps: the derivative of the model with
respect to the shift is one more column of the least-squares problem, and the curvature of χ²
with every linear parameter marginalised gives the error.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gasnet3.kernels import fit as kernel
from gasnet3.kernels.library import compiled
from gasnet3.solve import batching
from gasnet3.solve.arms import Arms
from gasnet3.solve.arrays import contiguous
from gasnet3.solve.batching import TILE, paired, slices
from gasnet3.solve.fits import Fits
from gasnet3.solve.splines import combine
from gasnet3.solve.sums import Sums
from gasnet3.solve.templates import Places, Templates, add_continuum, along

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Float64, Int64

CHUNK = 128
"""Model components computed together on a CPU, of several fits: they stay in its cache."""

GPU_CHUNK = 1 << 14
"""The same on a GPU: half a gigabyte in float64."""

RIDGE = {torch.float64: 1e-9, torch.float32: 3e-7}
"""Added to the scaled diagonal of normal matrices, above the rounding of their sums."""

MAX_STEPS = 7
"""Steps a minimum at most; two are usual."""

CONVERGED = 2e-3
"""Steps shorter than this many pixels (0.14 km/s) end the search."""

NEGLIGIBLE = 0.1
"""So do steps shorter than this fraction of the shift's error."""

LARGEST = 0.05
"""But no step longer than this many pixels is left out."""

LEAST_CURVATURE = 0.1
"""Fraction of the Gauss-Newton curvature below which a secant is not trusted."""


def fit_at(
    templates: Templates,
    flux: Float[Tensor, "batch n"],
    ivar: Float[Tensor, "batch n"],
    rows: Int64[Tensor, " fits"],
    shift: Float64[Tensor, " fits"],
    size: Float64[Tensor, " batch"] | None = None,
    arms: Arms | None = None,
) -> Fits:
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
    size : Tensor of float64, shape (batch,), optional
        α of each spectrum, to bind the coefficients by their population
        (:mod:`gasnet3.solve.population`); they are free without it.
    arms : Arms, optional
        Steps of each spectrum.
    """
    form = _fit_in_c if compiled(flux) else _fit
    return form(templates, flux, ivar, rows, shift, size, arms)


def _fit_in_c(
    templates: Templates, flux: Tensor, ivar: Tensor, rows: Tensor, shift: Tensor,
    size: Tensor | None, arms: Arms | None,
) -> Fits:  # fmt: skip
    """Fits by loops in C, one after the other."""
    m = templates.spline.shape[0]
    bound = templates.precision
    if size is None or bound is None:
        bound, size = shift.new_zeros(m, m), shift.new_ones(len(flux))
    level = flux.new_zeros(len(flux), 0, flux.shape[1]) if arms is None else arms.level
    arrays = contiguous(
        templates.spline, templates.basis, flux.float(), ivar.float(), level.float(), bound, size,
        rows, templates.place(shift),
    )  # fmt: skip
    found, coeff, covariance = kernel.fit(*arrays, ridge=RIDGE[templates.spline.dtype])
    chi2, held, step, sigma = torch.from_numpy(found.T.copy())
    both = torch.from_numpy(coeff)
    return Fits(
        shift=shift.clamp(templates.shifts.first, templates.shifts.last),
        chi2=chi2,
        bound=held,
        step=step,
        sigma=sigma,
        bend=torch.ones_like(chi2),
        coeff=both[:, :m],
        continuum=both[:, m:],
        covariance=torch.from_numpy(covariance),
    )


def _fit(
    templates: Templates, flux: Tensor, ivar: Tensor, rows: Tensor, shift: Tensor,
    size: Tensor | None, arms: Arms | None,
) -> Fits:  # fmt: skip
    """What :func:`_fit_in_c` gives, on a GPU or where nothing could be compiled."""
    many, shifts = paired(rows, shift)
    places = Places.of(templates, shifts)
    width = len(templates.basis) + templates.spline.shape[0]
    together = (GPU_CHUNK if batching.on_gpu(flux) else max(2 * width, CHUNK)) // width
    bound = None
    if size is not None and templates.precision is not None:
        bound = templates.precision / size[many, None, None]
    parts = [
        _fit_chunk(
            templates, flux[many[cut]], ivar[many[cut]], shifts[cut], places[cut],
            None if bound is None else bound[cut],
            None if arms is None else arms.level[many[cut]],
        )
        for cut in slices(len(many), together)
    ]  # fmt: skip
    names = [f.name for f in fields(Fits)]
    return Fits(*(torch.cat([getattr(p, name) for p in parts])[: len(rows)] for name in names))


def _fit_chunk(
    templates: Templates,
    flux: Tensor,
    ivar: Tensor,
    shift: Tensor,
    places: Places,
    bound: Tensor | None,
    level: Tensor | None,
) -> Fits:
    dtype, n, m = templates.spline.dtype, flux.shape[1], templates.spline.shape[0]
    f, root = flux.to(dtype), ivar.to(dtype).sqrt()
    design = _design(templates, places, root)
    sums = Sums(design, m, None if level is None else level.to(dtype) * root[:, None])
    inverse = _inverse(sums.products(m + len(templates.basis)), bound)
    right = sums.times(root * f)
    solution = torch.bmm(inverse, right[..., None])[..., 0]
    coeff, continuum = solution[:, :m], solution[:, m : m + len(templates.basis)]
    curve = along(templates, places, coeff.to(dtype), n + 3)
    model = combine(curve, places.value, n)
    add_continuum(model, templates.basis, continuum.to(dtype))
    residual = root * (f - model)
    derivative = root * -combine(curve, places.slope, n)
    # Curvature with the linear parameters marginalised: the part of the derivative that they
    # cannot imitate.
    shared = sums.times(derivative)[..., None]
    imitated = torch.bmm(shared.transpose(1, 2), torch.bmm(inverse, shared))[:, 0, 0]
    curvature = sums.product(derivative, derivative) - imitated
    curvature = torch.where(curvature > 0, curvature, torch.nan)
    held = torch.zeros_like(curvature)
    if bound is not None:
        held = (coeff * (bound * coeff[:, None]).sum(dim=2)).sum(dim=1)
    return Fits(
        shift=shift.clamp(templates.shifts.first, templates.shifts.last),
        chi2=sums.product(residual, residual) + held,
        bound=held,
        step=sums.product(derivative, residual) / curvature,
        sigma=curvature**-0.5,
        bend=torch.ones_like(curvature),
        coeff=coeff,
        continuum=continuum,
        covariance=inverse[:, :m, :m],
    )


def _design(
    templates: Templates, places: Places, root: Float[Tensor, "fits n"]
) -> Float[Tensor, "fits components n"]:
    """Templates and polynomials times the root of the inverse variance, (fits, components, n).

    Components of zeros follow up to a multiple of :data:`~gasnet3.solve.batching.TILE`.
    """
    m, n = templates.spline.shape[0], root.shape[1]
    used = m + len(templates.basis)
    design = root.new_empty(len(root), -(-used // TILE) * TILE, n)
    design[:, used:] = 0.0
    if batching.on_gpu(root):
        seen = combine(places.gather(templates.spline, n + 3), places.value, n)
        torch.mul(seen, root[:, None], out=design[:, :m])
    else:
        each = zip(places.windows(templates.spline, n + 3), places.value, strict=True)
        for out, (window, value), weight in zip(design, each, root, strict=True):
            combine(window, value, n, out=out[:m]).mul_(weight)
    torch.mul(templates.basis, root[:, None], out=design[:, m:used])
    return design


def _inverse(
    normal: Float[Tensor, "fits p p"], bound: Float64[Tensor, "fits m m"] | None = None
) -> Float64[Tensor, "fits p p"]:
    """Inverse of scaled normal matrices, float64; the ridge keeps parameters without data at 0."""
    ridge, normal = RIDGE[normal.dtype], normal.double()
    if bound is not None:
        m = bound.shape[1]
        normal[:, :m, :m] += bound
    scale = torch.diagonal(normal, dim1=1, dim2=2).clamp(min=0).sqrt()
    scale = torch.where(scale > 0, scale, 1.0)
    scaled = normal / (scale[:, :, None] * scale[:, None])
    eye = torch.eye(normal.shape[1], dtype=normal.dtype, device=normal.device)
    factor, _ = torch.linalg.cholesky_ex(scaled + ridge * eye)
    return torch.cholesky_inverse(factor) / (scale[:, :, None] * scale[:, None])


def refine(
    templates: Templates,
    flux: Float[Tensor, "batch n"],
    ivar: Float[Tensor, "batch n"],
    rows: Int64[Tensor, " fits"],
    begin: Fits,
    reach: float,
    close: float | Float64[Tensor, " fits"] = CONVERGED,
    size: Float64[Tensor, " batch"] | None = None,
    arms: Arms | None = None,
) -> tuple[Fits, Bool[Tensor, " fits"]]:
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
    close : float or Tensor of shape (fits,)
        Steps shorter than this many pixels are taken without another evaluation.
    size, arms : optional
        As in :func:`fit_at`, for which ``begin`` was made.

    Returns
    -------
    fits : Fits
        The fits at the minima.
    converged : Tensor of bool
        Whether a minimum was found within the reach, rather than a slope or a flat curve.
    """
    best, n = begin.rows(torch.arange(len(rows), device=rows.device)), flux.shape[1]
    least = torch.as_tensor(close, dtype=begin.shift.dtype, device=rows.device)
    low = (begin.shift - reach).clamp(templates.shifts.first, templates.shifts.last)
    high = (begin.shift + reach).clamp(templates.shifts.first, templates.shifts.last)
    move = (best.step / best.bend).nan_to_num(0.0)
    for _ in range(MAX_STEPS):
        target = torch.minimum(torch.maximum(best.shift + move, low), high)
        # Only those that move: what another row still does must not matter here.
        active = torch.nonzero((target - best.shift).abs() > _tolerance(best, n, least))[:, 0]
        if not len(active):
            break
        here = best.rows(active)
        trial = fit_at(templates, flux, ivar, rows[active], target[active], size, arms)
        better = trial.chi2 <= here.chi2
        best.put(active[better], trial.rows(better))
        move[active], best.bend[active] = _secant_move(here, trial, better)
    tolerance = _tolerance(best, n, least)
    converged = torch.isfinite(best.sigma) & (move.abs() < 0.1 + tolerance)
    # The last step is too short to be worth another evaluation, not too short to take.
    last = torch.maximum(torch.minimum(move, tolerance), -tolerance)
    best.shift = torch.minimum(torch.maximum(best.shift + last, low), high)
    return best, converged


def _secant_move(here: Fits, trial: Fits, better: Tensor) -> tuple[Tensor, Tensor]:
    """Step from the better of two fits to where the line through their gradients is zero.

    With it the curvature of χ² that this tells, over that of Gauss-Newton.
    """
    moved = trial.shift - here.shift
    gradient, tried = here.step / here.sigma**2, trial.step / trial.sigma**2
    curvature = (gradient - tried) / moved
    bend = curvature * torch.where(better, trial.sigma, here.sigma) ** 2
    known = bend > LEAST_CURVATURE
    # Downhill where χ² bends the wrong way, Gauss-Newton's steps are timid.
    onward = torch.where(trial.step * moved > 0, 2.0 * moved, trial.step)
    onward = torch.where(onward.abs() > trial.step.abs(), onward, trial.step)
    plain = torch.where(better, onward, 0.5 * moved)
    secant = torch.where(better, tried, gradient) / curvature
    # A step that has led uphill has gone too far.
    limit = torch.where(better, torch.inf, 0.5 * moved.abs())
    step = torch.where(known, torch.minimum(torch.maximum(secant, -limit), limit), plain)
    return step.nan_to_num(0.0), torch.where(known, bend, 1.0)


def _tolerance(fits: Fits, n: int, close: Tensor) -> Tensor:
    """Steps that end the search: far below a pixel, and below the error of the shift."""
    # Where the model does not describe the spectrum to its noise, the error is as much larger.
    misfit = (fits.chi2 / n).clamp(min=1.0).sqrt()
    enough = (NEGLIGIBLE * misfit * fits.sigma).nan_to_num(0.0)
    return torch.maximum(enough.clamp(max=LARGEST), close)
