"""Defects of the data: the spectrograph, the sky and the detector, not the object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.ndimage import uniform_filter1d

from anomalies.spectrum import WAVE, Host, Injection, Strange, around, bump, changed, pick

KIND = ("defect",)

AIR_TO_VACUUM = 1.000276
"""Near enough for sky lines, whose residuals are as wide as a pixel."""

SKY_LINES = AIR_TO_VACUUM * np.array([
    5577.34, 5889.95, 5895.92, 6300.30, 6363.78, 6863.96, 6923.22, 7276.40, 7316.28, 7340.88,
    7750.64, 7794.11, 7821.50, 7913.71, 7949.20, 7964.65, 7993.33, 8344.60, 8399.17, 8430.17,
    8465.36, 8827.10, 8885.85, 8919.64, 8958.08, 9001.30, 9038.06,
])  # fmt: skip
"""Bright night-sky lines, vacuum Å (Osterbrock et al. 1996)."""


def join_step(
    host: Host, rng: np.random.Generator, strength: float, others: Sequence[Host]
) -> Strange | None:
    """One arm of the spectrograph scaled, flux and noise alike."""
    join = pick(rng, rng.uniform(5900, 6300, 8), host)
    if not np.isfinite(join):
        return None
    blue = join > WAVE
    arm = blue if rng.uniform() < 0.5 else ~blue
    scale = np.where(arm, 1 + strength * rng.choice([-1.0, 1.0]), 1.0)
    step = changed(host, host.flux * scale, (around(join, 40.0),), ivar=host.ivar / scale**2)
    # What of it tells: the flux a hundred pixels to the sides cannot be continued across.
    near = np.abs(WAVE - join) < 100
    sn = np.sqrt((0.25 * (strength * host.continuum) ** 2 * host.ivar)[near].sum())
    return replace(step, sn=float(sn))


def dead_range(
    host: Host, rng: np.random.Generator, strength: float, others: Sequence[Host]
) -> Strange | None:
    """A range of given width in Å that is 0 or of one value, with good inverse variance."""
    centre = pick(rng, rng.uniform(4000, 8900, 8), host, strength / 2)
    if not np.isfinite(centre):
        return None
    value = 0.0 if rng.uniform() < 0.5 else host.level * rng.uniform(0.2, 3.0)
    dead = np.abs(WAVE - centre) < strength / 2
    return changed(host, np.where(dead, value, host.flux), (around(centre, strength / 2),))


def sky_residuals(
    host: Host, rng: np.random.Generator, strength: float, others: Sequence[Host]
) -> Strange | None:
    """Sky lines taken off a fraction of a pixel beside their place, strength in σ of a pixel."""
    seen = [wave for wave in SKY_LINES if host.sees(wave, 5.0)]
    if len(seen) < 6:
        return None
    count = int(rng.integers(4, max(5, len(seen) // 2)))
    chosen = np.sort(rng.choice(seen, count, replace=False))
    shift = rng.choice([-1.0, 1.0])
    pixel = WAVE * 2.302585e-4
    flux = host.flux.copy()
    for wave in chosen:
        x = (WAVE - wave) / pixel
        shape = x * np.exp(0.5 - 0.5 * x**2)  # height 1, at one pixel from the line
        flux += shift * strength * rng.uniform(0.6, 1.4) * host.sigma * shape
    return changed(host, flux, tuple(around(wave, 4.0) for wave in chosen))


def cosmic_rays(
    host: Host, rng: np.random.Generator, strength: float, others: Sequence[Host]
) -> Strange | None:
    """One to four spikes of one to three pixels that nobody masked, strength in σ of a pixel."""
    flux, hit = host.flux.copy(), []
    for index in rng.choice(np.flatnonzero(host.good)[50:-50], int(rng.integers(1, 5))):
        width = int(rng.integers(1, 4))
        height = strength * rng.uniform(0.6, 1.4, width)
        flux[index : index + width] += height * np.median(host.sigma[host.good])
        hit.append(around(float(WAVE[index + width // 2]), 4.0))
    return changed(host, flux, tuple(hit))


def negative_flux(
    host: Host, rng: np.random.Generator, strength: float, others: Sequence[Host]
) -> Strange | None:
    """Too much sky taken off, all over or in the blue, strength in units of the spectrum."""
    size = uniform_filter1d(np.abs(host.continuum), 800)
    if rng.uniform() < 0.5:
        flux = host.flux - (1 + strength) * size
        return changed(host, flux)
    edge = rng.uniform(4400, 5400)
    flux = host.flux - (1 + strength) * size / (1 + np.exp((WAVE - edge) / 60.0))
    return changed(host, flux, ((float(WAVE[0]), edge + 100.0),))


def fringes(
    host: Host, rng: np.random.Generator, strength: float, others: Sequence[Host]
) -> Strange | None:
    """Interference fringes of the detector in the red, strength relative to the flux."""
    if not host.sees(8000.0, 500.0):
        return None
    period = rng.uniform(25, 70)
    wave = np.sin(2 * np.pi * WAVE / period + rng.uniform(0, 6)) * (1 - bump(6500.0, 700.0))
    flux = host.flux * (1 + strength * np.where(WAVE > 6500, wave, 0.0))
    return changed(host, flux, ((6700.0, float(WAVE[-1])),))


INJECTIONS = (
    Injection("step where the arms join", KIND, "step", (0.1, 0.2, 0.4), join_step),
    Injection("dead range", KIND, "Å", (50.0, 120.0, 300.0), dead_range),
    Injection("sky-line residuals", KIND, "σ a pixel", (8.0, 20.0, 50.0), sky_residuals),
    Injection("cosmic rays", KIND, "σ a pixel", (12.0, 30.0, 100.0), cosmic_rays),
    Injection("negative flux", KIND, "of the flux", (0.3, 1.0, 2.0), negative_flux),
    Injection("fringes", KIND, "of the flux", (0.05, 0.15, 0.3), fringes),
)
