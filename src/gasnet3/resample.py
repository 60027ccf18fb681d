"""Rebinning of a spectrum onto the lattice, conserving flux and the variance of the total flux."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gasnet3.lattice import STEP, LogLattice

GOOD_COVERAGE = 0.5
"""A lattice pixel is kept when at least this fraction of it is covered by unmasked input."""

GAP = 3.0
"""Where one neighbour is more than this many times farther than the other, pixels are missing."""

LARGEST = 1e120
"""Flux and ivar beyond this, or an ivar below its inverse, cannot be squared: not finite."""

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
    Σ_i σ_i² δ_i², so that oversampling creates no information. Pixels end half-way to their
    neighbours; a neighbour beyond a gap counts as close as the one on the other side.

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
        Whether pixels were masked for being not finite or having negative ivar (what the flux
        is where ivar is 0 does not matter).

    Raises
    ------
    BadGrid
        If the wavelengths are not finite, positive and strictly monotonic.
    """
    good = (np.abs(flux) < LARGEST) & (ivar > 1 / LARGEST) & (ivar < LARGEST)
    poor = bool((~good & (ivar != 0)).any())
    flux, ivar = np.where(good, flux, 0.0), np.where(good, ivar, 0.0)
    loglam = _checked_loglam(grid, log=log)
    if loglam.size > 1 and loglam[0] > loglam[-1]:
        flux, ivar, loglam = flux[::-1], ivar[::-1], loglam[::-1]
    k = loglam / STEP
    nearest = np.rint(k)
    # float32 wavelengths carry an error of 2e-3 pixel; a true offset is larger than a fiftieth.
    # Steps that are all 2 pixels or more are a coarser grid, not the lattice with pixels missing.
    on_lattice = bool(np.all(np.abs(k - nearest) < 0.02))
    if on_lattice and (loglam.size == 1 or np.diff(nearest).min() == 1):
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
    if not log and not ((grid > 1e-10) & (grid < 1e10)).all():
        raise BadGrid("wavelengths must be between 1e-10 and 1e10 Å")
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
    bounds = _pixel_bounds(loglam)
    width = np.diff(bounds)[::2]
    # Every edge of either grid cuts: each piece then lies in one pixel (or gap) of each. Sums
    # over pieces, unlike differences of cumulative sums, do not let one huge pixel spoil others.
    cuts = np.sort(np.concatenate([bounds, lattice.edges]), kind="stable")
    centre = 0.5 * (cuts[1:] + cuts[:-1])
    source = np.searchsorted(bounds, centre, side="right") - 1
    target = np.searchsorted(lattice.edges, centre, side="right") - 1
    inside = (source % 2 == 0) & (source < 2 * len(flux)) & (target >= 0) & (target < lattice.n)
    inside[inside] = ivar[source[inside] // 2] > 0
    source, target, piece = source[inside] // 2, target[inside], np.diff(cuts)[inside]
    covered, total, spread = (
        np.bincount(target, weights, lattice.n)
        for weights in (piece, piece * flux[source], piece * width[source] / ivar[source])
    )
    keep = (covered >= GOOD_COVERAGE * np.diff(lattice.edges)) & (spread > 0)
    out_flux = np.divide(total, covered, out=np.zeros(lattice.n), where=keep)
    out_ivar = np.divide(covered**2, spread, out=np.zeros(lattice.n), where=keep)
    return out_flux, out_ivar


def _pixel_bounds(loglam: Row) -> Row:
    """Left and right end of every pixel in Å, interleaved, shape (2·pixels,)."""
    half = 0.5 * np.diff(loglam)
    left, right = np.append(half[0], half), np.append(half, half[-1])
    nearer = np.minimum(left, right)
    left, right = (np.where(side > GAP * nearer, nearer, side) for side in (left, right))
    return np.asarray(10.0 ** np.stack([loglam - left, loglam + right], axis=1).ravel())
