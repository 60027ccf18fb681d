"""What lies between a quasar and us: the hydrogen blueward of its Lyman-α line."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d

from gasnet3.spectra.lattice import C_KM_S
from mock_survey.library import WAVE, Floats
from mock_survey.lines import emission

LYMAN_ALPHA, LYMAN_BETA, LYMAN_LIMIT = 1215.67, 1025.72, 911.75

ANCHOR, TRUSTED = 1280.0, 1180.0
"""Where the continuum is anchored, and down to where a template is used, in rest Å."""

TEMPLATE_Z = 2.6
"""Typical redshift of the quasars whose mean forest is in the templates just below Lyman-α."""

CLUMPING = 1.1
"""Scatter of the logarithm of the optical depth at the spectrograph's resolution."""

REIONIZED_Z = 5.4
"""Redshift beyond which the mean depth grows faster (Bosman et al. 2022)."""

PROXIMITY_Z = 4.5
"""Redshift from which the gas that a quasar itself ionizes is seen: else there is no forest."""

MOST_LIMITS = 12
"""Lyman limits on the way: beyond z = 5 one follows the other, and nothing blueward is seen."""

LYMAN_BETA_SHARE = 0.25
"""Effective optical depth of Lyman-β, and all beyond it, relative to Lyman-α."""


def effective_depth(wave: Floats, line: float, z: float) -> Floats:
    """Effective optical depth of a line's forest at rest wavelengths of a quasar at z.

    0.0018 (1 + z)^3.92 (Faucher-Giguère et al. 2008), steeper by (1 + z)^5 where hydrogen was
    not yet ionized everywhere; 0 redward of the line.
    """
    one_plus_z = (1 + z) * wave / line
    late = np.maximum(one_plus_z / (1 + REIONIZED_Z), 1.0) ** 5
    return np.where(wave < line, 0.0018 * one_plus_z**3.92 * late, 0.0)


def near_zone(rng: np.random.Generator, wave: Floats, line: float, z: float) -> Floats:
    """Share of the optical depth that a quasar's own light leaves near it."""
    if z < PROXIMITY_Z:
        return np.ones_like(wave)
    velocity = C_KM_S * np.log(line / wave).clip(min=1e-6)
    return np.asarray(1 / (1 + (rng.lognormal(np.log(2500.0), 0.5) / velocity) ** 2))


def extended(rng: np.random.Generator, flux: Floats) -> Floats:
    """A template with an unabsorbed continuum in place of its own below 1180 Å.

    What the libraries hold there is their own quasars' mean forest, or an extrapolation.
    """
    anchor = np.abs(WAVE - ANCHOR) < 10
    if not np.isfinite(flux[anchor]).any():
        return flux
    level = np.nanmedian(flux[anchor])
    slope, far = rng.normal(-1.5, 0.4), rng.normal(-0.5, 0.4)
    continuum = level * (WAVE / ANCHOR) ** slope
    beyond = WAVE < LYMAN_LIMIT
    continuum[beyond] *= (WAVE[beyond] / LYMAN_LIMIT) ** (far - slope)
    sigma, strength = rng.uniform(2000, 4000), rng.lognormal(0, 0.5)
    bumps = [(1033.0, 10 * strength, sigma), (977.0, 4 * strength, sigma), (1073.0, 3.0, sigma)]
    blue = WAVE < TRUSTED
    wing = (WAVE >= TRUSTED) & (WAVE < LYMAN_ALPHA)
    own = np.where(np.isfinite(flux), flux, continuum)
    restored = own[wing] * np.exp(effective_depth(WAVE[wing], LYMAN_ALPHA, TEMPLATE_Z))
    out = np.where(blue, continuum * (1 + emission(bumps)), flux)
    out[wing] = restored
    # No step where the two meet.
    near = (WAVE >= TRUSTED) & (WAVE < TRUSTED + 6)
    step = np.median(out[near]) / np.median(continuum[near])
    ramp = np.clip((WAVE - 1100.0) / (TRUSTED - 1100.0), 0.0, 1.0)
    return np.where(blue, out * (1 + ramp * (np.clip(step, 0.3, 3.0) - 1)), out)


def forest(rng: np.random.Generator, z: float, *, quasar: bool = True) -> Floats:
    """Transmission of the Lyman-α and -β forests, damped absorbers and Lyman limits.

    Its mean falls with redshift as :func:`effective_depth` does; a sightline's own mean
    scatters by 10 % in optical depth. A quasar ionizes what is near it.
    """
    out = np.ones(WAVE.size)
    blue = WAVE < LYMAN_ALPHA
    wave, scatter = WAVE[blue], rng.lognormal(0, 0.1)
    alpha = scatter * effective_depth(wave, LYMAN_ALPHA, z)
    if quasar:
        alpha *= near_zone(rng, wave, LYMAN_ALPHA, z)
    beta = LYMAN_BETA_SHARE * scatter * effective_depth(wave, LYMAN_BETA, z)
    out[blue] = _clumpy(rng, alpha) * _clumpy(rng, beta)
    out *= _limits(rng, z)
    if rng.uniform() < 0.06 * z:
        centre = LYMAN_ALPHA * np.exp(-rng.uniform(0.0, 0.17))
        wing = rng.lognormal(np.log(4.0), 0.5) / np.abs(WAVE - centre).clip(min=1e-3)
        out *= np.exp(-np.minimum(wing**2, 50.0))
    return out


def _clumpy(rng: np.random.Generator, depth: Floats) -> Floats:
    """Transmission exp(-a·e^g), g a smooth Gaussian field, with mean exp(-depth) everywhere."""
    field = gaussian_filter1d(rng.standard_normal(depth.size), rng.uniform(0.8, 2.0))
    field *= CLUMPING / field.std()
    amplitude = np.geomspace(1e-4, 300.0, 60)
    quantiles = CLUMPING * _NORMAL
    mean_depth = -np.log(np.exp(-amplitude[:, None] * np.exp(quantiles)).mean(axis=1))
    return np.asarray(np.exp(-np.interp(depth, mean_depth, amplitude, left=0.0) * np.exp(field)))


_NORMAL = np.sort(np.random.default_rng(0).standard_normal(2001))
"""A fixed sample of the normal distribution, for the mean over the field."""


def _limits(rng: np.random.Generator, z: float) -> Floats:
    """Transmission of the Lyman limits met first on the way from the quasar."""
    depth = np.zeros(WAVE.size)
    at = z
    for _ in range(MOST_LIMITS):
        at -= rng.exponential(1.0 / (2.0 * ((1 + at) / 4.4) ** 2.5))
        if at < 1.5:
            break
        limit = LYMAN_LIMIT * (1 + at) / (1 + z)
        depth += (limit > WAVE) * rng.lognormal(1.0, 0.8) * (WAVE / limit) ** 2.75
    return np.asarray(np.exp(-depth))
