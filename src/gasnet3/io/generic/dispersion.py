"""Wavelengths of pixels from the keywords of a FITS header."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gasnet3.io.generic.roles import RolesError
from gasnet3.io.units import is_spectral, parse_unit
from gasnet3.machine.typing import Floats

Header = Mapping[str, Any]

_CELESTIAL = re.compile(r"RA--|DEC-|GLON|GLAT|ELON|ELAT|[XY]LON|[XY]LAT", re.IGNORECASE)
_AIR = re.compile(r"\bair\b", re.IGNORECASE)
_VACUUM = re.compile(r"\bvac(uum)?\b", re.IGNORECASE)
# spec1 = "aperture beam dtype w1 dw nw z aplow aphigh ..."
_MULTISPEC = re.compile(r'spec(\d+)\s*=\s*"([^"]*)"')
# Of the FITS standard, in which WAVE is a wavelength in vacuum and AWAV one in air.
_VACUUM_KINDS = ("WAVE", "WAVE-LOG", "FREQ", "FREQ-LOG", "ENER", "ENER-LOG", "WAVN", "WAVN-LOG")
_SPECTRAL = ("WAVE", "AWAV", "FREQ", "ENER", "WAVN", "LAMBDA", "WAVELENGTH", "LOGLAM", "ANGSTROM")


@dataclass(frozen=True)
class Axis:
    """Wavelengths as a header gives them.

    Attributes
    ----------
    values : ndarray of float64, shape (pixels,) or (rows, pixels)
        Wavelengths, or their logarithms.
    role : str
        ``wave``, or ``loglam`` for logarithms of base 10.
    unit : str
        Of the wavelengths, '' where the header does not say.
    air : bool, optional
        Whether the header says that they are air.
    where : str
        The keywords they are from.
    """

    values: Floats
    role: str
    unit: str
    air: bool | None
    where: str


def is_celestial(header: Header) -> bool:
    """Whether an image is one of the sky."""
    return any(_CELESTIAL.match(str(header.get(f"CTYPE{axis}", ""))) for axis in (1, 2))


def axis_of(header: Header, pixels: int, rows: int = 1) -> Axis | None:
    """Wavelengths of an image or a table with one spectrum a row, None where none are told.

    Understands COEFF0 and COEFF1 (SDSS), linear and logarithmic axes of the FITS standard
    (Greisen et al. 2006: ``WAVE``, ``AWAV``, ``WAVE-LOG``, ``FREQ``, ...), of IRAF (``LINEAR``
    with DC-FLAG, and multispec with linear or logarithmic dispersion), and CRVAL1 with CDELT1 or
    CD1_1 without a CTYPE. RolesError if wavelengths are described in a way that is not understood.
    """
    if rows < 1 or pixels < 2:
        return None
    zero, step = (_number(header, name) for name in ("COEFF0", "COEFF1"))
    if zero is not None and step is not None:
        return Axis(
            zero + step * np.arange(pixels, dtype=np.float64),
            "loglam",
            "Angstrom",
            said_air(header),
            "COEFF0, COEFF1",
        )
    if str(header.get("CTYPE1", "")).strip().upper().startswith("MULTISPE"):
        return _multispec(header, pixels, rows)
    return _from_wcs(header, pixels)


def said_air(header: Header) -> bool | None:
    """Whether a header says that wavelengths are air (True) or vacuum (False)."""
    for keyword in ("AIRORVAC", "AIRVAC", "WAVEMED", "SPECMED"):
        text = str(header.get(keyword, ""))
        if _AIR.search(text) or _VACUUM.search(text):
            return _VACUUM.search(text) is None
    vacuum = header.get("VACUUM")
    return (not vacuum) if isinstance(vacuum, bool) else None


def air_in(text: str) -> bool | None:
    """Whether a comment says air or vacuum; None if neither, or both."""
    air, vacuum = _AIR.search(text) is not None, _VACUUM.search(text) is not None
    return air if air != vacuum else None


def _number(header: Header, keyword: str) -> float | None:
    value = header.get(keyword)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if np.isfinite(number) else None


def _step(header: Header) -> float | None:
    for keyword, factor in (("CD1_1", None), ("CDELT1", _number(header, "PC1_1"))):
        step = _number(header, keyword)
        if step:
            # astropy writes a CD1_1 of its own as CDELT1 = 1 and PC1_1.
            return step * (factor or 1.0)
    return None


def _from_wcs(header: Header, pixels: int) -> Axis | None:
    first, step = _number(header, "CRVAL1"), _step(header)
    kind = str(header.get("CTYPE1", "")).strip().upper()
    if first is None or step is None or _CELESTIAL.match(kind) or kind in ("PIXEL", "PIXELS"):
        return None
    if kind.startswith(("VELO", "VRAD", "VOPT", "ZOPT")):
        raise RolesError(f"its axis is one of velocities (CTYPE1 = {kind!r}), not of wavelengths")
    if kind.endswith(("-TAB", "-GRI", "-GRA")) or re.fullmatch(r"\w{4}-[FWVA]2[FWVA]", kind):
        raise RolesError(f"wavelengths of the kind CTYPE1 = {kind!r} are not understood; resample")
    reference = _number(header, "CRPIX1")
    offset = np.arange(1.0, pixels + 1.0) - (1.0 if reference is None else reference)
    unit = str(header.get("CUNIT1", "")).strip()
    unit = unit if is_spectral(unit) else ""
    if not unit and kind.startswith(("WAVE", "AWAV")) and "CUNIT1" not in header and first < 1e-4:
        unit = "m"  # of the FITS standard
    if not unit and step == 1.0 and abs(first) <= 1.0:
        return None  # numbers of pixels
    comment = comments_of(header, "CRVAL1", "CUNIT1", "CTYPE1")
    air = True if kind.startswith("AWAV") else said_air(header)
    air = air_in(comment) if air is None else air
    if air is None and kind in _VACUUM_KINDS:
        air = False
    where = (
        "keywords CRVAL1, CDELT1" if _number(header, "CD1_1") is None else "keywords CRVAL1, CD1_1"
    )
    where += f", CTYPE1 = {kind!r}" if kind else ""
    where += ", no CRPIX1: CRVAL1 is taken for the first pixel" if reference is None else ""
    return _scaled(header, kind, first, step, offset, unit, air, where)


def _scaled(
    header: Header,
    kind: str,
    first: float,
    step: float,
    offset: Floats,
    unit: str,
    air: bool | None,
    where: str,
) -> Axis | None:
    """Linear or logarithmic, whichever the header says; by the numbers where it cannot else be."""
    linear = first + step * offset
    low, high = float(linear.min()), float(linear.max())
    angstrom = parse_unit(unit) == parse_unit("Angstrom")
    # Nothing is observed at 4 Å, though CUNIT1 or CTYPE1 may say so of its logarithm.
    already = (angstrom or not unit) and low >= 3.0 and high < 11.0
    if kind.endswith("-LOG") and first > 0 and not already:
        # Greisen et al. 2006, eq. 5: the step is that at the reference pixel.
        with np.errstate(over="ignore"):
            return Axis(first * np.exp(step * offset / first), "wave", unit, air, where)
    flagged = _number(header, "DC-FLAG") == 1.0
    named = "LOG" in kind and not kind.endswith("-LOG")
    ranged = already and high < 5.0 and (angstrom or kind.endswith("-LOG"))
    if flagged or named or ranged:
        where += ", DC-FLAG = 1" if flagged else ""
        return Axis(linear, "loglam", unit, air, f"{where} (log10)")
    if not unit and kind and kind != "LINEAR" and not kind.startswith(_SPECTRAL):
        return None
    return Axis(linear, "wave", unit, air, where)


def comments_of(header: Header, *keywords: str) -> str:
    """What the comments of some keywords say."""
    comments = getattr(header, "comments", None)
    return " ".join(str(comments[key]) for key in keywords if comments and key in header)


def _multispec(header: Header, pixels: int, rows: int) -> Axis:
    """IRAF's dispersion of each aperture, in the pieces of WAT2_nnn."""
    pieces = []
    for at in range(1, 1000):
        piece = header.get(f"WAT2_{at:03d}")
        if piece is None:
            break
        # A blank at the end of a full piece was trimmed.
        pieces.append(str(piece).ljust(68))
    found = {int(number): text.split() for number, text in _MULTISPEC.findall("".join(pieces))}
    values = np.full((rows, pixels), np.nan)
    logs = set()
    for row in range(rows):
        fields = [float(field) for field in found.get(row + 1, [])[:7]]
        if len(fields) < 7:
            raise RolesError(
                f"the multispec keywords WAT2 do not tell the wavelengths of row {row}"
            )
        kind, first, step, count, z = fields[2:]
        if kind not in (0.0, 1.0):
            raise RolesError(
                "the dispersion of its multispec keywords is neither linear nor logarithmic; "
                "resample the spectra, in IRAF with dispcor"
            )
        logs.add(kind == 1.0)
        used = np.arange(int(min(max(count, 0), pixels)))
        grid = first + step * used
        values[row, used] = grid - np.log10(1 + z) if kind == 1.0 else grid / (1 + z)
    if len(logs) > 1:
        raise RolesError("some of its apertures are linear, some logarithmic; resample them")
    unit = re.search(r"units\s*=\s*(\S+)", str(header.get("WAT1_001", "")))
    role = "loglam" if logs == {True} else "wave"
    return Axis(
        values[0] if rows == 1 else values,
        role,
        unit[1] if unit and is_spectral(unit[1]) else "Angstrom",
        said_air(header),
        "IRAF multispec keywords WAT2",
    )
