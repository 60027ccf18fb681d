"""Spectra looked at in their rest frame: pixels about a wavelength, without rebinning."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gasnet3.machine.typing import Floats
from gasnet3.measurement.templates import PHASES
from gasnet3.spectra.lattice import LogLattice, shift_from_z


@dataclass(frozen=True, eq=False)
class Rest:
    """Spectra with redshifts, read by rest-frame pixel.

    Observed pixel k shows the rest-frame place ``k - s`` with s the shift; the whole part of s
    chooses pixels, the rest stays with the models.

    Parameters
    ----------
    flux, ivar : ndarray of float64, shape (rows, n)
        Observed.
    lattice : LogLattice
        Observed pixels.
    whole : ndarray of int64, shape (rows,)
        Whole part of the shift.
    part : ndarray of float64, shape (rows,)
        What is left of the shift, a multiple of ``1 / PHASES`` would be nearest to it: [0, 1).
    """

    flux: Floats
    ivar: Floats
    lattice: LogLattice
    whole: NDArray[np.int64]
    part: Floats

    @classmethod
    def of(cls, flux: Floats, ivar: Floats, lattice: LogLattice, z: Floats) -> Rest:
        """Spectra at redshifts; rows without a redshift are looked at as they are."""
        shift = shift_from_z(np.where(np.isfinite(z) & (z > -0.9), z, 0.0))
        whole = np.floor(shift).astype(np.int64)
        return cls(flux, ivar, lattice, whole, shift - whole)

    def __len__(self) -> int:
        return len(self.whole)

    def rows(self, which: NDArray[np.int64]) -> Rest:
        """Some of the spectra."""
        flux, ivar = self.flux[which], self.ivar[which]
        return Rest(flux, ivar, self.lattice, self.whole[which], self.part[which])

    @property
    def phase(self) -> NDArray[np.int64]:
        """The place between two pixels of the templates that is nearest, shape (rows,).

        May be ``PHASES``: the next pixel.
        """
        return np.rint(self.part * PHASES).astype(np.int64)

    def take(self, values: Floats, first: NDArray[np.int64] | int, n: int) -> Floats:
        """Values at rest-frame pixels ``first`` to ``first + n - 1``, 0 beyond the spectrum.

        Parameters
        ----------
        values : ndarray of float64, shape (rows, lattice.n)
            Flux, inverse variance or the like.
        first : int or ndarray of int64, shape (blocks,)
            Lattice index (λ = 10^(1e-4·k) Å) of the first pixel.
        n : int
            How many.

        Returns
        -------
        ndarray of float64, shape (rows, n) or (rows, blocks, n)
        """
        first = np.asarray(first, np.int64)
        places = first[..., None] + np.arange(n)
        at = places + (self.whole - self.lattice.k_min).reshape(-1, *[1] * places.ndim)
        inside = (at >= 0) & (at < self.lattice.n)
        rows = np.arange(len(self)).reshape(-1, *[1] * places.ndim)
        return np.where(inside, values[rows, np.where(inside, at, 0)], 0.0)
