"""Preparation of spectra in NumPy: :mod:`gasnet3.solve.prepare` without torch (eq. 1-2)."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cache

import numpy as np
from numpy.polynomial.legendre import legvander
from numpy.typing import NDArray

from gasnet3.solve.limits import LARGEST_IVAR
from gasnet3.spectra.batch import Spectra
from gasnet3.spectra.coverage import MIN_GOOD

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Prepared:
    """Spectra as the networks see them: dimensionless, continuum-subtracted, masked pixels 0.

    Attributes
    ----------
    flux, ivar : ndarray of float32, shape (rows, n)
        F of eq. 2 and its inverse variance; 0 where masked.
    continuum : ndarray of float64, shape (rows, degree + 1)
        Legendre coefficients of the subtracted continuum, in flux units.
    norm : ndarray of float64, shape (rows,)
        Root mean square of eq. 2, in flux units; NaN where the row is not usable.
    usable : ndarray of bool, shape (rows,)
        See :class:`gasnet3.solve.prepare.Prepared`.
    """

    flux: Singles
    ivar: Singles
    continuum: Floats
    norm: Floats
    usable: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.flux)

    def rows(self, index: NDArray[np.int64]) -> Prepared:
        """The rows at the given places."""
        return replace(self, **{f.name: getattr(self, f.name)[index] for f in fields(self)})

    def evaluate_continuum(self) -> Floats:
        """The subtracted continuum in flux units, shape (rows, n)."""
        return _polynomial(self.continuum, self.flux.shape[1])


@cache
def legendre_basis(n: int, degree: int) -> Floats:
    """P_0 to P_degree at n evenly spaced points of [-1, 1], shape (degree + 1, n)."""
    return np.ascontiguousarray(legvander(np.linspace(-1.0, 1.0, n), degree).T)


@cache
def _basis_products(n: int, degree: int) -> Floats:
    """Products P_p·P_q for all p, q, shape (n, (degree + 1)²)."""
    basis = legendre_basis(n, degree)
    return np.ascontiguousarray((basis[:, None] * basis[None]).reshape(-1, n).T)


def prepare(spectra: Spectra, degree: int) -> Prepared:
    """Subtract a weighted Legendre continuum and normalise (eq. 1-2), for a whole batch.

    Parameters
    ----------
    spectra : Spectra
        Observed spectra.
    degree : int
        Degree of the continuum polynomial, 0 or more.
    """
    flux, ivar = np.asarray(spectra.flux, np.float64), np.asarray(spectra.ivar, np.float64)
    good = ivar > 0
    n_good = good.sum(axis=1)
    # Rows that leave the range of float64 are found below, and flagged.
    with np.errstate(over="ignore", invalid="ignore"):
        continuum = _fit_continuum(flux, ivar, degree)
        residual = np.where(good, flux - _polynomial(continuum, flux.shape[1]), 0.0)
        norm = np.sqrt((residual**2).sum(axis=1) / np.maximum(n_good, 1))
        level = np.sqrt((flux**2 * good).sum(axis=1) / np.maximum(n_good, 1))
        # A residual at the rounding of float32 is no feature: the spectrum is its continuum.
        usable = (n_good >= MIN_GOOD) & np.isfinite(norm) & (norm > 1e-6 * level)
        usable &= np.isfinite(continuum).all(axis=1)
        usable &= ivar.max(axis=1) * norm**2 < LARGEST_IVAR
        scale = np.where(usable, norm, 1.0)[:, None]
        scaled, weight = residual / scale, ivar * scale**2
    return Prepared(
        flux=np.where(usable[:, None], scaled, 0.0).astype(np.float32),
        ivar=np.where(usable[:, None], weight, 0.0).astype(np.float32),
        continuum=continuum,
        norm=np.where(usable, norm, np.nan),
        usable=usable,
    )


def _polynomial(coefficients: Floats, n: int) -> Floats:
    """Legendre series on the lattice, shape (rows, n)."""
    basis = legendre_basis(n, coefficients.shape[1] - 1)
    # Term by term: the last bits of a matrix product depend on the number of rows.
    total = coefficients[:, :1] * basis[0]
    for term in range(1, len(basis)):
        total += coefficients[:, term, None] * basis[term]
    return np.asarray(total)


def _fit_continuum(flux: Floats, ivar: Floats, degree: int) -> Floats:
    """Weighted least-squares Legendre coefficients, shape (rows, degree + 1)."""
    (rows, n), terms = flux.shape, degree + 1
    # Weights relative to the row's mean: only ratios matter, and cgs fluxes stay in range.
    mean = ivar.mean(axis=1, keepdims=True)
    weight = ivar / np.where(mean > 0, mean, 1.0)
    # One product a row: its sums do not depend on the number of rows.
    normal = (weight[:, None] @ _basis_products(n, degree)).reshape(rows, terms, terms)
    right = (weight * flux)[:, None] @ legendre_basis(n, degree).T
    # A ridge far below the data's weight keeps rows with a handful of pixels solvable.
    ridge = 1e-10 * n * np.eye(terms)
    finite = np.asarray(np.isfinite(normal).all(axis=(1, 2)) & np.isfinite(right).all(axis=(1, 2)))
    normal = np.where(finite[:, None, None], normal, 0.0) + ridge
    found = np.linalg.solve(normal, np.swapaxes(right, 1, 2))[..., 0]
    return np.where(finite[:, None], found, np.nan)
