"""Rebinning of a spectrum onto the lattice, conserving flux and the variance of the total flux."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gasnet3.lattice import STEP, LogLattice

GOOD_COVERAGE = 0.5
"""A lattice pixel is kept when at least this fraction of it is covered by unmasked input."""

Row = NDArray[np.float64]


class BadGrid(ValueError):
    """A wavelength grid that is not monotonic, finite and positive."""


def rebin(
    flux: Row, ivar: Row, grid: Row, lattice: LogLattice, *, log: bool
) -> tuple[Row, Row, bool]:
    """Bring one spectrum onto the lattice.

    Pixels already on the lattice (SDSS's own) are copied unchanged. Otherwise the flux of a
    lattice pixel is the mean of the input weighted by overlap, ``f_j = Σ_i o_ij f_i / Σ_i o_ij``
    over unmasked input pixels i with overlap o_ij in Å, which conserves Σ f Δλ. Its variance is
    ``σ_j² = Σ_i o_ij δ_i σ_i² / (Σ_i o_ij)²`` with δ_i the input pixel's width. Rebinning
    correlates neighbours; this diagonal stands for the whole covariance: Σ_j σ_j² Δ_j² equals
    Σ_i σ_i² δ_i², so that oversampling creates no information.

    Parameters
    ----------
    flux, ivar, grid : ndarray of float64, shape (pixels,)
        One spectrum; ``grid`` holds pixel centres in vacuum Å, or their log10 when ``log``.
    lattice : LogLattice
        Where to bring it.
    log : bool
        Whether ``grid`` is log10 of the wavelength.

    Returns
    -------
    flux, ivar : ndarray of float64, shape (lattice.n,)
        0 where nothing usable was observed.
    poor : bool
        Whether pixels were masked for being not finite or having negative ivar.

    Raises
    ------
    BadGrid
        If the wavelengths are not finite, positive and strictly monotonic.
    """
    valid = np.isfinite(flux) & np.isfinite(ivar) & (ivar >= 0)
    poor = not bool(valid.all())
    good = valid & (ivar > 0)
    flux, ivar = np.where(good, flux, 0.0), np.where(good, ivar, 0.0)
    loglam = _checked_loglam(grid, log=log)
    if loglam.size > 1 and loglam[0] > loglam[-1]:
        flux, ivar, loglam = flux[::-1], ivar[::-1], loglam[::-1]
    k = loglam / STEP
    nearest = np.rint(k)
    # float32 wavelengths carry an error of 2e-3 pixel; a true offset is larger than a fiftieth.
    if np.all(np.abs(k - nearest) < 0.02) and np.all(np.diff(nearest) > 0):
        return (*_copy(flux, ivar, nearest.astype(np.int64) - lattice.k_min, lattice.n), poor)
    if loglam.size < 2:
        raise BadGrid("a single pixel off the lattice has no width: give at least two wavelengths")
    return (*_overlap_mean(flux, ivar, loglam, lattice), poor)


def _checked_loglam(grid: Row, *, log: bool) -> Row:
    if grid.size == 0:
        raise BadGrid("the spectrum has no pixels")
    if not np.isfinite(grid).all() or not (log or (grid > 0).all()):
        raise BadGrid("wavelengths must be finite and positive")
    if log and np.abs(grid).max() > 10:
        raise BadGrid("log10 wavelengths beyond ±10: are these wavelengths in Å? pass them as wave")
    step = np.diff(grid)
    if grid.size > 1 and not ((step > 0).all() or (step < 0).all()):
        raise BadGrid("wavelengths must rise or fall strictly; sort them and drop repeated ones")
    return grid if log else np.log10(grid)


def _copy(flux: Row, ivar: Row, index: NDArray[np.int64], n: int) -> tuple[Row, Row]:
    inside = (index >= 0) & (index < n)
    out_flux, out_ivar = np.zeros(n), np.zeros(n)
    out_flux[index[inside]] = flux[inside]
    out_ivar[index[inside]] = ivar[inside]
    return out_flux, out_ivar


def _overlap_mean(flux: Row, ivar: Row, loglam: Row, lattice: LogLattice) -> tuple[Row, Row]:
    middle = 0.5 * (loglam[1:] + loglam[:-1])
    edges = np.concatenate([[2 * loglam[0] - middle[0]], middle, [2 * loglam[-1] - middle[-1]]])
    edges = 10.0**edges
    width = np.diff(edges)
    good = ivar > 0
    variance = np.divide(1.0, ivar, out=np.zeros_like(ivar), where=good)
    # Integrals from the left edge are piecewise linear, so one interpolation gives every overlap.
    covered = _between(good * width, edges, lattice.edges)
    total = _between(flux * width, edges, lattice.edges)
    spread = _between(variance * width**2, edges, lattice.edges)
    keep = (covered >= GOOD_COVERAGE * np.diff(lattice.edges)) & (spread > 0)
    out_flux = np.divide(total, covered, out=np.zeros(lattice.n), where=keep)
    out_ivar = np.divide(covered**2, spread, out=np.zeros(lattice.n), where=keep)
    return out_flux, out_ivar


def _between(mass: Row, edges: Row, out_edges: Row) -> Row:
    """Mass of a histogram that falls between consecutive output edges."""
    cumulative = np.concatenate([[0.0], np.cumsum(mass)])
    return np.diff(np.interp(out_edges, edges, cumulative))
