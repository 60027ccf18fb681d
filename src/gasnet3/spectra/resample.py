"""Rebinning of a spectrum onto the lattice, conserving flux and the variance of the total flux."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gasnet3.errors import GasnetError
from gasnet3.machine.typing import Floats
from gasnet3.spectra.lattice import STEP, LogLattice

if TYPE_CHECKING:
    from jaxtyping import Float, Float64

GOOD_COVERAGE = 0.5
"""A lattice pixel is kept when at least this fraction of it is covered by unmasked input."""

GAP = 3.0
"""Where one neighbour is more than this many times farther than the other, pixels are missing."""

LARGEST = 1e120
"""Flux and ivar beyond this, or an ivar below its inverse, cannot be squared: not finite."""


class BadGrid(GasnetError, ValueError):
    """A wavelength grid that is not monotonic, finite and positive."""


def rebin(
    flux: Float[Floats, " pixels"],
    ivar: Float[Floats, " pixels"],
    grid: Float[Floats, " pixels"],
    lattice: LogLattice,
    *,
    log: bool,
) -> tuple[Float64[Floats, " {lattice.n}"], Float64[Floats, " {lattice.n}"], bool]:
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
    return rebin_placed(flux, ivar, Placement.of(grid, lattice, log=log))


@dataclass(frozen=True)
class Placement:
    """Where the pixels of a wavelength grid belong, worked out once for rows that share it.

    Attributes
    ----------
    loglam : ndarray of float64, shape (pixels,)
        Pixel centres, rising.
    falling : bool
        Whether rows must be turned round to fit ``loglam``.
    index : slice or ndarray of int64, shape (pixels,), optional
        Lattice pixel of each pixel, for pixels that are on the lattice; may lie outside of it.
    lattice : LogLattice
        Where the pixels are to be brought.
    """

    loglam: Floats
    falling: bool
    index: slice | NDArray[np.int64] | None
    lattice: LogLattice

    @cached_property
    def pieces(self) -> Pieces:
        """The pieces into which both grids' edges cut the pixels."""
        return _pieces(self.loglam, self.lattice)

    @cached_property
    def _shared(self) -> Floats:
        """How many lattice pixels share a pixel of the grid, at each of them; at least 1."""
        pieces, n = self.pieces, self.lattice.n
        times = np.maximum(pieces.width / np.diff(self.lattice.edges)[pieces.target], 1.0)
        total = np.bincount(pieces.target, pieces.length * times, n)
        length = np.bincount(pieces.target, pieces.length, n)
        return np.divide(total, length, out=np.ones(n), where=length > 0)

    def size_of_pixels(self, good: NDArray[np.bool_]) -> float:
        """Lattice pixels over the pixels of the grid that they were made of; at least 1.

        Parameters
        ----------
        good : ndarray of bool, shape (lattice.n,)
            The lattice pixels that are counted.
        """
        count = int(good.sum())
        if self.index is not None or not count:
            return 1.0
        return float(count / (1.0 / self._shared[good]).sum())

    @classmethod
    def of(cls, grid: Floats, lattice: LogLattice, *, log: bool) -> Placement:
        """The placement of a grid; arguments and errors as of :func:`rebin`."""
        loglam = _checked_loglam(grid, log=log)
        falling = bool(loglam[0] > loglam[-1])
        if falling:
            loglam = loglam[::-1]
        k = loglam / STEP
        nearest = np.rint(k)
        # float32 wavelengths carry an error of 2e-3 pixel; a true offset is larger than a
        # fiftieth. Steps that are all 2 pixels or more are a coarser grid, not the lattice with
        # pixels missing.
        index: slice | NDArray[np.int64] | None = None
        if (np.abs(k - nearest) < 0.02).all():
            if nearest[-1] - nearest[0] == loglam.size - 1:
                first = int(nearest[0]) - lattice.k_min
                index = slice(first, first + loglam.size)
            elif np.diff(nearest).min() == 1:
                index = nearest.astype(np.int64) - lattice.k_min
        if index is None and loglam.size < 2:
            raise BadGrid(
                "a single pixel off the lattice has no width: give at least two wavelengths"
            )
        return cls(loglam, falling, index, lattice)


def rebin_placed(
    flux: Float[Floats, " pixels"], ivar: Float[Floats, " pixels"], placement: Placement
) -> tuple[
    Float64[Floats, " {placement.lattice.n}"], Float64[Floats, " {placement.lattice.n}"], bool
]:
    """Do what :func:`rebin` does for a grid whose placement on the lattice is known."""
    noticed(placement.loglam, *_rising(placement, flux, ivar))
    n = placement.lattice.n
    good = (np.abs(flux) < LARGEST) & (ivar > 1 / LARGEST) & (ivar < LARGEST)
    poor = False
    if not good.all():
        poor = bool((~good & (ivar != 0)).any())
        flux, ivar = np.where(good, flux, 0.0), np.where(good, ivar, 0.0)
    flux, ivar = _rising(placement, flux, ivar)
    if placement.index is None:
        return (*_overlap_mean(flux, ivar, placement.pieces, placement.lattice), poor)
    return _copy(flux, placement.index, n), _copy(ivar, placement.index, n), poor


