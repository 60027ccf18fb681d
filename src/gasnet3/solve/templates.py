"""Rest-frame templates as cubic splines on the lattice, seen at shifts that need not be whole."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gasnet3.solve import batching
from gasnet3.solve.limits import PAD
from gasnet3.solve.splines import combine, spline_coefficients, spline_weights
from gasnet3.spectra.lattice import ShiftRange

if TYPE_CHECKING:
    from jaxtyping import Float, Float64, Int64

LINE = 16
"""Numbers whose bytes fill whole cache lines, in single precision too."""


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
    precision : Tensor of float64, shape (m, m), or None
        Q⁻¹ of the population of the coefficients, where it is known.
    """

    spline: Float[Tensor, "m rest"]
    basis: Float[Tensor, "terms n"]
    shifts: ShiftRange
    precision: Float64[Tensor, "m m"] | None = None

    @classmethod
    def build(cls, flux: Tensor, shifts: ShiftRange, basis: Tensor) -> Templates:
        """Templates from rest-frame eigenspectra, shape (m, N)."""
        return cls(spline_coefficients(flux), basis, shifts)

    @cached_property
    def single(self) -> Templates:
        """The same in float32: for searches, at a fraction of the cost."""
        spline, basis = self.spline.float(), self.basis.float()
        return Templates(spline, basis, self.shifts, self.precision)

    def place(self, shift: Float64[Tensor, " fits"]) -> Float64[Tensor, " fits"]:
        """Where on the splines the observed window starts, within the templates' range."""
        return self.shifts.last + PAD - shift.clamp(self.shifts.first, self.shifts.last)

    def at(self, shift: Float64[Tensor, " shifts"], n: int) -> Float[Tensor, "shifts m {n}"]:
        """Eigenspectra as seen through the observed window, float64, shape (shifts, m, n)."""
        places = Places.of(self, shift)
        return combine(places.gather(self.spline, n + 3), places.value, n)

    def models(
        self,
        rows: Int64[Tensor, " fits"],
        shift: Float64[Tensor, " fits"],
        coeff: Float64[Tensor, "fits m"],
        continuum: Float64[Tensor, "fits terms"],
    ) -> Float64[Tensor, "fits n"]:
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
    start : Tensor of int64, shape (fits,)
        First spline coefficient needed.
    value, slope : Tensor, shape (fits, 4)
        Weights of four spline coefficients: the template, and its derivative along the lattice.
    """

    start: Int64[Tensor, " fits"]
    value: Float[Tensor, "fits 4"]
    slope: Float[Tensor, "fits 4"]

    @classmethod
    def of(cls, templates: Templates, shift: Tensor) -> Places:
        """Places of shifts, which are clipped to the templates' range."""
        place, dtype = templates.place(shift), templates.spline.dtype
        whole = torch.floor(place)
        value, slope = spline_weights(place - whole)
        return cls(whole.long() - 1, value.to(dtype), slope.to(dtype))

    def __getitem__(self, cut: slice) -> Places:
        return Places(*(getattr(self, f.name)[cut] for f in fields(Places)))

    def windows(self, values: Tensor, width: int) -> list[Tensor]:
        """Runs of ``width`` columns from each start: views, nothing is copied."""
        return [values[..., at : at + width] for at in self.start.tolist()]

    def gather(self, values: Tensor, width: int) -> Tensor:
        """The same as one tensor, shape (fits, ..., width), for devices where loops cost more."""
        at = self.start[:, None] + torch.arange(width, device=self.start.device)
        return values[..., at].movedim(-2, 0)


def along(
    templates: Templates, places: Places, coeff: Float[Tensor, "fits m"], width: int
) -> Float[Tensor, "fits {width}"]:
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
