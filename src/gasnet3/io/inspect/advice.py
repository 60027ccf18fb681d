"""What looks wrong with the spectra of a file, and what may mend it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from gasnet3.io.inspect.believable import BELIEVABLE, FEATURES_FROM
from gasnet3.io.inspect.report import Inspected
from gasnet3.io.units import parse_unit
from gasnet3.spectra.batch import Spectra
from gasnet3.spectra.coverage import MIN_COVERAGE_DEX
from gasnet3.spectra.lattice import STEP

MANY_MASKED = 0.5
"""Fraction of the pixels that are not used, from which that is reported."""

MANY_BAD = 0.01
"""Fraction of the pixels that are no numbers, from which that is reported."""

COARSE_KM_S = 300.0
"""Pixels wider than this blur the lines that tell redshifts."""

HIGHEST_SN = 1000.0
"""Median S/N that no survey's spectrum has."""

_OPTICAL = (300.0, 1100.0)
"""nm that spectra of the optical may have."""

_FREQUENCY = re.compile(r"f(lux)?[_ ]?nu\b|jy\b|jansky|/hz\b|hz-1|hz\^-1", re.IGNORECASE)
_MAGNITUDE = re.compile(r"\bmag\b|\babmag|magnitude", re.IGNORECASE)


def advice(report: Inspected, spectra: Spectra, kind: str, reading: str) -> Iterator[str]:
    """Warnings about a file, each with what to try.

    ``kind`` is what the uncertainties were taken for: ``error``, ``variance``, ``ivar`` or '';
    ``reading`` what they seem to be instead, or ''.
    """
    if not len(spectra):
        yield "the file holds no spectrum"
        return
    if not report.grids:
        yield "no spectrum has wavelengths that can be used: they must rise or fall, in one unit"
        return
    if report.empty:
        yield f"{report.empty} of {len(spectra)} spectra have no usable pixel: NODATA"
    yield from _of_wavelengths(report, spectra)
    yield from _of_masks(report)
    yield from _of_errors(report, kind, reading)
    yield from _of_flux(report, spectra)
    names, count = np.unique(spectra.ids, return_counts=True)
    if (count > 1).any():
        yield (
            f"{(count > 1).sum()} ids are not unique, as {str(names[count > 1][0])!r}: rows of a "
            "catalog cannot be told apart by them; name another column with --column id=NAME"
        )


def _of_wavelengths(report: Inspected, spectra: Spectra) -> Iterator[str]:
    first = min(grid.first for grid in report.grids)
    last = max(grid.last for grid in report.grids)
    low, high = spectra.lattice.wave[[0, -1]]
    if last < low or first > high:
        text = f"no pixel between {low:.0f} and {high:.0f} Å: wavelengths go from {first:.4g} to"
        text += f" {last:.4g} Å"
        for unit, factor in (("nm", 10.0), ("um", 1e4)):
            if _OPTICAL[0] <= first * factor / 10.0 and last * factor / 10.0 <= 2.5 * _OPTICAL[1]:
                text += f"; are they {unit}? --unit wave={unit}"
        yield text
    elif report.coverage[1] * spectra.lattice.n * STEP < MIN_COVERAGE_DEX:
        yield (
            f"little of the lattice is covered (under {MIN_COVERAGE_DEX} dex): classes and "
            "redshifts will be flagged LITTLE_COVERAGE"
        )
    widest = max(grid.step_km_s[0] for grid in report.grids)
    if widest > COARSE_KM_S:
        yield f"pixels of {widest:.0f} km/s and more: narrow lines are lost, redshifts less sure"


def _of_masks(report: Inspected) -> Iterator[str]:
    bad = sum(part for reason, part in report.masked.items() if "not finite" in reason)
    zero = report.masked.get("masked or zero ivar", 0.0)
    if bad > MANY_BAD:
        yield f"{bad:.0%} of the pixels are no numbers (NaN, or negative errors); they are masked"
    if zero > MANY_MASKED:
        roles = {role for role, _ in report.understood.used}
        yield f"{zero:.0%} of the pixels are masked or have zero ivar; " + (
            "if the mask marks the good pixels say --column mask=good:NAME"
            if "mask" in roles
            else "errors must be above 0: is another column meant? --column error=NAME"
        )


def _of_errors(report: Inspected, kind: str, reading: str) -> Iterator[str]:
    if reading:
        yield (
            f"the errors look like {_names(reading)}, not {_names(kind)}: neighbouring pixels "
            f"scatter as that would say; --column {reading}=NAME"
        )
    elif report.noise_ratio > BELIEVABLE[1] and report.sn[1] < FEATURES_FROM:
        yield (
            f"neighbouring pixels scatter {report.noise_ratio:.1f} times as much as the errors "
            "say: are these in the unit of the flux?"
        )
    elif report.noise_ratio < BELIEVABLE[0]:
        yield (
            f"neighbouring pixels scatter only {report.noise_ratio:.2g} times what the errors "
            "say: the spectra were smoothed or rebinned, or the errors are too large"
        )
    elif report.sn[1] > HIGHEST_SN:
        yield f"a median S/N of {report.sn[1]:.3g} is hardly true: check the unit of the errors"


def _names(kind: str) -> str:
    return {"ivar": "inverse variances", "variance": "variances", "error": "errors"}[kind]


def _of_flux(report: Inspected, spectra: Spectra) -> Iterator[str]:
    text = next((text for role, text in report.understood.used if role == "flux"), "")
    unit = re.search(r"\[(.*)\]", text)
    if unit is None or parse_unit(unit[1]) is None:
        if _FREQUENCY.search(text):
            yield (
                "the flux looks like one per frequency (F_nu), but its unit is not understood; "
                "--unit flux=Jy, or mJy, uJy, erg/(s cm2 Hz)"
            )
        elif _MAGNITUDE.search(text):
            yield "the flux looks like magnitudes; a flux density is needed"
    good = spectra.ivar > 0
    if report.flux[0] == report.flux[2] and good.any():
        yield f"the flux is the same everywhere: {report.flux[1]:g}"
    elif report.flux[1] < 0:
        yield "the median flux is negative: was too much sky subtracted, or the continuum?"
