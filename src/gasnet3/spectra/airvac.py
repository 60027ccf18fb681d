"""Wavelengths in air and in vacuum.

The index of refraction is that of Ciddor 1996 (Applied Optics 35, 1566) for standard air: dry,
15 °C, 101 325 Pa, 450 ppm CO2. Lists of lines and surveys mean that air; formulae in use for it
agree to 0.1 km/s in the optical. The formula printed in the FITS standard (Greisen et al. 2006,
eq. 65) is of air at 0 °C and gives wavelengths 4 km/s from these: it is not used, not even for
``CTYPE = 'AWAV'``, whose writers mean standard air.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from gasnet3.machine.typing import Floats

AIR_FROM = 2000.0
"""Å; shorter wavelengths are given in vacuum by everybody, and stay as they are."""


def refraction_index(vacuum: ArrayLike) -> Floats:
    """Index of refraction of air at wavelengths in vacuum Å."""
    inverse_square = (1e4 / np.asarray(vacuum, np.float64)) ** 2  # 1/µm²
    return np.asarray(
        1.0 + 0.05792105 / (238.0185 - inverse_square) + 0.00167917 / (57.362 - inverse_square)
    )


def vacuum_to_air(vacuum: ArrayLike) -> Floats:
    """Wavelengths in air Å of wavelengths in vacuum Å; below 2000 Å they are the same."""
    wave = np.asarray(vacuum, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(wave >= AIR_FROM, wave / refraction_index(wave), wave)


def air_to_vacuum(air: ArrayLike) -> Floats:
    """Wavelengths in vacuum Å of those in air Å: the inverse of :func:`vacuum_to_air`.

    Exact to 1e-9 Å; below 2000 Å they are taken as vacuum.
    """
    given = np.asarray(air, np.float64)
    vacuum = given
    with np.errstate(divide="ignore", invalid="ignore"):
        # The index changes so slowly that each step gains four digits.
        for _ in range(3):
            vacuum = given * refraction_index(vacuum)
    first = AIR_FROM / refraction_index(AIR_FROM)
    return np.where(given >= first, vacuum, given)
