"""Random windows on the lattice: what one survey or another would have seen of a spectrum."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from gasnet3.solve.prepare import prepare
from gasnet3.spectra.batch import Spectra
from gasnet3.spectra.lattice import LogLattice

SURVEYS: dict[str, tuple[float, float]] = {
    "SDSS-I": (3800.0, 9200.0),
    "LAMOST": (3690.0, 9100.0),
    "BOSS": (3600.0, 10400.0),
    "DESI": (3600.0, 9824.0),
    "4MOST": (3700.0, 9500.0),
    "MUSE": (4750.0, 9350.0),
    "FORS2": (4450.0, 9250.0),
    "FORS2, far from the slit": (5120.0, 9250.0),
    "VANDELS": (4800.0, 10000.0),
}
"""First and last wavelength of surveys, Å."""

ODD_SHARE = 0.3
"""Share of windows that are of no survey."""

ODD_LEAST = 0.35
"""Shortest of those, as a share of the lattice."""

FEWEST = 800
"""Good pixels that a window must leave; a row of which it leaves fewer stays as it is."""


def random_windows(rng: np.random.Generator, n: int, lattice: LogLattice) -> Tensor:
    """First and last pixel of n random windows, int64, shape (n, 2).

    Most are the range of a survey, its ends moved by up to 1 %; the others begin anywhere.
    """
    ranges = np.array(list(SURVEYS.values()))[rng.integers(len(SURVEYS), size=n)]
    survey = np.rint(lattice.index(ranges * rng.uniform(0.99, 1.01, size=(n, 2))))
    length = rng.uniform(ODD_LEAST, 1.0, size=n) * lattice.n
    first = rng.uniform(size=n) * (lattice.n - length)
    odd = np.rint(np.stack([first, first + length], axis=1))
    chosen = np.where(rng.uniform(size=(n, 1)) < ODD_SHARE, odd, survey)
    return torch.from_numpy(np.clip(chosen, 0, lattice.n - 1).astype(np.int64))


def some_windows(rng: np.random.Generator, n: int, lattice: LogLattice, share: float) -> Tensor:
    """:func:`random_windows` for a share of n spectra; the others are seen whole."""
    windows = random_windows(rng, n, lattice)
    whole = torch.from_numpy(rng.uniform(size=n) >= share)
    windows[whole] = torch.tensor([0, lattice.n - 1])
    return windows


def seen_through(
    flux: Tensor, ivar: Tensor, windows: Tensor, lattice: LogLattice, degree: int
) -> tuple[Tensor, Tensor]:
    """Prepared spectra as they would be had only a window of each been observed.

    Parameters
    ----------
    flux, ivar : Tensor of float32, shape (rows, n)
        Prepared spectra.
    windows : Tensor of int64, shape (rows, 2)
        First and last pixel of what was observed.
    lattice : LogLattice
        Of the pixels.
    degree : int
        Degree of the continuum.

    Returns
    -------
    tuple of Tensor of float32, shape (rows, n)
        Flux and ivar; the continuum and the normalisation are those of the window.
    """
    pixel = torch.arange(flux.shape[1])
    inside = (pixel >= windows[:, :1]) & (pixel <= windows[:, 1:])
    left = torch.where(inside, ivar, 0.0)
    enough = (left > 0).sum(dim=1) >= FEWEST
    changed = torch.nonzero(enough & (left != ivar).any(dim=1))[:, 0]
    if not len(changed):
        return flux, ivar
    # A continuum is linear: taking one off twice is taking off the second one.
    again = prepare(_spectra(flux[changed], left[changed], lattice), degree)
    changed, again = changed[again.usable], again.rows(again.usable)
    return flux.index_copy(0, changed, again.flux), ivar.index_copy(0, changed, again.ivar)


def _spectra(flux: Tensor, ivar: Tensor, lattice: LogLattice) -> Spectra:
    rows = len(flux)
    return Spectra(
        flux=np.where(ivar > 0, flux, 0.0),
        ivar=ivar.numpy(),
        ids=np.full(rows, ""),
        zwarn=np.zeros(rows, np.int64),
        z=np.full(rows, np.nan),
        classes=np.full(rows, ""),
        lattice=lattice,
    )
