"""A model with what its solvers compute once, and the χ² curves it gives."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from gasnet3.nets.model import Model
from gasnet3.solve.limits import SYSTEMATIC_KM_S
from gasnet3.solve.prepare import Prepared, legendre_basis
from gasnet3.solve.priors import Prior
from gasnet3.solve.scan import EXACT, ExactScan, Frugality, scan_amortised
from gasnet3.solve.splines import Templates, spline_coefficients
from gasnet3.spectra.lattice import C_KM_S, LN10_STEP, ShiftRange, z_from_shift

FRUGAL = {
    "STAR": Frugality(step=4, share=8, average=8, stride=8),
    "GALAXY": Frugality(step=4, share=8, average=8, stride=8),
    "QSO": Frugality(step=4, share=4, average=4, stride=4),
}
"""What the hybrid saves in its scan."""

BLOCK = 32
"""Rows a network sees at once, always: results must not depend on the batch."""


@dataclass(frozen=True, eq=False)
class Curves:
    """χ² curves of one class, for pictures and proposals.

    Attributes
    ----------
    shift : Tensor of float64, shape (points,)
        Shifts in pixels, ascending.
    chi2 : Tensor, shape (rows, points)
        χ², not reduced.
    """

    shift: Tensor
    chi2: Tensor

    def to(self, device: torch.device) -> Curves:
        """The curves on a device."""
        return Curves(self.shift.to(device), self.chi2.to(device))

    def within(self, shifts: ShiftRange) -> Curves:
        """The part of the curves at some shifts."""
        inside = (self.shift >= shifts.first) & (self.shift <= shifts.last)
        return self if inside.all() else Curves(self.shift[inside], self.chi2[:, inside])

    def under(self, prior: Prior | None, error: float) -> Curves:
        """The curves with what a prior adds to them; ``error`` as in :meth:`Prior.penalty`."""
        if prior is None:
            return self
        # A minimum may be half a step from a point: a narrow prior must not pass it by.
        step = float(self.shift[1] - self.shift[0]) if len(self.shift) > 1 else 1.0
        added = prior.penalty(self.shift, error + step)
        return Curves(self.shift, self.chi2 + added.to(self.chi2.dtype))

    @property
    def z(self) -> Tensor:
        """Redshift of every point."""
        return torch.from_numpy(z_from_shift(self.shift.cpu().numpy()))


@dataclass(frozen=True, eq=False)
class Engine:
    """A model with what its solvers compute once."""

    model: Model

    @property
    def cls(self) -> str:
        """Class of the model."""
        return self.model.card.cls

    @property
    def systematic(self) -> float:
        """:data:`~gasnet3.solve.limits.SYSTEMATIC_KM_S` in pixels."""
        return SYSTEMATIC_KM_S[self.cls] / C_KM_S / LN10_STEP

    @property
    def dof(self) -> int:
        """Parameters fitted: eigenspectra and continuum (16 by default, as in the paper)."""
        spectra = self.model.eigenspectra
        return (0 if spectra is None else len(spectra)) + self.model.card.degree + 1

    @property
    def eigenspectra(self) -> Tensor:
        """Eigenspectra, shape (m, N).

        Raises
        ------
        ModelError
            If the network has none.
        """
        self.model.card.need_eigenspectra()
        spectra = self.model.eigenspectra
        assert spectra is not None
        return spectra

    @cached_property
    def templates(self) -> Templates:
        """Eigenspectra as splines, with a free continuum."""
        card = self.model.card
        basis = legendre_basis(card.n, card.degree, self.eigenspectra.device)
        return Templates.build(self.eigenspectra, card.shifts, basis)

    @cached_property
    def full_scan(self) -> ExactScan:
        """Exact scan of every shift."""
        return self._scan(EXACT)

    @cached_property
    def frugal_scan(self) -> ExactScan:
        """Exact scan whose normal matrices serve for several shifts."""
        return self._scan(FRUGAL[self.cls])

    def _scan(self, frugality: Frugality) -> ExactScan:
        card = self.model.card
        return ExactScan.build(self.eigenspectra, card.n, card.shifts, frugality)

    def reconstruct(self, prepared: Prepared) -> tuple[Tensor, Tensor]:
        """Rest-frame reconstruction (rows, N), and coefficients times amplitude (rows, m)."""
        rest, coeff = [], []
        for start in range(0, len(prepared), BLOCK):
            flux = prepared.flux[start : start + BLOCK]
            ivar = prepared.ivar[start : start + BLOCK]
            missing = (0, 0, 0, BLOCK - len(flux))
            out = self.model.reconstruct(
                torch.nn.functional.pad(flux, missing), torch.nn.functional.pad(ivar, missing)
            )
            rest.append(out.flux[: len(flux)])
            coeff.append((out.amplitude[:, None] * out.coeff)[: len(flux)])
        return torch.cat(rest), torch.cat(coeff)

    def splines(self, rest: Tensor, coeff: Tensor) -> Tensor:
        """Cubic splines through reconstructions, float64, shape (rows, N + 2·PAD)."""
        if self.model.eigenspectra is None:
            return spline_coefficients(rest)
        # The spline of a sum is the sum of the splines.
        parts = []
        for start in range(0, len(coeff), BLOCK):
            some = coeff[start : start + BLOCK].double()
            whole = torch.nn.functional.pad(some, (0, 0, 0, BLOCK - len(some)))
            parts.append((whole @ self.templates.spline)[: len(some)])
        return torch.cat(parts)

    def amortised_curves(self, rest: Tensor, prepared: Prepared) -> Curves:
        """χ² of the network's reconstruction at every shift."""
        shifts = self.model.card.shifts
        chi2 = scan_amortised(rest, prepared.flux, prepared.ivar, shifts)
        return Curves(torch.from_numpy(shifts.shifts.astype(float)).to(chi2.device), chi2)

    def exact_curves(self, scan: ExactScan, prepared: Prepared) -> Curves:
        """The least χ² at every shift of a scan."""
        chi2 = scan.scan(prepared)
        return Curves(scan.scanned.to(chi2.device), chi2)
