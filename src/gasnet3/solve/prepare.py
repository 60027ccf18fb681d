"""Preparation of spectra for the networks: continuum, normalisation, masks (paper, eq. 1-2)."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache, cached_property

import numpy as np
import torch
from numpy.polynomial.legendre import legvander
from torch import Tensor

from gasnet3.solve import batching
from gasnet3.solve.batching import paired, slices
from gasnet3.solve.limits import LARGEST_IVAR
from gasnet3.solve.priors import Prior
from gasnet3.spectra.batch import Spectra
from gasnet3.spectra.coverage import MIN_GOOD

DEGREE = 5
"""Default degree of the continuum polynomial; 2 is the paper's other choice (section 5.1)."""

TOGETHER = 16
"""Rows worked on together on a CPU: they stay in its cache."""


@dataclass(frozen=True)
class Prepared:
    """Spectra as the networks see them: dimensionless, continuum-subtracted, masked pixels 0.

    Attributes
    ----------
    flux : Tensor of float32, shape (rows, n)
        F of eq. 2; 0 where masked.
    ivar : Tensor of float32, shape (rows, n)
        Inverse variance of ``flux``, 0 where masked.
    continuum : Tensor of float64, shape (rows, degree + 1)
        Legendre coefficients of the subtracted continuum, in flux units.
    norm : Tensor of float64, shape (rows,)
        Root mean square of eq. 2, in flux units; NaN where the row is not usable.
    usable : Tensor of bool, shape (rows,)
        Whether the row had at least ``MIN_GOOD`` good pixels, a finite, non-zero norm, and
        inverse variances that can be computed with.
    prior : Prior or None
        What is known of the redshifts beforehand.
    """

    flux: Tensor
    ivar: Tensor
    continuum: Tensor
    norm: Tensor
    usable: Tensor
    prior: Prior | None = None

    def __len__(self) -> int:
        return len(self.flux)

    def rows(self, index: Tensor) -> Prepared:
        """The rows at the given places."""
        prior = None if self.prior is None else self.prior.rows(index)
        arrays = {f.name: getattr(self, f.name)[index] for f in fields(self) if f.name != "prior"}
        return Prepared(**arrays, prior=prior)

    def penalty(self, rows: Tensor, shift: Tensor, error: float) -> Tensor:
        """What the prior adds to the χ² of fits at shifts, shape (fits,); 0 without one."""
        if self.prior is None:
            return torch.zeros_like(shift)
        return self.prior.rows(rows).penalty(shift[:, None], error)[:, 0]

    @property
    def degree(self) -> int:
        """Degree of the continuum polynomial."""
        return self.continuum.shape[1] - 1

    @cached_property
    def polynomials(self) -> Tensor:
        """Continuum polynomials, orthonormal under the row's weights, times the weights.

        The flux has no part along them: it is what a weighted least-squares continuum left.
        With them the continuum's freedom is eliminated from further fits (Schur complement).

        Returns
        -------
        Tensor of float32, shape (rows, degree + 1, n)
            0 in rows that are not usable.
        """
        basis = legendre_basis(self.flux.shape[1], self.degree, self.flux.device)
        (ivar,) = paired(self.ivar)
        together = len(ivar) if batching.on_gpu(ivar) else TOGETHER
        parts = [_orthonormal(basis, ivar[cut].double()) for cut in slices(len(ivar), together)]
        return torch.cat(parts)[: len(self)]

    def in_flux_units(self, model: Tensor) -> Tensor:
        """Undo the preparation for a model of ``flux``: ``norm·model + continuum`` (eq. 1-2).

        Parameters
        ----------
        model : Tensor, shape (rows, n)
            A dimensionless model on the observed lattice.

        Returns
        -------
        Tensor of float64, shape (rows, n)
            The model in the input's flux units; NaN in unusable rows.
        """
        return self.norm[:, None] * model.double() + self.evaluate_continuum()

    def evaluate_continuum(self) -> Tensor:
        """The subtracted continuum in flux units, float64, shape (rows, n)."""
        return _polynomial(self.continuum, self.flux.shape[1])


def _orthonormal(basis: Tensor, ivar: Tensor) -> Tensor:
    """Polynomials orthonormal under given weights, times the weights, float32."""
    weighted = basis * ivar[:, None]
    normal = torch.bmm(weighted, basis.T.expand(len(ivar), -1, -1))
    size = torch.diagonal(normal, dim1=1, dim2=2).mean(dim=1)
    ridge = 1e-10 * torch.where(size > 0, size, 1.0)
    eye = torch.eye(len(basis), dtype=normal.dtype, device=normal.device)
    factor, _ = torch.linalg.cholesky_ex(normal + ridge[:, None, None] * eye)
    return torch.linalg.solve_triangular(factor, weighted, upper=False).float()


