"""Spectra of two redshifts, or of none that can be told."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from anomalies.spectrum import (
    WAVE,
    Floats,
    Host,
    Injection,
    Strange,
    added,
    around,
    changed,
    line,
)

NEBULA = (
    (3727.09, 0.45), (3729.88, 0.55), (4862.68, 0.45), (4960.30, 0.3), (5008.24, 0.9),
    (6564.61, 1.3), (6585.27, 0.3),
)  # fmt: skip
"""Rest wavelength in Å and flux of the lines of a star-forming galaxy."""

MAGNESIUM = (
    (2796.35, 1.0), (2803.53, 0.75), (2600.17, 0.7), (2586.65, 0.5), (2382.76, 0.7),
    (2374.46, 0.4), (2344.21, 0.5),
)  # fmt: skip
CARBON = ((1548.20, 1.0), (1550.77, 0.7), (1393.76, 0.5), (1402.77, 0.35))
"""Rest wavelength in Å and depth of the lines of absorbers."""


def single_line(
    host: Host, rng: np.random.Generator, strength: float, others: Sequence[Host]
) -> Strange | None:
    """One emission line on a smooth continuum, strength in σ over all its pixels."""
    slope = (WAVE / 6000.0) ** rng.uniform(-1.0, 1.0)
    plain = Host(host.level * slope + host.noise(rng), host.ivar, host.cls, host.z)
    centre = rng.uniform(4500, 8800)
    if not host.sees(centre):
        return None
    return added(plain, line(centre, rng.uniform(80, 250)), strength, (around(centre, 15.0),))


def lens(
    host: Host, rng: np.random.Generator, strength: float, others: Sequence[Host]
) -> Strange | None:
    """Lines of a galaxy behind this one, strength in σ over all of them."""
    z = float(rng.uniform(host.z + 0.05, 1.2))
    return _lines(host, rng, NEBULA, z, strength, least=3)


def _lines(
    host: Host,
    rng: np.random.Generator,
    lines: Sequence[tuple[float, float]],
    z: float,
    strength: float,
    least: int,
) -> Strange | None:
    """Emission (strength above 0) or absorption lines of a redshift."""
    sigma = rng.uniform(50, 150)
    shape: Floats = np.zeros(len(WAVE))
    where = []
    for rest, size in lines:
        centre = rest * (1 + z)
        if host.sees(centre, 15.0):
            ratio = size * rng.lognormal(0.0, 0.25)
            shape += ratio * line(centre, sigma) * 5000.0 / centre
            where.append(around(centre, 10.0))
    if len(where) < least:
        return None
    return added(host, shape, strength, tuple(where), z_second=z)


def absorber(
    host: Host, rng: np.random.Generator, strength: float, others: Sequence[Host]
) -> Strange | None:
    """Mg II and Fe II of gas before a quasar, strength in σ over all lines."""
    low, high = WAVE[0] / 2780.0 - 1, min(host.z - 0.03, 2.2)
    return _absorbed(host, rng, MAGNESIUM, low, high, strength)


def carbon_absorber(
    host: Host, rng: np.random.Generator, strength: float, others: Sequence[Host]
) -> Strange | None:
    """C IV and Si IV of gas before a quasar, redward of its Lyα, strength in σ."""
    lya = 1215.67 * (1 + host.z)
    low = max(WAVE[0], lya) / 1548.0 - 1
    return _absorbed(host, rng, CARBON, low, host.z - 0.03, strength)


def _absorbed(
    host: Host,
    rng: np.random.Generator,
    lines: Sequence[tuple[float, float]],
    low: float,
    high: float,
    strength: float,
) -> Strange | None:
    """The light of a quasar behind absorbing gas between two redshifts."""
    low = max(low, 0.3)
    if high <= low:
        return None
    z, sigma = float(rng.uniform(low, high)), rng.uniform(30, 90)
    seen = [(rest * (1 + z), depth) for rest, depth in lines if host.sees(rest * (1 + z), 10.0)]
    if len(seen) < 2 or min(wave for wave, _ in seen) < 1215.67 * (1 + host.z):
        return None
    if not all(host.sees(rest * (1 + z), 10.0) for rest, _ in lines[:2]):
        return None
    light = np.maximum(host.continuum, 0.0)
    shape = sum((depth * line(wave, sigma) for wave, depth in seen), np.zeros(len(WAVE)))
    size = float(np.sqrt(((shape * light) ** 2 * host.ivar).sum()))
    if not 0 < strength < 0.9 * size:  # such lines would be more than black
        return None
    flux = host.flux - shape * light * strength / size
    return changed(host, flux, tuple(around(wave, 8.0) for wave, _ in seen), z_second=z)


def star_and_galaxy(
    host: Host, rng: np.random.Generator, strength: float, others: Sequence[Host]
) -> Strange | None:
    """A galaxy with a star in the fibre, strength the star's share of the light."""
    return _superposed(host, rng, strength, [o for o in others if o.cls == "STAR"])


def two_galaxies(
    host: Host, rng: np.random.Generator, strength: float, others: Sequence[Host]
) -> Strange | None:
    """Two galaxies in a fibre, strength the second one's share of the light."""
    return _superposed(host, rng, strength, [o for o in others if o.cls == "GALAXY"])


def _superposed(
    host: Host, rng: np.random.Generator, strength: float, others: Sequence[Host]
) -> Strange | None:
    """The sum of two spectra of similar S/N, their noise added."""
    apart = [
        other
        for other in others
        if abs(other.z - host.z) > 0.02 * (1 + host.z) and other.sn > 0.5 * host.sn
    ]
    if not apart:
        return None
    other = apart[rng.integers(len(apart))]
    scale = strength / (1 - strength) * host.level / other.level
    both = host.good & other.good
    variance = host.sigma**2 + (scale * other.sigma) ** 2
    ivar = np.divide(1.0, variance, out=np.zeros(len(WAVE)), where=both)
    flux = np.where(both, host.flux + scale * other.flux, 0.0)
    features = scale * (other.flux - other.continuum)
    sn = float(np.sqrt((features**2 * ivar).sum()))
    return Strange(flux, ivar, (), other.z, sn)


AMBIGUOUS, SECOND = "redshift ambiguous", "second redshift"
LINES = (5.0, 8.0, 12.0, 20.0)

INJECTIONS = (
    Injection("single emission line", (AMBIGUOUS,), "σ", (10.0, 20.0, 40.0), single_line),
    Injection("two galaxies alike", (AMBIGUOUS, SECOND), "share", (0.5,), two_galaxies,
              ("GALAXY",), has_second=True),
    Injection("lines of a galaxy behind", (SECOND,), "σ", LINES, lens, ("GALAXY",),
              has_second=True),
    Injection("Mg II absorber", (SECOND,), "σ", LINES, absorber, ("QSO",), has_second=True),
    Injection("C IV absorber", (SECOND,), "σ", LINES, carbon_absorber, ("QSO",),
              has_second=True),
    Injection("star and galaxy", (SECOND,), "share", (0.1, 0.25, 0.5), star_and_galaxy,
              ("GALAXY",), has_second=True),
    Injection("two galaxies", (SECOND,), "share", (0.1, 0.25), two_galaxies, ("GALAXY",),
              has_second=True),
)  # fmt: skip
