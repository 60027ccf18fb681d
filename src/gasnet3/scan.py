"""χ² at every whole shift at once: amortised (eq. 9-10) and exact (eq. 22-26).

Both are float32 and only propose minima: at S/N 80 a float32 FFT is off by 10 in χ². What is
reported is always re-evaluated in float64 (:mod:`gasnet3.refine`). Only shifts whose whole
observed window lies on the rest lattice are scanned, so no edge needs correcting.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from scipy.fft import next_fast_len
from torch import Tensor
from torch.nn.functional import pad

from gasnet3.batching import paired, slices
from gasnet3.correlate import Correlator, correlator
from gasnet3.lattice import ShiftRange
from gasnet3.prepare import legendre_basis

RIDGE = 1e-5
"""Added to the scaled diagonal of the float32 normal equations, far above their rounding."""

POINTS = 8192
"""Normal matrices factorised together, of several spectra: more would leave the processor's
cache, fewer would not pay for the calls."""


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

    What depends on the eigenspectra alone is computed once.

    The right hand side B (eq. 26) changes from one shift to the next as fast as the lines are
    narrow. The normal matrices A (eq. 25) change only where lines cross steps in the inverse
    variance. With a ``stride`` above 1 they are computed at every ``stride``-th shift alone, of
    products of the eigenspectra and inverse variances averaged over as many pixels, and serve
    for the shifts around. Nearly all of the cost is in them.

    Attributes
    ----------
    single : Correlator
        Of the eigenspectra, at every shift.
    averaged, product : Correlator
        Of the eigenspectra and of their products, lower triangle by columns, averaged over
        ``stride`` pixels, at every ``stride``-th shift.
    basis : Tensor of float64, shape (degree + 1, n)
        Continuum polynomials.
    shifts : ShiftRange
        Shifts the eigenspectra cover.
    m, stride : int
        Number of eigenspectra; shifts that share a normal matrix.
    """

    single: Correlator
    averaged: Correlator
    product: Correlator
    basis: Tensor
    shifts: ShiftRange
    m: int
    stride: int

    @classmethod
    def build(
        cls, eigenspectra: Tensor, n: int, shifts: ShiftRange, degree: int, stride: int = 1
    ) -> ExactScan:
        """Transform eigenspectra of shape (m, N)."""
        m = len(eigenspectra)
        blocks = -(-len(shifts) // stride)
        # Windows of the last block may reach beyond the lattice; so may the last observed bin.
        rest = pad(eigenspectra.float()[None], (0, 2 * stride), mode="replicate")[0]
        j, i = torch.triu_indices(m, m)
        bins = -(-n // stride)
        return cls(
            single=correlator(rest, n, blocks * stride),
            averaged=correlator(_centred_means(rest, stride), bins, blocks),
            product=correlator(_centred_means(rest[i] * rest[j], stride), bins, blocks),
            basis=legendre_basis(n, degree, rest.device),
            shifts=shifts,
            m=m,
            stride=stride,
        )

    @property
    def scanned(self) -> Tensor:
        """Shift of every point of the curve in pixels, ascending, float64."""
        return torch.arange(self.shifts.first, self.shifts.last + 1, dtype=torch.float64)

    def scan(self, flux: Tensor, ivar: Tensor) -> Tensor:
        """χ² curves of prepared spectra, not reduced, float32, shape (rows, len(shifts))."""
        many, weights = paired(flux, ivar)
        together = max(2, min(32, POINTS * self.stride // len(self.shifts)))
        parts = [self._scan_rows(many[cut], weights[cut]) for cut in slices(len(many), together)]
        return torch.cat(parts)[: len(flux)]

    def _scan_rows(self, flux: Tensor, ivar: Tensor) -> Tensor:
        residual, continuum = _orthogonalise(self.basis, flux, ivar, self.stride)
        right = self.single((ivar * residual)[:, None])[:, 0]
        normal = self.product(_sums(ivar, self.stride)[:, None])[:, 0]
        gain = _explained(_columns(normal, self.m), self.averaged(continuum), right)
        constant = (ivar * residual**2).sum(dim=1, keepdim=True)
        return torch.flip(constant - gain[:, : len(self.shifts)], (1,))


def _sums(values: Tensor, width: int) -> Tensor:
    """Sums over ``width`` pixels, counted from the start; pixels missing at the end are 0."""
    if width == 1:
        return values
    whole = pad(values, (0, -values.shape[-1] % width))
    return whole.reshape(*values.shape[:-1], -1, width).sum(dim=-1)


def _centred_means(values: Tensor, width: int) -> Tensor:
    """Means over ``width`` pixels, so placed that a window starts amid the shifts it serves."""
    values = values[..., width // 2 :]
    whole = values.shape[-1] // width * width
    return values[..., :whole].reshape(*values.shape[:-1], -1, width).mean(dim=-1)


def _orthogonalise(basis: Tensor, flux: Tensor, ivar: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """What the continuum leaves of flux, and its weighted orthonormal polynomials, summed.

    Solving for the continuum first turns the joint problem of eigenspectra and continuum into
    one of eigenspectra alone (Schur complement), with a correction of rank degree + 1.

    Returns
    -------
    residual : Tensor of float32, shape (rows, n)
    continuum : Tensor of float32, shape (rows, degree + 1, n / width)
    """
    f, rows = flux.double(), len(flux)
    weighted = basis * ivar.double()[:, None]
    common = basis.expand(rows, -1, -1)
    normal = torch.bmm(weighted, common.transpose(1, 2))
    size = torch.diagonal(normal, dim1=1, dim2=2).mean(dim=1)
    ridge = 1e-10 * torch.where(size > 0, size, 1.0)
    eye = torch.eye(len(basis), dtype=normal.dtype, device=normal.device)
    factor, _ = torch.linalg.cholesky_ex(normal + ridge[:, None, None] * eye)
    amplitude = torch.cholesky_solve(torch.bmm(weighted, f[..., None]), factor)
    residual = f - torch.bmm(amplitude.transpose(1, 2), common)[:, 0]
    continuum = torch.linalg.solve_triangular(factor, _sums(weighted, width), upper=False)
    return residual.float(), continuum.float()


def _columns(packed: Tensor, m: int) -> list[Tensor]:
    """Columns of the lower triangle: entry i has shape (rows, m - i, blocks)."""
    edges = [i * m - i * (i - 1) // 2 for i in range(m + 1)]
    return [packed[:, edges[i] : edges[i + 1]] for i in range(m)]


def _explained(normal: list[Tensor], cross: Tensor, right: Tensor) -> Tensor:
    """bᵀ S⁻¹ b at every shift, S = A - Σ_p c_p c_pᵀ: what the best coefficients explain of χ².

    A Cholesky factorisation and a forward substitution written out over the columns, each step
    for all shifts of all rows at once: LAPACK on thousands of 10 × 10 matrices is ten times
    slower.

    Parameters
    ----------
    normal : list of Tensor, entry i of shape (rows, m - i, blocks)
        Columns of A of eq. 25, from the diagonal down.
    cross : Tensor, shape (rows, degree + 1, m, blocks)
        Correlations with the orthonormal continuum polynomials.
    right : Tensor, shape (rows, m, blocks × stride)
        B of eq. 26.

    Returns
    -------
    Tensor, shape (rows, blocks × stride)
    """
    rows, m, blocks = len(right), len(normal), normal[0].shape[2]
    # Shifts of one block in a dimension of their own: they share a factor.
    b = right.reshape(rows, m, blocks, -1).transpose(2, 3).contiguous()
    gain = torch.zeros_like(b[:, 0])
    # The continuum is as good as eliminated: its part of the factor comes first.
    factor = [cross[:, p] for p in range(cross.shape[1])]
    for i in range(m):
        column = normal[i].clone()
        ridge = RIDGE * column[:, :1]
        for known in factor:
            below = known[:, i - m :]
            column.addcmul_(below, below[:, :1], value=-1.0)
        diagonal = torch.maximum(column[:, :1] + ridge, ridge)
        scale = torch.rsqrt(diagonal.clamp(min=1e-20))
        column = column * scale
        factor.append(column)
        y = b[:, i] * scale
        gain.addcmul_(y, y)
        if i + 1 < m:
            b[:, i + 1 :].addcmul_(column[:, 1:, None], y[:, None], value=-1.0)
    return gain.transpose(1, 2).reshape(rows, -1)
