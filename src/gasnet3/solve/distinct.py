"""When two minima are different solutions."""

from __future__ import annotations

from gasnet3.spectra.lattice import C_KM_S, LN10_STEP, shift_from_z

DISTINCT = 0.01
"""Solutions of a class are distinct when Δz/(1+z) is larger than this (paper, section 3.4 v)."""

DISTINCT_STAR_KM_S = 100.0
"""Stellar solutions are distinct when their velocities differ by more than this."""


def distinct_pixels(cls: str) -> float:
    """Smallest distance in pixels between distinct solutions of a class."""
    if cls == "STAR":
        return DISTINCT_STAR_KM_S / C_KM_S / LN10_STEP
    return float(shift_from_z(DISTINCT))
