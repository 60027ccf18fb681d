"""χ² at every whole shift at once, by FFT: amortised (eq. 9-10) and exact (eq. 22-26).

Both are float32 and only propose minima: at S/N 80 a float32 FFT is off by 10 in χ². What is
reported is always re-evaluated in float64 (:mod:`gasnet3.refine`). Only shifts whose whole
observed window lies on the rest lattice are scanned, so no edge needs correcting.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from scipy.fft import next_fast_len
from torch import Tensor

from gasnet3.batching import paired, slices
from gasnet3.lattice import ShiftRange
from gasnet3.prepare import legendre_basis

RIDGE = 1e-5
"""Added to the scaled diagonal of the float32 normal equations, far above their rounding."""

ROWS = 4
"""Spectra scanned together in the exact scan: more would leave the processor's cache."""


def scan_amortised(rest: Tensor, flux: Tensor, ivar: Tensor, shifts: ShiftRange) -> Tensor:
    """χ² of a given reconstruction at every shift (eq. 9-10), not reduced.

    ``χ²_s = Σ_i σ_i⁻² F̂²_{i+s} - 2 Σ_i F_i σ_i⁻² F̂_{i+s} + C``: two correlations, summed before
    one inverse transform.

    Parameters
    ----------
    rest : Tensor of float32, shape (rows, N)
        Rest-frame reconstruction F̂.
    flux, ivar : Tensor of float32, shape (rows, n)
        Prepared spectra.
    shifts : ShiftRange
        Shifts the rest lattice covers.

    Returns
    -------
    Tensor of float32, shape (rows, len(shifts))
        χ² by ascending shift.
    """
    length = next_fast_len(rest.shape[1], real=True)
    model, f, w = paired(rest, flux, ivar)
    data = torch.fft.rfft(torch.stack([w, -2.0 * f * w]), length)
    both = (data.conj() * torch.fft.rfft(torch.stack([model**2, model]), length)).sum(dim=0)
    curve = torch.fft.irfft(both, length)[: len(flux), : len(shifts)]
    constant = (flux**2 * ivar).sum(dim=1, keepdim=True)
    # The window starts at the red end of the rest lattice for the smallest shift.
    return torch.flip(curve, (1,)) + constant


@dataclass(frozen=True, eq=False)
class ExactScan:
    """The least χ² over all coefficients and the continuum, at every shift (eq. 22-26).

    Transforms of the eigenspectra and of their products are the same for every spectrum and
    are computed once. With ``bin_width`` b > 1, spectra and eigenspectra are first averaged
    over b pixels: b times cheaper, for broad features.

    Attributes
    ----------
    single : Tensor of complex64, shape (m, L/2 + 1)
        Transforms of the eigenspectra.
    product : Tensor of complex64, shape (m(m + 1)/2, L/2 + 1)
        Transforms of their products, lower triangle by rows.
    basis : Tensor of float64, shape (degree + 1, n / b)
        Continuum polynomials.
    shifts : ShiftRange
        Shifts the eigenspectra cover.
    bin_width, length, count : int
        Pixels averaged, length of the transforms, number of (binned) shifts.
    """

    single: Tensor
    product: Tensor
    basis: Tensor
    shifts: ShiftRange
    bin_width: int
    length: int
    count: int

    @classmethod
    def build(
        cls, eigenspectra: Tensor, n: int, shifts: ShiftRange, degree: int, bin_width: int = 1
    ) -> ExactScan:
        """Transform eigenspectra of shape (m, N).

        Raises
        ------
        ValueError
            If the observed lattice is not a whole number of bins.
        """
        if n % bin_width:
            raise ValueError(f"{n} pixels are not a whole number of bins of {bin_width}")
        rest = _binned(eigenspectra, bin_width).float()
        m, pixels = rest.shape
        length = next_fast_len(pixels, real=True)
        i, j = torch.tril_indices(m, m)
        basis = legendre_basis(n, degree, rest.device)
        return cls(
            single=torch.fft.rfft(rest, length),
            product=torch.fft.rfft(rest[i] * rest[j], length),
            basis=_binned(basis, bin_width),
            shifts=shifts,
            bin_width=bin_width,
            length=length,
            count=pixels - n // bin_width + 1,
        )

    @property
    def scanned(self) -> Tensor:
        """Shift of every point of the curve in pixels, ascending, float64, shape (count,)."""
        step = torch.arange(self.count - 1, -1, -1, dtype=torch.float64)
        return self.shifts.last - self.bin_width * step

    def scan(self, flux: Tensor, ivar: Tensor) -> Tensor:
        """χ² curves of prepared spectra, not reduced, float32, shape (rows, count)."""
        many, weights = paired(flux, ivar)
        parts = [self._scan_rows(many[cut], weights[cut]) for cut in slices(len(many), ROWS)]
        return torch.cat(parts)[: len(flux)]

    def _scan_rows(self, flux: Tensor, ivar: Tensor) -> Tensor:
        weight = _binned(ivar, self.bin_width) * self.bin_width
        value = _binned(flux * ivar, self.bin_width) * self.bin_width
        value = torch.where(weight > 0, value / weight.clamp(min=1e-30), 0.0)
        basis, residual = _orthogonalise(self.basis, value, weight)
        constant = (weight * residual**2).sum(dim=1, keepdim=True)
        a = self._correlate(weight[:, None], self.product)
        b = self._correlate((weight * residual)[:, None], self.single)
        cross = self._correlate((weight[:, None] * basis)[:, :, None], self.single[None])
        gain = _explained(_full(a, b.shape[1]), b, cross)
        return torch.flip(constant - gain, (1,))

    def _correlate(self, data: Tensor, templates: Tensor) -> Tensor:
        """Correlation of data with transformed templates at every window position."""
        spectrum = torch.fft.rfft(data, self.length).conj() * templates
        return torch.fft.irfft(spectrum, self.length)[..., : self.count]


