"""How sharp spectra are: σ of the line spread in pixels of the lattice, one number a spectrum.

A line of resolving power R = λ / FWHM is as wide at every place of a logarithmic lattice.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasnet3.machine.typing import Floats
from gasnet3.spectra.lattice import LN10_STEP

FWHM = float(np.sqrt(8.0 * np.log(2.0)))
"""Full width at half maximum of a Gaussian, in its σ."""

BELIEVABLE = (20.0, 200_000.0)
"""Resolving powers beyond these are something else."""

STEP = 1.2
"""From one level of resolution to the next, in σ."""

FIRST, LAST = 2, 20
"""Levels: σ of 1.44 and 38 pixels. What is sharper is looked at with the models as they are."""

_SAID = re.compile(r"(R|FWHM)=([0-9.]+(?:E[0-9]+)?)(A|Å|ANGSTROM|NM)?")


def sigma_of_power(power: Any) -> Any:
    """σ in pixels of a resolving power R = λ / FWHM; NaN where that is not believable."""
    power = np.asarray(power, np.float64)
    known = (power >= BELIEVABLE[0]) & (power <= BELIEVABLE[1])
    return 1.0 / (np.where(known, power, np.nan) * FWHM * LN10_STEP)


def power_of_sigma(sigma: float) -> float:
    """The resolving power of a σ in pixels."""
    return 1.0 / (sigma * FWHM * LN10_STEP)


def typical(sigma: Floats, good: NDArray[np.bool_]) -> Floats:
    """Median over the good pixels of each row, NaN where there is none.

    Parameters
    ----------
    sigma : ndarray of float64, shape (n,) or (rows, n)
        σ of every pixel; what is not above 0 does not count.
    good : ndarray of bool, shape (rows, n)
        The pixels that count.
    """
    sigma = np.broadcast_to(sigma, good.shape)
    out = np.full(len(good), np.nan)
    for row, (values, use) in enumerate(zip(sigma, good, strict=True)):
        with np.errstate(invalid="ignore"):
            use = use & (values > 0) & np.isfinite(values)
        if use.any():
            out[row] = np.median(values[use])
    return out


def parse_resolution(text: str) -> tuple[str, float]:
    """What ``R=600`` or ``fwhm=5A`` says: ``R`` and the number, or ``fwhm`` and Å.

    ValueError if a text has another form, or is not believable.
    """
    found = _SAID.fullmatch(text.replace(" ", "").upper())
    try:
        value = float(found[2]) if found else 0.0
    except ValueError:
        value = 0.0
    if found and found[1] == "R" and found[3] is None:
        if BELIEVABLE[0] <= value <= BELIEVABLE[1]:
            return "R", value
    elif found and found[1] == "FWHM":
        value *= 10.0 if found[3] == "NM" else 1.0
        if 0.01 <= value <= 300.0:
            return "fwhm", value
    raise ValueError(
        f"the resolution {text!r} is not understood: give R=600 (20 or more), or fwhm=5A (at most "
        "300 Å)"
    )


def sigma_said(text: str, wave: Floats, good: NDArray[np.bool_]) -> Floats:
    """σ of every row for what :func:`parse_resolution` understands, shape (rows,).

    ``wave`` has the Å of the lattice, ``good`` the pixels that count, shape (rows, n).
    """
    kind, value = parse_resolution(text)
    if kind == "R":
        return np.full(len(good), float(sigma_of_power(value)))
    return typical(value / (FWHM * LN10_STEP * wave), good)


def levels(sigma: Floats) -> NDArray[np.int64]:
    """Level of each row: 0 for what the models are looked at as they are, shape (rows,)."""
    with np.errstate(invalid="ignore", divide="ignore"):
        step = np.rint(np.log(sigma) / np.log(STEP))
    step = np.where(np.isfinite(step) & (step >= FIRST), np.minimum(step, LAST), 0)
    return step.astype(np.int64)


def sigma_of_level(level: int) -> float:
    """σ in pixels that a level other than 0 stands for."""
    return float(STEP**level)
