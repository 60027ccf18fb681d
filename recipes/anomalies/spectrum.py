"""An ordinary spectrum, what becomes of it, and the shapes that are put into it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from gasnet3.spectra.lattice import C_KM_S, WIDE

Floats = NDArray[np.float64]
Range = tuple[float, float]
"""First and last observed vacuum wavelength in Å."""

WAVE: Floats = WIDE.wave
RESOLUTION_KM_S = 69.0
"""Gaussian σ of the spectrograph, one pixel."""


@dataclass(frozen=True, eq=False)
class Host:
    """A real spectrum on the observed lattice.

    Parameters
    ----------
    flux, ivar : ndarray of float64, shape (n,)
        Flux density and its inverse variance, 0 where masked.
    cls : str
        Labelled class.
    z : float
        Labelled redshift.
    id : str
        Name of the spectrum.
    """

    flux: Floats
    ivar: Floats
    cls: str
    z: float
    id: str = ""

    @cached_property
    def good(self) -> NDArray[np.bool_]:
        """Unmasked pixels."""
        return np.asarray(self.ivar > 0)

    @cached_property
    def sigma(self) -> Floats:
        """Noise; 0 where masked."""
        return np.divide(1.0, np.sqrt(self.ivar), out=np.zeros(WIDE.n), where=self.good)

    @cached_property
    def sn(self) -> float:
        """Median S/N a pixel."""
        return float(np.median((self.flux * np.sqrt(self.ivar))[self.good]))

    @cached_property
    def level(self) -> float:
        """Median flux."""
        return float(np.median(self.flux[self.good]))

    @cached_property
    def continuum(self) -> Floats:
        """Running mean over 400 pixels twice over, masked pixels left out."""
        value, weight = np.where(self.good, self.flux, 0.0), self.good.astype(np.float64)
        for _ in range(2):
            value, weight = uniform_filter1d(value, 400), uniform_filter1d(weight, 400)
        return np.asarray(value / np.maximum(weight, 1e-9))

    def sees(self, wave: float, margin: float = 30.0) -> bool:
        """Whether nearly all pixels around an observed wavelength are unmasked."""
        near = np.abs(WAVE - wave) < margin
        inside = WAVE[0] + margin < wave < WAVE[-1] - margin
        return bool(inside and self.good[near].mean() > 0.9)

    def noise(self, rng: np.random.Generator) -> Floats:
        """Gaussian noise of the spectrum's own inverse variance."""
        return np.asarray(self.sigma * rng.standard_normal(WIDE.n))


@dataclass(frozen=True, eq=False)
class Strange:
    """A spectrum with something strange in it, and what that is.

    Parameters
    ----------
    flux, ivar : ndarray of float64, shape (n,)
        The spectrum.
    where : tuple of (float, float)
        Observed ranges in Å that are strange; none: all of the spectrum.
    z_second : float
        Redshift of what was added, NaN where that has none.
    sn : float
        S/N of what was added or taken away, summed over its pixels.
    """

    flux: Floats
    ivar: Floats
    where: tuple[Range, ...] = ()
    z_second: float = float("nan")
    sn: float = float("nan")


Inject = Callable[[Host, np.random.Generator, float, Sequence[Host]], Strange | None]
"""Host, random numbers, strength, other hosts of the same sample; None where it cannot be done."""


@dataclass(frozen=True)
class Injection:
    """One way of making a spectrum strange.

    Parameters
    ----------
    name : str
        What it is, in a few words.
    kinds : tuple of str
        Values of ``anomaly_kind`` that are right, the usual one first.
    unit : str
        What the strength is.
    strengths : tuple of float
        Weak to strong.
    inject : callable
        See :data:`Inject`.
    classes : tuple of str
        Classes of the hosts.
    has_second : bool
        Whether there is a second redshift to find.
    """

    name: str
    kinds: tuple[str, ...]
    unit: str
    strengths: tuple[float, ...]
    inject: Inject
    classes: tuple[str, ...] = field(default=("STAR", "GALAXY", "QSO"))
    has_second: bool = False


def changed(host: Host, flux: Floats, where: tuple[Range, ...] = (), *, z_second: float = np.nan,
            ivar: Floats | None = None) -> Strange:  # fmt: skip
    """The host with other flux, and the S/N of the difference; masked pixels stay as they are.

    Inverse variances stay too, unless given: the photon noise of added light is left out.
    """
    kept = np.where(host.good, flux, host.flux)
    sn = float(np.sqrt(((kept - host.flux) ** 2 * host.ivar).sum()))
    return Strange(kept, host.ivar if ivar is None else ivar, where, z_second, sn)


def added(host: Host, shape: Floats, sn: float, where: tuple[Range, ...] = (), *,
          z_second: float = np.nan) -> Strange | None:  # fmt: skip
    """The host with a shape added, scaled to a total S/N; None where it sees nothing of it."""
    seen = float(np.sqrt((shape**2 * host.ivar).sum()))
    if not seen > 0:
        return None
    strange = changed(host, host.flux + shape * sn / seen, where, z_second=z_second)
    return replace(strange, sn=sn)


def bump(centre: float, sigma: float) -> Floats:
    """A Gaussian of height 1 and of σ in Å around a wavelength."""
    return np.asarray(np.exp(-0.5 * ((WAVE - centre) / sigma) ** 2))


def line(centre: float, sigma_km_s: float) -> Floats:
    """A line of height 1, of intrinsic σ in km/s, as the spectrograph sees it."""
    return bump(centre, centre * np.hypot(sigma_km_s, RESOLUTION_KM_S) / C_KM_S)


def around(centre: float, half: float) -> Range:
    """The range around a wavelength."""
    return centre - half, centre + half


def pick(rng: np.random.Generator, places: Floats, host: Host, margin: float = 30.0) -> float:
    """A random one of the wavelengths that the host sees; NaN where it sees none."""
    seen = [float(place) for place in places if host.sees(float(place), margin)]
    return seen[rng.integers(len(seen))] if seen else float("nan")