def _binned(values: Tensor, width: int) -> Tensor:
    """Means over ``width`` pixels, counted from the start; an incomplete last bin is dropped."""
    if width == 1:
        return values
    whole = values.shape[-1] // width * width
    return values[..., :whole].reshape(*values.shape[:-1], -1, width).mean(dim=-1)


def _orthogonalise(basis: Tensor, flux: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Continuum polynomials orthonormal under each row's weights, and what they leave of flux.

    Solving for them first turns the joint problem of eigenspectra and continuum into one of
    eigenspectra alone (Schur complement), with a correction of rank degree + 1.
    """
    w, f = weight.double(), flux.double()
    rows = len(f)
    weighted = basis.expand(rows, -1, -1) * w[:, None]
    normal = torch.bmm(weighted, basis.T.expand(rows, -1, -1))
    size = torch.diagonal(normal, dim1=1, dim2=2).mean(dim=1)
    ridge = 1e-10 * torch.where(size > 0, size, 1.0)
    eye = torch.eye(len(basis), dtype=normal.dtype, device=normal.device)
    factor, _ = torch.linalg.cholesky_ex(normal + ridge[:, None, None] * eye)
    orthonormal = torch.linalg.solve_triangular(
        factor, basis.expand(rows, -1, -1).contiguous(), upper=False
    )
    amplitude = torch.bmm(orthonormal, (w * f)[..., None])
    residual = f - torch.bmm(amplitude.transpose(1, 2), orthonormal)[:, 0]
    return orthonormal.float(), residual.float()


def _full(packed: Tensor, m: int) -> list[Tensor]:
    """Rows of the lower triangle: entry j has shape (rows, j + 1, count)."""
    edges = [j * (j + 1) // 2 for j in range(m + 1)]
    return [packed[:, edges[j] : edges[j + 1]] for j in range(m)]


def _explained(normal: list[Tensor], right: Tensor, cross: Tensor) -> Tensor:
    """bᵀ S⁻¹ b at every shift, S = A - Σ_p c_p c_pᵀ: what the best coefficients explain of χ².

    A Cholesky factorisation and a forward substitution written out over j, each step for all
    shifts of all rows at once: LAPACK on thousands of 10 × 10 matrices is ten times slower.

    Parameters
    ----------
    normal : list of Tensor, entry j of shape (rows, j + 1, count)
        A of eq. 25; overwritten.
    right : Tensor, shape (rows, m, count)
        B of eq. 26.
    cross : Tensor, shape (rows, degree + 1, m, count)
        Correlations with the orthonormal continuum polynomials.
    """
    factor: list[Tensor] = []  # row j of the factor, without its diagonal
    inverse_diagonal: list[Tensor] = []
    solved: list[Tensor] = []
    gain = torch.zeros_like(right[:, 0])
    for j, row in enumerate(normal):
        ridge = RIDGE * row[:, j]
        row = row - (cross[:, :, j, None] * cross[:, :, : j + 1]).sum(dim=1)
        entries: list[Tensor] = []
        diagonal = row[:, j] + ridge
        y = right[:, j]
        for i in range(j):
            entry = row[:, i]
            for k in range(i):
                entry = torch.addcmul(entry, entries[k], factor[i][:, k], value=-1.0)
            entry = entry * inverse_diagonal[i]
            entries.append(entry)
            diagonal = torch.addcmul(diagonal, entry, entry, value=-1.0)
            y = torch.addcmul(y, entry, solved[i], value=-1.0)
        scale = torch.rsqrt(torch.maximum(diagonal, ridge).clamp(min=1e-20))
        y = y * scale
        inverse_diagonal.append(scale)
        solved.append(y)
        factor.append(torch.stack(entries, dim=1) if entries else row[:, :0])
        gain = torch.addcmul(gain, y, y)
    return gain
