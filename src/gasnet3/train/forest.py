"""What intergalactic hydrogen takes of light blueward of Lyα, in the mean.

Templates without it (redrock's of quasars) change with redshift beyond what a translation does.
Models of them are cut into slices of redshift, in each of which the transmission is that of its
middle.
"""

from __future__ import annotations

import numpy as np

from gasnet3.machine.typing import Floats

LYA = 1215.67
"""Å, vacuum."""

DEPTH, GROWTH = 0.00554, 3.182
"""τ = DEPTH·(1 + z)^GROWTH of Lyα (Kamble et al. 2020, Astrophys. J. 892, 70)."""

STEPS = 0.1
"""Difference of the transmission at Lyα from one end of a slice to the other, at most."""

OVERLAP = 0.012
"""In ln(1 + z), by which slices overlap: a minimum at the end of one lies within another."""


def transmission(wave: Floats, z: float) -> Floats:
    """Share of the light that arrives, at rest-frame wavelengths (Å) of a source at a redshift."""
    absorber = np.asarray(wave, np.float64) * (1.0 + z) / LYA
    return np.where(wave < LYA, np.exp(-DEPTH * absorber**GROWTH), 1.0)


def slices(z_min: float, z_max: float, bluest: float) -> list[tuple[float, float, float]]:
    """First, last and middle redshift of each slice of a range.

    Parameters
    ----------
    z_min, z_max : float
        The range.
    bluest : float
        Shortest observed wavelength, Å: before Lyα comes into view nothing changes.
    """
    seen = max(z_min, bluest / LYA - 1.0)
    if z_max <= seen:
        return [(z_min, z_max, z_min)]
    high, low = (float(np.exp(-DEPTH * (1.0 + z) ** GROWTH)) for z in (seen, z_max))
    number = int(np.ceil((high - low) / STEPS))
    at = np.linspace(high, low, 2 * number + 1)
    z = (-np.log(at) / DEPTH) ** (1.0 / GROWTH) - 1.0
    edges, middle = [z_min, *z[2:-1:2].tolist(), z_max], z[1::2].tolist()
    grown = float(np.exp(OVERLAP))
    return [
        (max(z_min, (1.0 + low) / grown - 1.0), min(z_max, (1.0 + high) * grown - 1.0), one)
        for low, high, one in zip(edges[:-1], edges[1:], middle, strict=True)
    ]
