"""The logarithmic wavelength lattice, on which a redshift is a translation.

A pixel of the lattice is an integer k with vacuum wavelength λ = 10^(1e-4·k) Å, SDSS's own
grid. A source at redshift z moves a rest-frame pixel by ``s = log10(1 + z) / 1e-4`` pixels to
the red; for an integer shift s the redshift is exactly ``10^(1e-4·s) - 1``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gasnet3.machine.typing import Floats

STEP = 1e-4
"""Lattice spacing δ_λ in log10(wavelength) (paper, section 2)."""

C_KM_S = 299_792.458
"""Speed of light in km/s."""

LN10_STEP = STEP * float(np.log(10.0))
"""One pixel in ln(wavelength): Δz/(1+z) of a shift by one pixel."""


def shift_from_z(z: ArrayLike) -> Floats:
    """Shift in pixels to the red, not rounded: ``log10(1 + z) / 1e-4`` (paper, section 3.3)."""
    return np.log1p(np.asarray(z, dtype=np.float64)) / LN10_STEP


def z_from_shift(shift: ArrayLike) -> Floats:
    """Redshift of a shift in pixels: ``10^(1e-4·s) - 1`` (paper, eq. 11, less its bin offset)."""
    return np.expm1(np.asarray(shift, dtype=np.float64) * LN10_STEP)


@dataclass(frozen=True)
class LogLattice:
    """A run of consecutive lattice pixels.

    Parameters
    ----------
    k_min : int
        Index of the first pixel; its centre is at ``10^(1e-4·k_min)`` Å (vacuum).
    n : int
        Number of pixels.
    """

    k_min: int
    n: int

    def __post_init__(self) -> None:
        if self.n < 1:
            raise ValueError(f"a lattice needs at least one pixel, got n = {self.n}")

    @property
    def k_max(self) -> int:
        """Index of the last pixel (inclusive)."""
        return self.k_min + self.n - 1

    @cached_property
    def loglam(self) -> Floats:
        """log10 of the pixel centres in Å, shape (n,)."""
        return np.asarray(np.arange(self.k_min, self.k_min + self.n) * STEP, dtype=np.float64)

    @cached_property
    def wave(self) -> Floats:
        """Pixel centres in vacuum Å, shape (n,)."""
        return np.asarray(10.0**self.loglam, dtype=np.float64)

    @cached_property
    def edges(self) -> Floats:
        """Pixel edges in vacuum Å, shape (n + 1,)."""
        return np.asarray(10.0 ** ((np.arange(self.k_min, self.k_min + self.n + 1) - 0.5) * STEP))

    def holds(self, other: LogLattice) -> bool:
        """Whether it has all the pixels of another lattice."""
        return self.k_min <= other.k_min and other.k_max <= self.k_max

    def index(self, wave: ArrayLike) -> Floats:
        """Fractional pixel position of a wavelength in Å; 0 is the centre of the first pixel."""
        return np.log10(np.asarray(wave, dtype=np.float64)) / STEP - self.k_min


@dataclass(frozen=True)
class ShiftRange:
    """The whole shifts a class is scanned over, both ends included.

    Parameters
    ----------
    first, last : int
        Smallest and largest shift in pixels.
    """

    first: int
    last: int

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise ValueError(f"empty shift range: first {self.first} > last {self.last}")

    @classmethod
    def from_z(cls, z_min: float, z_max: float) -> ShiftRange:
        """Shifts that cover ``z_min`` to ``z_max``, rounded outwards; ValueError if none do."""
        if not -1.0 < z_min <= z_max < np.inf:
            raise ValueError(
                f"need finite redshifts with -1 < z_min <= z_max, got {z_min}..{z_max}"
            )
        # Guard the rounding: 10^(1e-4 s) - 1 must map back to s exactly.
        first = int(np.floor(shift_from_z(z_min) + 1e-6))
        last = int(np.ceil(shift_from_z(z_max) - 1e-6))
        return cls(first, last)

    def __len__(self) -> int:
        return self.last - self.first + 1

    @cached_property
    def shifts(self) -> NDArray[np.int64]:
        """All shifts in ascending order, shape (len,)."""
        return np.arange(self.first, self.last + 1)

    @cached_property
    def z(self) -> Floats:
        """Redshift of every shift, ascending, shape (len,)."""
        return z_from_shift(self.shifts)

    def rest_lattice(self, observed: LogLattice) -> LogLattice:
        """Rest-frame lattice whose every shift covers ``observed`` (eq. 6): N = n + len - 1."""
        return LogLattice(observed.k_min - self.last, observed.n + len(self) - 1)

    def start(self, shift: ArrayLike) -> NDArray[np.int64]:
        """First rest-frame pixel seen through the observed window at a whole shift.

        Observed pixel i shows rest-frame pixel ``start(s) + i`` of :meth:`rest_lattice`
        (the i + s(z) of eq. 7).
        """
        return self.last - np.asarray(shift, dtype=np.int64)


OBSERVED = LogLattice(35563, 4076)
"""The paper's lattice, and the U-Nets': 3600 to 9200 Å, n = 4,076 (paper, section 2)."""

WIDE = LogLattice(35500, 4701)
"""The lattice of the shipped Encoders: 3548 to 10,471 Å, n = 4,701, as far as surveys reach."""