@cache
def legendre_basis(n: int, degree: int, device: torch.device | str = "cpu") -> Tensor:
    """Legendre polynomials over the lattice, orthogonal for even weights.

    Returns
    -------
    Tensor of float64, shape (degree + 1, n)
        P_0 to P_degree at n evenly spaced points of [-1, 1].
    """
    return torch.from_numpy(legvander(np.linspace(-1.0, 1.0, n), degree).T.copy()).to(device)


@cache
def _basis_products(n: int, degree: int, device: torch.device) -> Tensor:
    """Products P_p·P_q for all p, q, shape ((degree + 1)², n)."""
    basis = legendre_basis(n, degree, device)
    return (basis[:, None] * basis[None]).reshape(-1, n)


def prepare(spectra: Spectra, degree: int = DEGREE, device: torch.device | str = "cpu") -> Prepared:
    """Subtract a weighted Legendre continuum and normalise (eq. 1-2), for a whole batch.

    The continuum is the least-squares polynomial weighted by the inverse variance, so masked
    pixels count neither in it nor in the normalisation, and reach the network as 0.

    Parameters
    ----------
    spectra : Spectra
        Observed spectra.
    degree : int
        Degree of the continuum polynomial, 0 or more.
    device : torch.device or str
        Where to compute and leave the result.

    Raises
    ------
    ValueError
        If the degree is negative.
    """
    if degree < 0:
        raise ValueError(f"the continuum degree must be 0 or more, got {degree}")
    device = torch.device(device)
    flux = torch.from_numpy(np.asarray(spectra.flux, np.float64)).to(device)
    ivar = torch.from_numpy(np.asarray(spectra.ivar, np.float64)).to(device)
    good = ivar > 0
    n_good = good.sum(dim=1)
    continuum = _fit_continuum(flux, ivar, degree)
    residual = torch.where(good, flux - _polynomial(continuum, flux.shape[1]), 0.0)
    norm = torch.sqrt((residual**2).sum(dim=1) / n_good.clamp(min=1))
    level = torch.sqrt((flux**2 * good).sum(dim=1) / n_good.clamp(min=1))
    # A residual at the rounding of float32 is no feature: the spectrum is its continuum.
    usable = (n_good >= MIN_GOOD) & torch.isfinite(norm) & (norm > 1e-6 * level)
    usable &= torch.isfinite(continuum).all(dim=1)
    usable &= (ivar.amax(dim=1) * norm**2) < LARGEST_IVAR
    scale = torch.where(usable, norm, 1.0)[:, None]
    return Prepared(
        flux=torch.where(usable[:, None], residual / scale, 0.0).float(),
        ivar=torch.where(usable[:, None], ivar * scale**2, 0.0).float(),
        continuum=continuum,
        norm=torch.where(usable, norm, torch.nan),
        usable=usable,
    )


def _polynomial(coefficients: Tensor, n: int) -> Tensor:
    """Legendre series on the lattice, shape (rows, n)."""
    basis = legendre_basis(n, coefficients.shape[1] - 1, coefficients.device)
    # Term by term: the last bits of a matrix product depend on the number of rows.
    total = coefficients[:, :1] * basis[0]
    for term in range(1, len(basis)):
        total = torch.addcmul(total, coefficients[:, term, None], basis[term])
    return total


def _fit_continuum(flux: Tensor, ivar: Tensor, degree: int) -> Tensor:
    """Weighted least-squares Legendre coefficients, shape (rows, degree + 1)."""
    n = flux.shape[1]
    basis = legendre_basis(n, degree, flux.device)
    # Weights relative to the row's mean: only ratios matter, and cgs fluxes stay in range.
    mean = ivar.mean(dim=1, keepdim=True)
    weight = ivar / torch.where(mean > 0, mean, 1.0)
    rows, terms = len(flux), degree + 1
    # bmm and not one matrix product: its sums do not depend on the number of rows.
    products = _basis_products(n, degree, flux.device).T.expand(rows, -1, -1)
    normal = torch.bmm(weight[:, None], products).reshape(rows, terms, terms)
    right = torch.bmm((weight * flux)[:, None], basis.T.expand(rows, -1, -1))[:, 0]
    # A ridge far below the data's weight keeps rows with a handful of pixels solvable.
    ridge = 1e-10 * n * torch.eye(terms, dtype=normal.dtype, device=normal.device)
    return torch.linalg.solve(normal + ridge, right)
