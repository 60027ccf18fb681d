"""What the header of a file with one spectrum says of its object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeGuard

import numpy as np

from gasnet3.io.generic.holding import Holding
from gasnet3.io.naming import NAME_KEYWORDS

POSITION = {
    "ra": ("RA_OBJ", "RA_TARG", "OBJ_RA", "PLUG_RA", "RAJ2000", "RA"),
    "dec": ("DEC_OBJ", "DEC_TARG", "OBJ_DEC", "PLUG_DEC", "DECJ2000", "DEJ2000", "DEC"),
}
"""Keywords of the position in degrees, or in sexagesimal hours and degrees; the first counts."""

REDSHIFT = ("Z_HELIO", "ZHELIO", "Z")
QUALITY = ("QUALITY", "NQ", "ZQUALITY")
LEAST_POWER = 100.0
"""A resolution from here on is a power, not a width in Å."""

GOOD_QUALITY = 3
"""2dF, 6dF and GAMA call a redshift of this quality, or a higher one, reliable."""


def add_header(holding: Holding, *headers: Mapping[str, Any]) -> None:
    """Add key columns and a label from headers, of a file with one spectrum.

    A redshift counts as a label only beside a quality of 3 or more, as 2dF, 6dF and GAMA have it.
    """
    keys: dict[str, Any] = dict(holding.keys)
    have = {held.name.lower() for held in holding.arrays}
    for header in headers:
        found = {**_names(header), **_position(header)}
        for name, (keyword, value) in found.items():
            if name not in keys and name not in have:
                keys[name] = np.array([value])
                if name in POSITION:
                    holding.understood.used.append((name, f"keyword {keyword}"))
        if holding.z is None:
            _add_label(holding, header)
    holding.keys = keys


def says_uncalibrated(header: Mapping[str, Any]) -> bool:
    """Whether a header says, as ESO's do, that the flux is not calibrated, or is normalised."""
    said = str(header.get("FLUXCAL", "")).strip().upper()
    return said == "UNCALIBRATED" or header.get("CONTNORM") is True


def said_resolution(header: Mapping[str, Any]) -> str | None:
    """What a header says of the resolution, as ``R=600`` or ``fwhm=5A``; None if nothing.

    ``SPEC_RP``, ``SPEC_RES`` and ``SPECRES`` are written by some as a resolving power, by others as
    a width in Å: it is one or the other by its size. ``R`` and ``FWHM`` are names of much else
    (magnitudes, the seeing) and count where their comment says what they are.
    """
    comments = getattr(header, "comments", None)
    for keyword in ("SPEC_RP", "SPEC_RES", "SPECRES", "R", "FWHM"):
        value = header.get(keyword)
        if not _is_number(value):
            continue
        comment = "" if comments is None else str(comments[keyword]).lower()
        power, width = LEAST_POWER <= value <= 1e5, 0.01 <= value <= 60.0
        if keyword == "R":
            power, width = power and "resol" in comment, False
        elif keyword == "FWHM":
            power, width = False, width and ("ang" in comment or "å" in comment)
        if power or width:
            return f"R={value:.12g}" if power else f"fwhm={value:.12f}A"
    return None


def _names(header: Mapping[str, Any]) -> dict[str, tuple[str, Any]]:
    found = {}
    for name, keywords in NAME_KEYWORDS.items():
        for keyword in keywords:
            value = header.get(keyword)
            if isinstance(value, str | int) and not isinstance(value, bool) and str(value).strip():
                # Of one type in all files: what is a number here is a name there.
                found[name] = (keyword, str(value).strip())
                break
    return found


def _position(header: Mapping[str, Any]) -> dict[str, tuple[str, float]]:
    pairs = zip(POSITION["ra"], (*POSITION["dec"][:5], POSITION["dec"][6]), strict=True)
    for ra, dec in [*pairs, ("RAJ2000", "DEJ2000")]:
        if ra in header and dec in header:
            degrees = _degrees(header[ra], header[dec])
            if degrees is not None:
                return {"ra": (ra, degrees[0]), "dec": (dec, degrees[1])}
    return {}


def _degrees(ra: Any, dec: Any) -> tuple[float, float] | None:
    """A position in degrees, None if it is none."""
    if isinstance(ra, str) and isinstance(dec, str) and ":" in ra and ":" in dec:
        from astropy.coordinates import SkyCoord

        try:
            position = SkyCoord(ra, dec, unit=("hourangle", "deg"))
        except ValueError:
            return None
        return float(position.ra.deg), float(position.dec.deg)
    try:
        numbers = float(ra), float(dec)
    except (TypeError, ValueError):
        return None
    return numbers if 0 <= numbers[0] <= 360 and abs(numbers[1]) <= 90 else None


def _add_label(holding: Holding, header: Mapping[str, Any]) -> None:
    quality = next((header[key] for key in QUALITY if _is_number(header.get(key))), None)
    if quality is None or quality < GOOD_QUALITY:
        return
    for keyword in REDSHIFT:
        value = header.get(keyword)
        if _is_number(value) and -0.1 < value < 10:
            holding.z = np.array([float(value)])
            holding.understood.used.append(("z", f"keyword {keyword}, of quality {quality}"))
            return


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
