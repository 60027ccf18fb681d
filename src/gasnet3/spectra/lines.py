"""Spectral lines worth naming: vacuum wavelengths, as SDSS lists them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Line:
    """One spectral line.

    Parameters
    ----------
    name : str
        The field's usual name.
    wave : float
        Rest-frame vacuum wavelength in Å.
    kind : {"emission", "absorption", "both"}
        How it is usually seen.
    broad : bool
        Whether it is a broad line of quasars.
    """

    name: str
    wave: float
    kind: Literal["emission", "absorption", "both"]
    broad: bool = False


# Source: the line list of the SDSS spectroscopic pipeline (vacuum wavelengths).
LINES: tuple[Line, ...] = (
    Line("Lyβ", 1025.72, "emission", broad=True),
    Line("O VI", 1033.82, "emission", broad=True),
    Line("Lyα", 1215.67, "emission", broad=True),
    Line("N V", 1240.81, "emission", broad=True),
    Line("O I", 1305.53, "emission", broad=True),
    Line("C II", 1335.31, "emission", broad=True),
    Line("Si IV", 1397.61, "emission", broad=True),
    Line("C IV", 1549.48, "emission", broad=True),
    Line("He II", 1640.40, "emission", broad=True),
    Line("Al III", 1857.40, "emission", broad=True),
    Line("C III]", 1908.73, "emission", broad=True),
    Line("C II]", 2326.00, "emission", broad=True),
    Line("Fe II", 2600.17, "absorption"),
    Line("Mg II", 2799.12, "both", broad=True),
    Line("[Ne V]", 3426.85, "emission"),
    Line("[O II]", 3728.48, "emission"),
    Line("[Ne III]", 3869.86, "emission"),
    Line("Ca K", 3934.78, "absorption"),
    Line("Ca H", 3969.59, "absorption"),
    Line("Hδ", 4102.89, "both", broad=True),
    Line("G band", 4305.61, "absorption"),
    Line("Hγ", 4341.68, "both", broad=True),
    Line("[O III]", 4364.44, "emission"),
    Line("He II", 4687.02, "emission"),
    Line("Hβ", 4862.68, "both", broad=True),
    Line("[O III]", 4960.30, "emission"),
    Line("[O III]", 5008.24, "emission"),
    Line("Mg b", 5176.63, "absorption"),
    Line("TiO", 6158.00, "absorption"),
    Line("He I", 5877.25, "emission"),
    Line("Na D", 5895.60, "absorption"),
    Line("[O I]", 6302.05, "emission"),
    Line("[N II]", 6549.86, "emission"),
    Line("Hα", 6564.61, "both", broad=True),
    Line("[N II]", 6585.27, "emission"),
    Line("[S II]", 6718.29, "emission"),
    Line("[S II]", 6732.68, "emission"),
    Line("TiO", 7053.00, "absorption"),
    Line("K I", 7701.08, "absorption"),
    Line("Na I", 8190.00, "absorption"),
    Line("Ca II", 8500.36, "absorption"),
    Line("Ca II", 8544.44, "absorption"),
    Line("Ca II", 8664.52, "absorption"),
    Line("[S III]", 9071.10, "emission"),
)

# Source: Osterbrock et al. 1996 (PASP 108, 277) and 1997 (PASP 109, 614), the strongest only.
SKY_LINES_AIR: tuple[float, ...] = (
    4358.34, 5460.75, 5577.34, 5889.95, 5895.92, 6300.30, 6363.78, 6863.96, 6923.22, 7276.41,
    7316.28, 7340.89, 7750.64, 7794.11, 7821.50, 7913.71, 7964.65, 7993.33, 8344.60, 8399.17,
    8430.17, 8465.35, 8827.10, 8885.85, 8919.61, 8957.92,
)  # fmt: skip
"""Lines of the night sky and of street lamps: wavelengths in air, Å."""

TELLURIC: tuple[tuple[float, float], ...] = ((6867.0, 6950.0), (7594.0, 7700.0))
"""The bands B and A of oxygen in the air above the telescope: from and to, vacuum Å."""
