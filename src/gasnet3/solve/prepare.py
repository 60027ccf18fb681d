"""Preparation of spectra for the networks: continuum, normalisation, masks (paper, eq. 1-2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.polynomial.legendre import legvander

from gasnet3.machine.typing import Floats
from gasnet3.solve import batching
from gasnet3.solve.arms import Arms, Found, find_arms, sides
from gasnet3.solve.arrays import (
    Array,
    Device,
    add_product,
    as_numpy,
    clipped,
    like,
    namespace,
    narrow,
    placed,
    places,
    wide,
    widened,
    zeros,
)
from gasnet3.solve.batching import paired, slices
from gasnet3.solve.limits import LARGEST_IVAR
from gasnet3.solve.population import signal_size
from gasnet3.solve.priors import Prior
from gasnet3.spectra.batch import Spectra
from gasnet3.spectra.coverage import MIN_GOOD
from gasnet3.spectra.lattice import OBSERVED, LogLattice

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Float32, Float64, Int64

DEGREE = 5
"""Default degree of the continuum polynomial; 2 is the paper's other choice (section 5.1)."""

NO_POLYNOMIAL = -1
"""Degree of what has a continuum of its own: one polynomial stands there, which is 0."""

TOGETHER = 16
"""Rows worked on together on a CPU: they stay in its cache."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """Spectra as the networks see them: dimensionless, continuum-subtracted, masked pixels 0.

    Attributes
    ----------
    flux : Tensor or ndarray of float32, shape (rows, n)
        F of eq. 2; 0 where masked.
    ivar : Tensor or ndarray of float32, shape (rows, n)
        Inverse variance of ``flux``, 0 where masked.
    continuum : Tensor or ndarray of float64, shape (rows, degree + 1)
        Coefficients of the subtracted continuum (:func:`legendre_basis`), in flux units.
    norm : Tensor or ndarray of float64, shape (rows,)
        Root mean square of eq. 2, in flux units; NaN where the row is not usable.
    usable : Tensor or ndarray of bool, shape (rows,)
        Whether the row had at least ``MIN_GOOD`` good pixels, a finite, non-zero norm, and
        inverse variances that can be computed with.
    certainty : Tensor or ndarray of float64, shape (rows, degree + 1, degree + 1)
        Inverse covariance of :attr:`shape` over the norm, less the ridge.
    size : Tensor or ndarray of float64, shape (rows,)
        Share of the signal in the variance of ``flux`` (:mod:`gasnet3.solve.population`).
    lattice : LogLattice
        Observed lattice.
    degree : int
        Degree of the continuum polynomial.
    prior : Prior or None
        What is known of the redshifts beforehand.
    arms : Arms or None
        What is known of steps where arms join; None where no row has any.
    """

    flux: Float32[Array, "rows n"]
    ivar: Float32[Array, "rows n"]
    continuum: Float64[Array, "rows terms"]
    norm: Float64[Array, " rows"]
    usable: Bool[Array, " rows"]
    certainty: Float64[Array, "rows terms terms"]
    size: Float64[Array, " rows"]
    lattice: LogLattice
    degree: int = DEGREE
    prior: Prior | None = None
    arms: Arms | None = None
    _known: dict[Any, Any] = field(default_factory=dict, init=False, repr=False)

    def __len__(self) -> int:
        return len(self.flux)

    def knows(self, key: object) -> bool:
        """Whether :meth:`once` has made something of these spectra."""
        return key in self._known

    def once(self, key: object, make: Callable[[], Any]) -> Any:
        """What is made of these spectra by something, made when it is first asked for."""
        if key not in self._known:
            self._known[key] = make()
        return self._known[key]

    def rows(self, index: Array) -> Prepared:
        """The rows at the given places."""
        prior = None if self.prior is None else self.prior.rows(index)
        arms = None if self.arms is None else self.arms.rows(index)
        apart = ("lattice", "degree", "prior", "arms")
        names = [f.name for f in fields(self) if f.init and f.name not in apart]
        arrays: dict[str, Any] = {name: getattr(self, name)[index] for name in names}
        return replace(self, **arrays, prior=prior, arms=arms)

    def penalty(
        self, rows: Int64[Array, " fits"], shift: Float64[Array, " fits"], error: float
    ) -> Float64[Array, " fits"]:
        """What the prior adds to the χ² of fits at shifts, shape (fits,); 0 without one."""
        if self.prior is None:
            return namespace(shift).zeros_like(shift)
        return self.prior.rows(rows).penalty(shift[:, None], error)[:, 0]

    @property
    def shape(self) -> Float64[Array, "rows terms"]:
        """Coefficients of the continuum, in flux units; where arms join, beside the steps."""
        return self.continuum if self.arms is None else self.arms.shape

    def weights(self, width: int) -> Float32[Array, "rows weights bins"]:
        """Sums over some pixels of what spectra are correlated with, computed once. Of tensors.

        Parameters
        ----------
        width : int
            Pixels summed, counted from the start; those missing at the end are 0.

        Returns
        -------
        Tensor of float32, shape (rows, 1 + degree + 1 + joins, bins)
            The inverse variance; the continuum polynomials, orthonormal under it, times it, of
            which the flux has no part: it is what a weighted least-squares continuum left; and
            the steps of the arms times it. With the latter two their freedom is eliminated from
            further fits (Schur complement). 0 in rows that are not usable.
        """
        return self.once(("weights", width), partial(self._summed_weights, width))

    def _summed_weights(self, width: int) -> Array:
        basis = legendre_basis(self.lattice, self.degree, self.flux.device)
        levels = () if self.arms is None else (self.arms.level,)
        arrays = paired(self.ivar, *levels)
        rows = len(arrays[0])
        cuts = slices(rows, rows if batching.on_gpu(self.ivar) else TOGETHER)
        parts = [_weights(basis, width, *(one[cut] for one in arrays)) for cut in cuts]
        return namespace(self.ivar).concatenate(parts)[: len(self)]

    def in_flux_units(self, model: Float[Array, "rows n"]) -> Float64[Array, "rows n"]:
        """Undo the preparation for a model of ``flux``: ``norm·model + continuum`` (eq. 1-2).

        Parameters
        ----------
        model : Tensor or ndarray, shape (rows, n)
            A dimensionless model on the observed lattice.

        Returns
        -------
        Tensor or ndarray of float64, shape (rows, n)
            The model in the input's flux units; NaN in unusable rows.
        """
        return self.norm[:, None] * wide(model) + self.evaluate_continuum()

    def evaluate_continuum(self) -> Float64[Array, "rows n"]:
        """The subtracted continuum in flux units, float64, shape (rows, n)."""
        return _polynomial(self.continuum, self.lattice)


def _weights(basis: Array, width: int, ivar: Array, level: Array | None = None) -> Array:
    """Sums over pixels of the inverse variance and what is to be eliminated, float32."""
    torch = namespace(basis)
    weighted = basis * wide(ivar)[:, None]
    normal = torch.bmm(weighted, basis.T.expand(len(ivar), -1, -1))
    size = torch.diagonal(normal, dim1=1, dim2=2).mean(dim=1)
    ridge = 1e-10 * torch.where(size > 0, size, 1.0)
    eye = torch.eye(len(basis), dtype=normal.dtype, device=normal.device)
    factor, _ = torch.linalg.cholesky_ex(normal + ridge[:, None, None] * eye)
    summed = _sums(weighted, width)
    orthonormal = torch.linalg.solve_triangular(factor, summed, upper=False)
    steps = () if level is None else (_sums(level * ivar[:, None], width),)
    return torch.cat([_sums(ivar[:, None], width), orthonormal.float(), *steps], dim=1)


def _sums(values: Array, width: int) -> Array:
    """Sums over ``width`` pixels, counted from the start; pixels missing at the end are 0."""
    if width == 1:
        return values
    padded = widened(values, 0, -values.shape[-1] % width)
    return padded.reshape(*values.shape[:-1], -1, width).sum(-1)


@cache
def legendre_basis(
    lattice: LogLattice, degree: int, device: Device = "cpu"
) -> Float64[Array, "terms {lattice.n}"]:
    """Legendre polynomials over the lattice, or over the paper's where that is a part of it.

    So the coefficients of a spectrum, its level among them, mean the same on every lattice that
    has the paper's: what nobody observed at the ends does not enter them.

    Returns
    -------
    Tensor or ndarray of float64, shape (degree + 1, n)
        P_0 to P_degree at evenly spaced points, from -1 to 1 within 3600 to 9200 Å; an array where
        no device is named. One of zeros for :data:`NO_POLYNOMIAL`.
    """
    if degree == NO_POLYNOMIAL:
        return placed(np.zeros((1, lattice.n)), device)
    core = OBSERVED if lattice.holds(OBSERVED) else lattice
    half = max(core.n - 1, 1) / 2.0
    first, last = ((k - core.k_min) / half - 1.0 for k in (lattice.k_min, lattice.k_max))
    return placed(legvander(np.linspace(first, last, lattice.n), degree).T.copy(), device)


@cache
def _basis_products(lattice: LogLattice, degree: int, device: Device) -> Array:
    """Products P_p·P_q for all p, q, shape ((degree + 1)², n)."""
    basis = legendre_basis(lattice, degree, device)
    return (basis[:, None] * basis[None]).reshape(-1, lattice.n)


def prepare(spectra: Spectra, degree: int = DEGREE, device: Device = "cpu") -> Prepared:
    """Subtract a weighted Legendre continuum and normalise (eq. 1-2), for a whole batch.

    The continuum is the least-squares polynomial weighted by the inverse variance, so masked
    pixels count neither in it nor in the normalisation, and reach the network as 0.

    Parameters
    ----------
    spectra : Spectra
        Observed spectra.
    degree : int
        Degree of the continuum polynomial, 0 or more, or :data:`NO_POLYNOMIAL`.
    device : torch.device, str or None
        Where to compute and leave the result; None: with NumPy, for which torch is not needed.

    Raises
    ------
    ValueError
        If the degree is less.
    """
    if degree < NO_POLYNOMIAL:
        raise ValueError(f"the continuum degree must be 0 or more, or -1 for none, got {degree}")
    flux = placed(np.asarray(spectra.flux, np.float64), device)
    ivar = placed(np.asarray(spectra.ivar, np.float64), device)
    # Rows that leave the range of float64 are found below, and flagged.
    with np.errstate(over="ignore", invalid="ignore"):
        return _prepare(flux, ivar, spectra.arm_joins, spectra.lattice, degree, device)


def _prepare(
    flux: Float64[Array, "rows n"],
    ivar: Float64[Array, "rows n"],
    joins: Floats,
    lattice: LogLattice,
    degree: int,
    device: Device,
) -> Prepared:
    xp, good = namespace(flux), ivar > 0
    n_good = good.sum(1)
    continuum, certainty = _fit_continuum(flux, ivar, lattice, degree, device)
    value = _polynomial(continuum, lattice)
    residual = xp.where(good, flux - value, 0.0)
    norm = xp.sqrt((residual**2).sum(1) / clipped(n_good, 1))
    level = xp.sqrt((flux**2 * good).sum(1) / clipped(n_good, 1))
    # A residual at the rounding of float32 is no feature: the spectrum is its continuum.
    usable = (n_good >= MIN_GOOD) & xp.isfinite(norm) & (norm > 1e-6 * level)
    usable &= xp.isfinite(continuum).all(1)
    usable &= (xp.amax(ivar, 1) * norm**2) < LARGEST_IVAR
    scale = xp.where(usable, norm, 1.0)[:, None]
    weight = ivar.sum(1) / clipped(n_good, 1)
    noise = xp.where(good, 1.0 / xp.where(good, ivar, 1.0), 0.0).sum(1) / clipped(n_good, 1)
    size = signal_size(abs(continuum[:, 0]) * xp.sqrt(weight), noise / scale[:, 0] ** 2)
    found = Found(continuum, certainty, residual, ivar, legendre_basis(lattice, degree, device))
    arms, certainty = _arms(found, value, usable, scale, lattice.wave, joins)
    return Prepared(
        flux=narrow(xp.where(usable[:, None], residual / scale, 0.0)),
        ivar=narrow(xp.where(usable[:, None], ivar * scale**2, 0.0)),
        continuum=continuum,
        norm=xp.where(usable, norm, np.nan),
        usable=usable,
        certainty=certainty * scale[:, :, None] ** 2,
        size=xp.where(usable, size, 1.0),
        lattice=lattice,
        degree=degree,
        arms=arms,
    )


def _arms(
    found: Found, value: Array, usable: Array, scale: Array, wave: Floats, joins: Floats
) -> tuple[Arms | None, Array]:
    """Steps of usable rows in units of their scale, if any has one; certainties beside them."""
    at = places(usable & like(usable, np.asarray(np.isfinite(joins).any(axis=1))))[0]
    if not len(at):
        return None, found.certainty
    # Of these rows alone: what others are told must not depend on their company.
    part = found.rows(at)
    right_of = like(value, sides(wave, joins[as_numpy(at)]))
    arms, less = find_arms(part, value[at], right_of)
    level = zeros(arms.level, (len(value), *arms.level.shape[1:]))
    level[at] = arms.level / narrow(scale[at])[:, None]
    shape, certainty = found.coefficients + 0.0, found.certainty + 0.0
    shape[at], certainty[at] = arms.shape, less
    return Arms(level, shape), certainty


def _polynomial(coefficients: Array, lattice: LogLattice) -> Array:
    """Legendre series on the lattice, shape (rows, n)."""
    device = None if isinstance(coefficients, np.ndarray) else coefficients.device
    basis = legendre_basis(lattice, coefficients.shape[1] - 1, device)
    # Term by term: the last bits of a matrix product depend on the number of rows.
    total = coefficients[:, :1] * basis[0]
    for term in range(1, len(basis)):
        add_product(total, coefficients[:, term, None], basis[term])
    return total


def _fit_continuum(
    flux: Float64[Array, "rows n"],
    ivar: Float64[Array, "rows n"],
    lattice: LogLattice,
    degree: int,
    device: Device,
) -> tuple[Float64[Array, "rows terms"], Float64[Array, "rows terms terms"]]:
    """Weighted least-squares Legendre coefficients, and their inverse covariance."""
    xp, (rows, n), terms = namespace(flux), flux.shape, max(degree, 0) + 1
    # Weights relative to the row's mean: only ratios matter, and cgs fluxes stay in range.
    mean = ivar.mean(1)[:, None]
    weight = ivar / xp.where(mean > 0, mean, 1.0)

    def times(values: Array, polynomials: Array) -> Array:
        # One product a row: its sums do not depend on the number of rows.
        return values[:, None] @ xp.broadcast_to(polynomials.T, (rows, n, len(polynomials)))

    normal = times(weight, _basis_products(lattice, degree, device)).reshape(rows, terms, terms)
    right = times(weight * flux, legendre_basis(lattice, degree, device)).reshape(rows, terms, 1)
    finite = xp.isfinite(normal).all(2).all(1) & xp.isfinite(right).all(2).all(1)
    # A ridge far below the data's weight keeps rows with a handful of pixels solvable.
    ridge = like(normal, 1e-10 * n * np.eye(terms))
    normal = xp.where(finite[:, None, None], normal, 0.0) + ridge
    found = xp.linalg.solve(normal, right)
    return xp.where(finite[:, None], found[..., 0], np.nan), normal * mean[:, None]
