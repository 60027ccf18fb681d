"""What the models have not learned: of a known class, or of none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from anomalies.spectrum import WAVE, Host, Injection, Strange, added, around, bump, changed, line
from gasnet3.spectra.lattice import C_KM_S

OXYGEN, HYDROGEN = (4960.30, 5008.24), (6564.61,)
LARGEST_WIDTH = 150.0
"""Equivalent width in Å of [O III] 5008 or Hα that few of the training spectra exceed."""


def giant_lines(
    host: Host, rng: np.random.Generator, strength: float, others: Sequence[Host]
) -> Strange | None:
    """A narrow line of a galaxy, strength times as wide as nearly all known: Hα or [O III]."""
    sets = [s for s in (OXYGEN, HYDROGEN) if host.sees(s[-1] * (1 + host.z))]
    if not sets:
        return None
    waves = sets[rng.integers(len(sets))]
    flux, sigma = host.flux.copy(), rng.uniform(60, 150)
    for wave in waves:
        centre = wave * (1 + host.z)
        width = strength * LARGEST_WIDTH * (1 / 3 if wave == OXYGEN[0] else 1.0) * (1 + host.z)
        shape = line(centre, sigma)
        area = np.trapezoid(shape, WAVE)
        level = abs(float(np.interp(centre, WAVE, host.continuum)))
        flux += shape * width * level / area
    return changed(host, flux, tuple(around(w * (1 + host.z), 40.0) for w in waves))


def broad_trough(
    host: Host, rng: np.random.Generator, strength: float, others: Sequence[Host]
) -> Strange | None:
    """A wide trough with steep sides blueward of Mg II or C IV, strength its depth."""
    fast, wide = rng.uniform(4000, 15000), rng.uniform(2000, 6000)
    rests = [
        rest
        for rest in (2799.12, 1549.48)
        if host.sees(rest * (1 + host.z) * (1 - fast / C_KM_S), 60.0)
    ]
    if not rests:
        return None
    rest = rests[0]
    centre = rest * (1 + host.z) * (1 - fast / C_KM_S)
    half = centre * wide / 2 / C_KM_S
    shape = np.exp(-0.5 * np.abs((WAVE - centre) / half) ** 6)
    for sub in rng.uniform(-0.8, 0.8, 3):
        shape = shape * (1 - 0.4 * bump(centre + sub * half, 0.15 * half))
    flux = host.flux * (1 - strength * shape)
    return changed(host, flux, (around(centre, 1.3 * half),))


def split_line(
    host: Host, rng: np.random.Generator, strength: float, others: Sequence[Host]
) -> Strange | None:
    """Hα or Hβ with two broad peaks, as of a disc of gas, strength in σ over all its pixels."""
    centre = 6564.61 * (1 + host.z)
    if not host.sees(centre, 200.0):
        centre = 4862.68 * (1 + host.z)
    if not host.sees(centre, 200.0):
        return None
    apart, wide = rng.uniform(4000, 9000), rng.uniform(800, 1500)
    peaks = [centre * (1 + sign * apart / 2 / C_KM_S) for sign in (-1, 1)]
    shape = line(peaks[0], wide) * rng.uniform(0.8, 1.6) + line(peaks[1], wide)
    return added(host, shape, strength, (around(centre, 1.2 * (peaks[1] - peaks[0])),))


def humps(
    host: Host, rng: np.random.Generator, strength: float, others: Sequence[Host]
) -> Strange | None:
    """Cyclotron humps: wide harmonics over a faint continuum, strength their height."""
    first, flux = rng.uniform(14000, 19000), 0.3 * host.continuum
    where = []
    for n in range(2, 6):
        centre = first / n
        flux = flux + strength * host.level * rng.uniform(0.5, 1.0) * bump(centre, 0.045 * centre)
        where.append(around(centre, 0.1 * centre))
    return changed(host, flux + host.noise(rng), tuple(where))


def unknown_breaks(
    host: Host, rng: np.random.Generator, strength: float, others: Sequence[Host]
) -> Strange | None:
    """Bands of absorption at wavelengths that mean nothing, strength their depth."""
    flux, where = host.flux.copy(), []
    for centre in rng.uniform(4200, 8700, 3):
        wide = rng.uniform(60, 160)
        side = np.clip((WAVE - centre) / wide, -1.0, 1.0)
        band = np.where(np.abs(WAVE - centre) < wide, 0.5 * (1 + side), 0.0)
        flux = flux * (1 - strength * band)
        where.append(around(float(centre), 1.2 * wide))
    return changed(host, flux, tuple(where))


def upside_down(
    host: Host, rng: np.random.Generator, strength: float, others: Sequence[Host]
) -> Strange | None:
    """Every line turned over, strength times as strong: coefficients far from all known ones."""
    narrow = host.flux - host.continuum
    return changed(host, host.continuum - strength * narrow)


def backwards(
    host: Host, rng: np.random.Generator, strength: float, others: Sequence[Host]
) -> Strange | None:
    """The spectrum from red to blue, with noise added to a given S/N a pixel."""
    if host.sn < strength:
        return None
    more = np.sqrt((host.sn / strength) ** 2 - 1)
    flux, ivar = host.flux + more * host.noise(rng), host.ivar / (1 + more**2)
    return Strange(flux[::-1].copy(), ivar[::-1].copy(), sn=strength)


def odd_blazar(
    host: Host, rng: np.random.Generator, strength: float, others: Sequence[Host]
) -> Strange | None:
    """A power law with bumps where no line is, strength in σ over all their pixels."""
    power = host.level * (WAVE / 6000.0) ** rng.uniform(-2.0, 0.0)
    plain = Host(power + host.noise(rng), host.ivar, host.cls, host.z)
    centres = rng.uniform(4200, 8700, 3)
    wide = rng.uniform(25, 90, 3)
    shape = sum((bump(c, w) for c, w in zip(centres, wide, strict=True)), np.zeros(len(WAVE)))
    where = tuple(around(float(c), 2 * float(w)) for c, w in zip(centres, wide, strict=True))
    return added(plain, shape, strength, where)


INCOMPLETE, EXTREME = ("incomplete model",), ("extreme",)

INJECTIONS = (
    Injection("narrow line of a galaxy, giant", INCOMPLETE, "times", (1.0, 5.0, 20.0),
              giant_lines, ("GALAXY",)),
    Injection("broad absorption of a quasar", INCOMPLETE, "depth", (0.3, 0.6, 0.9),
              broad_trough, ("QSO",)),
    Injection("Balmer line with two broad peaks", INCOMPLETE, "σ", (20.0, 50.0, 150.0),
              split_line, ("GALAXY",)),
    Injection("cyclotron humps", EXTREME, "height", (0.5, 1.0, 2.0), humps, ("STAR",)),
    Injection("bands that mean nothing", EXTREME, "depth", (0.2, 0.4, 0.8), unknown_breaks),
    Injection("lines turned over", EXTREME, "times", (0.5, 1.0, 2.0), upside_down),
    Injection("red and blue exchanged", EXTREME, "S/N", (5.0, 10.0, 20.0), backwards),
    Injection("power law with odd bumps", EXTREME, "σ", (20.0, 50.0, 150.0), odd_blazar),
)  # fmt: skip
