"""Rest-frame templates as cubic splines on the lattice, seen at shifts that need not be whole."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
import torch
from scipy.ndimage import spline_filter1d
from torch import Tensor

from gasnet3.solve import batching
from gasnet3.solve.limits import PAD
from gasnet3.spectra.lattice import ShiftRange

MEMORY = 28
"""Pixels after which the filter of the spline has forgotten a value."""

LINE = 16
"""Numbers whose bytes fill whole cache lines, in single precision too."""

PHASES = 16
"""Positions within a pixel at which the searches know the templates beforehand."""


def spline_coefficients(flux: Tensor) -> Tensor:
    """Cubic spline through the pixels of rows, PAD coefficients more at each end, float64.

    The rows go on beyond their ends as in a mirror.
    """
    if batching.on_gpu(flux):
        return _filtered(flux.detach().double())
    values = flux.detach().cpu().numpy().astype(np.float64)
    coefficients = spline_filter1d(values, order=3, axis=-1, mode="mirror")
    return torch.from_numpy(np.pad(coefficients, ((0, 0), (PAD, PAD)), mode="reflect"))


def _filtered(values: Tensor) -> Tensor:
    """The same without leaving the device: the recursive filter as the convolution it stands for.

    The spline's pole decays below the rounding of float64 within :data:`MEMORY` pixels.
    """
    pole = math.sqrt(3.0) - 2.0
    place = torch.arange(-MEMORY, MEMORY + 1, dtype=values.dtype, device=values.device)
    kernel = -6.0 * pole / (1.0 - pole**2) * pole ** place.abs()
    reach = MEMORY + PAD
    longer = torch.nn.functional.pad(values[:, None], (reach, reach), mode="reflect")
    return torch.nn.functional.conv1d(longer, kernel[None, None])[:, 0]


def spline_weights(u: Tensor) -> tuple[Tensor, Tensor]:
    """Weights of four cubic B-spline coefficients at fraction u, and their derivatives."""
    v = 1.0 - u
    value = torch.stack([v**3, 3 * u**3 - 6 * u**2 + 4, 3 * v**3 - 6 * v**2 + 4, u**3], dim=-1)
    slope = torch.stack([-(v**2), 3 * u**2 - 4 * u, 4 * v - 3 * v**2, u**2], dim=-1)
    return value / 6.0, slope / 2.0


def spline_bends(u: Tensor) -> Tensor:
    """Second derivatives of the weights of :func:`spline_weights`."""
    v = 1.0 - u
    return torch.stack([v, 3 * u - 2, 3 * v - 2, u], dim=-1)


def combine(window: Tensor, weights: Tensor, n: int, out: Tensor | None = None) -> Tensor:
    """``Σ_t weights_t · window[t : t + n]`` along the last axis.

    Parameters
    ----------
    window : Tensor, shape (..., n + 3)
        Spline coefficients.
    weights : Tensor, shape (4,), or (fits, 4) for windows of shape (fits, ..., n + 3)
        See :func:`spline_weights`.
    """
    shape = (*weights.shape[:-1], *[1] * (window.ndim - weights.ndim + 1))
    total = torch.mul(window[..., :n], weights[..., 0].reshape(shape), out=out)
    for t in range(1, 4):
        total.addcmul_(window[..., t : t + n], weights[..., t].reshape(shape))
    return total


@dataclass(frozen=True, eq=False)
class Templates:
    """Eigenspectra as cubic splines, fitted together with a free continuum.

    Attributes
    ----------
    spline : Tensor, shape (m, N + 2·PAD)
        Spline coefficients. Their dtype is that of the fits: float64, but for :attr:`single`.
    basis : Tensor, shape (degree + 1, n)
        Continuum polynomials.
    shifts : ShiftRange
        Shifts the templates cover.
    grid : Tensor, shape (PHASES, m, N + 2·PAD - 3), or None
        The templates at every fraction of a pixel that there is; fits are then made at the
        nearest of these positions, not in between.
    """

    spline: Tensor
    basis: Tensor
    shifts: ShiftRange
    grid: Tensor | None = None

    @classmethod
    def build(cls, flux: Tensor, shifts: ShiftRange, basis: Tensor) -> Templates:
        """Templates from rest-frame eigenspectra, shape (m, N)."""
        return cls(spline_coefficients(flux), basis, shifts)

    @cached_property
    def single(self) -> Templates:
        """The same in float32, on a grid: for searches, at a fraction of the cost."""
        fraction = torch.arange(PHASES, dtype=torch.float64, device=self.spline.device) / PHASES
        value, _ = spline_weights(fraction)
        width = self.spline.shape[1] - 3
        phases = [combine(self.spline, weights, width).float() for weights in value]
        return Templates(self.spline.float(), self.basis.float(), self.shifts, torch.stack(phases))

    def at(self, shift: Tensor, n: int) -> Tensor:
        """Eigenspectra as seen through the observed window, float64, shape (shifts, m, n)."""
        places = Places.of(self, shift)
        return combine(places.gather(self.spline, n + 3), places.value, n)

    def models(self, rows: Tensor, shift: Tensor, coeff: Tensor, continuum: Tensor) -> Tensor:
        """Models of given parameters at shifts, as the observed window sees them.

        Parameters
        ----------
        rows : Tensor of int64, shape (fits,)
            Not looked at: the templates are the same for all spectra.
        shift : Tensor of float64, shape (fits,)
            Shifts.
        coeff, continuum : Tensor of float64, shapes (fits, m) and (fits, degree + 1)
            Amplitudes of the templates and of the continuum polynomials.

        Returns
        -------
        Tensor of float64, shape (fits, n)
        """
        places, n = Places.of(self, shift), self.basis.shape[1]
        model = combine(along(self, places, coeff, n + 3), places.value, n)
        return add_continuum(model, self.basis, continuum)

    def of_rows(self, rows: Tensor) -> Templates:
        """The templates: they are the same for all spectra."""
        return self


@dataclass(frozen=True, eq=False)
class Places:
    """Where on the templates the observed window starts, for several shifts.

    Attributes
    ----------
    shift : Tensor of float64, shape (fits,)
        The shifts, on the grid if there is one.
    start, phase : Tensor of int64, shape (fits,)
        First spline coefficient needed, and place on the grid.
    value, slope : Tensor, shape (fits, 4)
        Weights of four spline coefficients: the template, and its derivative along the lattice.
    """

    shift: Tensor
    start: Tensor
    phase: Tensor
    value: Tensor
    slope: Tensor

    @classmethod
    def of(cls, templates: Templates, shift: Tensor) -> Places:
        """Places of shifts, which are clipped to the templates' range."""
        shifts, dtype = templates.shifts, templates.spline.dtype
        origin = shifts.last + PAD
        place = origin - shift.clamp(shifts.first, shifts.last)
        if templates.grid is not None:
            place = torch.round(place * PHASES) / PHASES
        whole = torch.floor(place)
        value, slope = spline_weights(place - whole)
        phase = ((place - whole) * PHASES).long()
        return cls(origin - place, whole.long() - 1, phase, value.to(dtype), slope.to(dtype))

    def __getitem__(self, cut: slice) -> Places:
        return Places(*(getattr(self, f.name)[cut] for f in fields(Places)))

    def windows(self, values: Tensor, width: int) -> list[Tensor]:
        """Runs of ``width`` columns from each start: views, nothing is copied."""
        return [values[..., at : at + width] for at in self.start.tolist()]

    def gather(self, values: Tensor, width: int) -> Tensor:
        """The same as one tensor, shape (fits, ..., width), for devices where loops cost more."""
        at = self.start[:, None] + torch.arange(width, device=self.start.device)
        return values[..., at].movedim(-2, 0)


def along(templates: Templates, places: Places, coeff: Tensor, width: int) -> Tensor:
    """Spline coefficients of the sums of the templates, shape (fits, width)."""
    if batching.on_gpu(coeff):
        return torch.bmm(coeff[:, None], places.gather(templates.spline, width))[:, 0]
    # Every row begins a cache line: the last bits of a product depend on it.
    out = coeff.new_empty(len(coeff), -(-width // LINE) * LINE)[:, :width]
    windows = places.windows(templates.spline, width)
    for row, amplitudes, window in zip(out, coeff, windows, strict=True):
        torch.mv(window.T, amplitudes, out=row)
    return out


def add_continuum(model: Tensor, basis: Tensor, continuum: Tensor) -> Tensor:
    """Add polynomials of given amplitudes to models, in place."""
    # Term by term: the last bits of a matrix product depend on the number of rows.
    for amplitudes, polynomial in zip(continuum.T, basis, strict=True):
        model.addcmul_(amplitudes[:, None], polynomial)
    return model