class Unplaced(NamedTuple):
    """A spectrum, or an arm of one, before it is rebinned.

    Attributes
    ----------
    loglam : ndarray of float64, shape (pixels,)
        log10 of the pixel centres in vacuum Å, rising.
    flux, ivar : ndarray of float64, shape (pixels,)
        As the reader gives them.
    """

    loglam: Floats
    flux: Floats
    ivar: Floats


_watching: ContextVar[list[Unplaced] | None] = ContextVar("watching", default=None)


@contextmanager
def watched() -> Iterator[list[Unplaced]]:
    """All that is read meanwhile, as it was before it was rebinned.

    What a file holds before rebinning is of no use but to tell its owner; see
    :mod:`gasnet3.io.inspect.inspecting`.
    """
    seen: list[Unplaced] = []
    token = _watching.set(seen)
    try:
        yield seen
    finally:
        _watching.reset(token)


def noticed(loglam: Floats, flux: Floats, ivar: Floats) -> None:
    """Tell :func:`watched` of a spectrum that is read."""
    watching = _watching.get()
    if watching is not None:
        watching.append(Unplaced(loglam, flux, ivar))


def _rising(placement: Placement, flux: Floats, ivar: Floats) -> tuple[Floats, Floats]:
    """A spectrum in the order of its placement's wavelengths."""
    return (flux[::-1], ivar[::-1]) if placement.falling else (flux, ivar)


def _checked_loglam(grid: Floats, *, log: bool) -> Floats:
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


def _copy(values: Floats, index: slice | NDArray[np.int64], n: int) -> Floats:
    out = np.zeros(n)
    if isinstance(index, slice):
        first, last = max(index.start, 0), min(index.stop, n)
        if first < last:
            out[first:last] = values[first - index.start : last - index.start]
    else:
        inside = (index >= 0) & (index < n)
        out[index[inside]] = values[inside]
    return out


class Pieces(NamedTuple):
    """Stretches of wavelength that lie in one pixel of the grid and one of the lattice.

    Attributes
    ----------
    source, target : ndarray of int64, shape (pieces,)
        Pixel of the grid, pixel of the lattice.
    length : ndarray of float64, shape (pieces,)
        Å.
    width : ndarray of float64, shape (pieces,)
        Å of the whole pixel of the grid.
    """

    source: NDArray[np.int64]
    target: NDArray[np.int64]
    length: Floats
    width: Floats


def _pieces(loglam: Float64[Floats, " pixels"], lattice: LogLattice) -> Pieces:
    bounds = _pixel_bounds(loglam)
    width = np.diff(bounds)[::2]
    # Every edge of either grid cuts: each piece then lies in one pixel (or gap) of each. Sums
    # over pieces, unlike differences of cumulative sums, do not let one huge pixel spoil others.
    cuts = np.sort(np.concatenate([bounds, lattice.edges]), kind="stable")
    centre = 0.5 * (cuts[1:] + cuts[:-1])
    source = np.searchsorted(bounds, centre, side="right") - 1
    target = np.searchsorted(lattice.edges, centre, side="right") - 1
    inside = (source % 2 == 0) & (source < 2 * loglam.size) & (target >= 0) & (target < lattice.n)
    source = source[inside] // 2
    return Pieces(source, target[inside], np.diff(cuts)[inside], width[source])


def _overlap_mean(
    flux: Floats, ivar: Floats, pieces: Pieces, lattice: LogLattice
) -> tuple[Floats, Floats]:
    good = ivar[pieces.source] > 0
    source, target, length, width = pieces if good.all() else (part[good] for part in pieces)
    covered, total, spread = (
        np.bincount(target, weights, lattice.n)
        for weights in (length, length * flux[source], length * width / ivar[source])
    )
    keep = (covered >= GOOD_COVERAGE * np.diff(lattice.edges)) & (spread > 0)
    out_flux = np.divide(total, covered, out=np.zeros(lattice.n), where=keep)
    out_ivar = np.divide(covered**2, spread, out=np.zeros(lattice.n), where=keep)
    return out_flux, out_ivar


def _pixel_bounds(loglam: Float64[Floats, " pixels"]) -> Float64[Floats, " 2*pixels"]:
    """Left and right end of every pixel in Å, interleaved, shape (2·pixels,)."""
    half = 0.5 * np.diff(loglam)
    left, right = np.append(half[0], half), np.append(half, half[-1])
    nearer = np.minimum(left, right)
    left, right = (np.where(side > GAP * nearer, nearer, side) for side in (left, right))
    return np.asarray(10.0 ** np.stack([loglam - left, loglam + right], axis=1).ravel())
