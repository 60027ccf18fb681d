"""Units as people write them, and spectra in vacuum Å and 1e-17 erg/s/cm²/Å."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gasnet3.machine.typing import Floats

if TYPE_CHECKING:
    from astropy.units import UnitBase

FLUX_UNIT = "1e-17 erg / (s cm2 Angstrom)"
"""What flux densities of a known unit become."""

# In the order they are applied; people's spellings that astropy does not read.
_SPELLINGS = (
    (r"[åa]ngstr(?:ö|oe|o)ms?|\bangs?\b|Å|Å|\bAA\b", "Angstrom"),
    (r"\bA\b(?![a-z])", "Angstrom"),
    (r"\bergs\b", "erg"),
    (r"\b(seconds?|sec)\b", "s"),
    (r"\b(microns?|micrometers?|µm|μm)\b", "um"),
    (r"\bnanometers?\b", "nm"),
    (r"\bjansky\b", "Jy"),
    (r"\bhertz\b", "Hz"),
    (r"\bflam\b", "erg/s/cm2/Angstrom"),
    (r"\bfnu\b", "erg/s/cm2/Hz"),
)
# 1E-17, 10^-17, 10**-17, 10^(-17), x 10-17, 10**(-17): all mean a power of ten.
_POWER = re.compile(r"(?:[x*×]\s*)?\b(?:1(?:\.0*)?[eE]|10\s*(?:\*\*|\^)?\s*\(?\s*)([-+]\d+)\)?")

_NONE = ("none", "null", "unitless", "-", "?", "n/a")
_LOGARITHM = re.compile(r"\s*(log10|log|lg|ln)\s*\(?([^)]*)\)?\s*$", re.IGNORECASE)
_COUNTS = re.compile(
    r"(?<![a-z])(adu|dn|counts?|cts?|ph|(photo-?)?electrons?|photons?|e-(?!\d)|(no|un)calib\w*)"
    r"(?![a-z])",
    re.IGNORECASE,
)
_MAGNITUDE = re.compile(r"mag|\bdex\b|^\s*(AB|ST)\s*$", re.IGNORECASE)


@cache
def parse_unit(text: str) -> UnitBase | None:
    """A unit as a file writes it; None where it is none that is known.

    Understands what astropy does, and ``1E-17 erg/cm^2/s/Ang``, ``10^-17 ergs/s/cm2/A``,
    ``Angstroms``, ``microns``; ``A`` is Ångström, as in spectra it never is ampere.
    """
    from astropy import units

    text = text.strip().strip("[]").strip()
    if not text or text.lower() in _NONE:
        return None
    scale = 1.0
    for power in _POWER.findall(text):
        scale *= 10.0 ** int(power)
    text = _POWER.sub(" ", text)
    for pattern, spelling in _SPELLINGS:
        text = re.sub(pattern, spelling, text, flags=0 if pattern.startswith(r"\bA") else re.I)
    text = re.sub(r"\^|\*\*", "", text)
    text = text.strip(" */.")
    if "(" not in text and "/" in text:
        above, *below = (part.strip() for part in text.split("/"))
        text = f"{above or 1} / ({' '.join(below)})"
    for form in (None, "cds", "ogip", "vounit"):
        try:
            found = units.Unit(text, format=form, parse_strict="raise")
        except (ValueError, TypeError):
            continue
        if found is not None:  # OGIP's word for a unit that is not known is "UNKNOWN"
            return units.Unit(scale * found)
    return None


def is_unit(text: str) -> bool:
    """Whether a unit, or that of a logarithm, is known, or is said to be none."""
    match = _LOGARITHM.match(text)
    bare = (match[2] if match else text).strip()
    return not bare or bare.lower() in _NONE or parse_unit(bare) is not None


def is_spectral(text: str) -> bool:
    """Whether a unit is one of wavelength, frequency, wavenumber or energy."""
    from astropy import units

    unit = parse_unit(text)
    return unit is not None and unit.is_equivalent(units.AA, units.spectral())


def is_length(text: str) -> bool:
    """Whether a unit may be one of wavelength: frequencies and energies do not know of air."""
    from astropy import units

    unit = parse_unit(text)
    return unit is None or unit.is_equivalent(units.AA)


def is_flux_density(text: str) -> bool:
    """Whether a unit is one of flux density, per wavelength or per frequency."""
    from astropy import units

    unit = parse_unit(text)
    density = units.spectral_density(5000 * units.AA)
    return unit is not None and unit.is_equivalent(units.Unit("erg/(s cm2 Angstrom)"), density)


def is_counts(text: str) -> bool:
    """Whether a unit, or the name of a flux, is what a detector counts: not calibrated."""
    return bool(_COUNTS.search(text)) and not is_flux_density(text)


def wavelengths(
    values: NDArray[Any], unit: str, *, log: bool = False, natural: bool = False
) -> tuple[Floats, str]:
    """Wavelengths in Å, and what had to be assumed ('' for nothing).

    The values, of any shape, are wavelengths, frequencies, wavenumbers or energies, or logarithms
    of wavelengths (``log``; ``natural`` for base e), whose unit is then that of the wavelength;
    what is not finite stays so. ValueError if the unit is not one of a spectral axis.
    """
    from astropy import units

    numbers = np.asarray(values, np.float64)
    match = _LOGARITHM.match(unit)
    if match:
        log, natural, unit = True, match[1].lower() == "ln", match[2]
    assumed = ""
    if not log and not unit.strip():
        log, natural, unit, assumed = _guessed(numbers)
    if log:
        with np.errstate(over="ignore"):
            numbers = np.exp(numbers) if natural else 10.0**numbers
        if not unit.strip():
            unit, assumed = "Angstrom", assumed or "logarithms are taken as those of Å"
    known = parse_unit(unit)
    if known is None or not known.is_equivalent(units.AA, units.spectral()):
        raise ValueError(
            f"{unit!r} is no unit of wavelength, frequency or energy that is known; say it with "
            "--unit wave=UNIT, such as Angstrom, nm, um, Hz"
        )
    if known == units.AA:
        return numbers, assumed
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((numbers * known).to_value(units.AA, units.spectral())), assumed


def _guessed(numbers: Floats) -> tuple[bool, bool, str, str]:
    """Logarithm or not, its base, the unit, and what to tell, from the range of the numbers."""
    usable = numbers[np.isfinite(numbers) & (numbers > 0)]
    low, high = (float(usable.min()), float(usable.max())) if usable.size else (1.0, 1.0)
    between = f"the wavelengths have no unit and go from {low:g} to {high:g}: taken as"
    if low >= 3.0 and high < 5.0:
        return True, False, "Angstrom", f"{between} log10 of Å"
    if low >= 7.5 and high < 11.0:
        return True, True, "Angstrom", f"{between} ln of Å"
    if high < 30.0:
        return False, False, "um", f"{between} µm"
    if high < 2500.0 and low >= 90.0:
        return False, False, "nm", f"{between} nm"
    return False, False, "Angstrom", f"{between} Å"


def flux_factor(unit: str | UnitBase, wave: Floats) -> tuple[Floats | float, str]:
    """What flux densities are multiplied with to be F_λ in :data:`FLUX_UNIT`, and what is assumed.

    Of F_ν the factor has the shape of ``wave``, the vacuum Å of the pixels. It is 1.0 where the
    unit is no flux density: class and redshift do not depend on the scale.
    """
    from astropy import units

    if _MAGNITUDE.search(str(unit)):
        raise ValueError(
            f"the flux is in {unit}: write it as a flux density, not as magnitudes or logarithms"
        )
    known = parse_unit(unit) if isinstance(unit, str) else unit
    if known is None:
        what = (
            f"the unit {unit!r} of the flux is not known"
            if str(unit).strip()
            else "no unit of flux"
        )
        return 1.0, f"{what}: taken as a flux density per wavelength, its scale as it is"
    target = units.Unit(FLUX_UNIT)
    if known.is_equivalent(target):
        return float(known.to(target)), ""
    density = units.spectral_density(np.where(wave > 0, wave, np.nan) * units.AA)
    if known.is_equivalent(target, density):
        return np.asarray((1.0 * known).to_value(target, density), np.float64), ""
    return 1.0, f"the flux is in {unit}, no flux density: taken as one per wavelength"
