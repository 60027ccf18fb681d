"""Classes by emission lines: the BPT diagram, and subclasses as SDSS's pipeline defines them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from gasnet3.machine.typing import Floats

BPT = ("STARFORMING", "COMPOSITE", "SEYFERT", "LINER")
"""Values of ``bpt``; '' where one of the four lines is below 3 σ."""

LEAST = 3.0
"""Least flux over its error of each of the four lines (as spec1d)."""

STARBURST_EW = 50.0
"""Rest-frame width of Hα, Å, above which star formation is a burst (spec1d)."""


def ratios(flux: Mapping[str, Floats], err: Mapping[str, Floats]) -> tuple[Floats, Floats]:
    """log10 of [N II]/Hα and [O III]/Hβ, NaN where a line is below :data:`LEAST`.

    Parameters
    ----------
    flux, err : mapping of str to ndarray of float64, shape (rows,)
        Of ``hbeta, oiii_5008, halpha, nii_6585``.
    """
    keys = ("nii_6585", "halpha", "oiii_5008", "hbeta")
    with np.errstate(invalid="ignore", divide="ignore"):
        seen = np.all([flux[key] > LEAST * err[key] for key in keys], axis=0)
        logs = [np.log10(np.where(seen, flux[key], np.nan)) for key in keys]
    return logs[0] - logs[1], logs[2] - logs[3]


def spec1d_ratios(flux: Mapping[str, Floats], err: Mapping[str, Floats]) -> tuple[Floats, Floats]:
    """The same for :func:`subclasses`, where Hβ may be a limit if that is enough for an AGN."""
    x, y = ratios(flux, err)
    with np.errstate(invalid="ignore"):
        limit = np.maximum(flux["hbeta"], LEAST * err["hbeta"] * 1.0001)
    least_x, least_y = ratios({**flux, "hbeta": limit}, err)
    with np.errstate(invalid="ignore"):
        enough = least_y > 0.7 - 1.2 * (least_x + 0.4)
    return np.where(enough, least_x, x), np.where(enough, least_y, y)


def bpt(x: Floats, y: Floats) -> NDArray[np.str_]:
    """Place in the diagram of Baldwin, Phillips & Terlevich (1981).

    Star-forming below the curve of Kauffmann et al. 2003 (MNRAS 346, 1055), composite up to that
    of Kewley et al. 2001 (ApJ 556, 121); above it Seyferts and LINERs are divided by the line of
    Schawinski et al. 2007 (MNRAS 382, 1415).

    Parameters
    ----------
    x, y : ndarray of float64, shape (rows,)
        :func:`ratios`.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        pure = (x < 0.05) & (y < 0.61 / (x - 0.05) + 1.30)
        mixed = (x < 0.47) & (y < 0.61 / (x - 0.47) + 1.19)
        high = y > 1.05 * x + 0.45
    kind = np.where(pure, BPT[0], np.where(mixed, BPT[1], np.where(high, BPT[2], BPT[3])))
    return np.where(np.isfinite(x) & np.isfinite(y), kind, "").astype(np.str_)


def subclasses(
    x: Floats, y: Floats, halpha_ew: Floats, broad: NDArray[np.bool_]
) -> NDArray[np.str_]:
    """AGN, STARFORMING or STARBURST, with BROADLINE after it or alone; '' where lines do not tell.

    As SDSS's pipeline: AGN where y > 0.7 - 1.2 (x + 0.4), else STARFORMING, or STARBURST if Hα is
    wider than 50 Å.

    Parameters
    ----------
    x, y : ndarray of float64, shape (rows,)
        :func:`ratios`.
    halpha_ew : ndarray of float64, shape (rows,)
        Rest-frame equivalent width of Hα, Å.
    broad : ndarray of bool, shape (rows,)
        Whether there is a broad Balmer line.
    """
    with np.errstate(invalid="ignore"):
        agn = y > 0.7 - 1.2 * (x + 0.4)
        burst = halpha_ew > STARBURST_EW
    kind = np.where(agn, "AGN", np.where(burst, "STARBURST", "STARFORMING"))
    kind = np.where(np.isfinite(x) & np.isfinite(y), kind, "").astype("U24")
    return np.char.strip(np.char.add(kind, np.where(broad, " BROADLINE", ""))).astype(np.str_)
