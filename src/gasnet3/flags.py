"""Bits a row: ZWARN, why its redshift may be wrong; notes, what is unusual; what was measured."""

from __future__ import annotations

from enum import IntFlag


class ZWarn(IntFlag):
    """Why the redshift should not be trusted blindly; 0 where it is good.

    Bits 0 to 11 as SDSS and redrock number them, 24 and up are ours. Those that they have and we
    do not (3, 4, 6), and 24 to 27, are not used: what they said is in :class:`Notes`.
    """

    SKY = 1 << 0
    LITTLE_COVERAGE = 1 << 1
    SMALL_DELTA_CHI2 = 1 << 2
    Z_FITLIMIT = 1 << 5
    UNPLUGGED = 1 << 7
    BAD_TARGET = 1 << 8
    NODATA = 1 << 9
    BAD_MINFIT = 1 << 10
    POORDATA = 1 << 11
    Z_UNCERTAIN = 1 << 28


class Notes(IntFlag):
    """What is unusual about a spectrum or its fit, while the redshift may well be right.

    Numbered from 0, in an order of our own.
    """

    ANOMALY = 1 << 0
    CLASS_AMBIGUOUS = 1 << 1
    OUT_OF_DOMAIN = 1 << 2
    SPARSE_TRAINING = 1 << 3
    SMALL_DELTA_CHI2 = 1 << 4
    NEGATIVE_MODEL = 1 << 5
    NEGATIVE_EMISSION = 1 << 6
    MANY_OUTLIERS = 1 << 7


class MeasureWarn(IntFlag):
    """What could not be measured of a spectrum, and why (``gasnet3 measure``)."""

    NO_REDSHIFT = 1 << 0
    STAR = 1 << 1
    Z_DOUBTED = 1 << 2
    VDISP_NOT_COVERED = 1 << 3
    VDISP_LOW_SN = 1 << 4
    VDISP_AT_LIMIT = 1 << 5
    VDISP_UNRESOLVED = 1 << 6
    LINES_NOT_COVERED = 1 << 7
    NO_LINES = 1 << 8
    LINES_UNRESOLVED = 1 << 9
    LINES_AT_LIMIT = 1 << 10


_SMALL_DELTA_CHI2 = "another redshift fits almost as well; a warning only where p_z is not known"

DESCRIPTION: dict[ZWarn, str] = {
    ZWarn.SKY: "sky fibre: the input says that no object was targeted",
    ZWarn.LITTLE_COVERAGE: "unmasked pixels cover less than 0.18 dex of wavelength",
    ZWarn.SMALL_DELTA_CHI2: _SMALL_DELTA_CHI2,
    ZWarn.Z_FITLIMIT: "the least χ² is at the edge of the scanned redshifts",
    ZWarn.UNPLUGGED: "the fibre was unplugged or broken",
    ZWarn.BAD_TARGET: "the input says that the target was bad",
    ZWarn.NODATA: "no usable pixel, or fewer than 32: too few to fit",
    ZWarn.BAD_MINFIT: "no minimum could be fitted in the χ² curve",
    ZWarn.POORDATA: "bad values or most pixels are masked, or S/N is below 0.5 and p_z not known",
    ZWarn.Z_UNCERTAIN: "the probability that the redshift is right is below 0.9",
}
"""One sentence a warning; the table of the documentation is generated from it."""

NOTES_DESCRIPTION: dict[Notes, str] = {
    Notes.ANOMALY: "anomaly_score is 2 or more: strange, see anomaly_kind and anomaly_reason",
    Notes.CLASS_AMBIGUOUS: "the probability of the class is below 0.9",
    Notes.OUT_OF_DOMAIN: "coefficients unlike any of the training population",
    Notes.SPARSE_TRAINING: "few training spectra near this redshift",
    Notes.SMALL_DELTA_CHI2: _SMALL_DELTA_CHI2,
    Notes.NEGATIVE_MODEL: "the best model is negative over the spectrum",
    Notes.NEGATIVE_EMISSION: "called QSO, but a quasar line is in absorption by more than 3 σ",
    Notes.MANY_OUTLIERS: "more than 5 % of the pixels are over 5 σ from the best model",
}
"""One sentence a note, likewise."""

MEANING: dict[str, str] = {
    flag.name or "": text for flag, text in (*DESCRIPTION.items(), *NOTES_DESCRIPTION.items())
}
"""The sentences of both by the names of the bits: one name has one meaning."""

MEASURE_DESCRIPTION: dict[MeasureWarn, str] = {
    MeasureWarn.NO_REDSHIFT: "the catalog has no redshift for this id: nothing is measured",
    MeasureWarn.STAR: "a star: nothing is measured",
    MeasureWarn.Z_DOUBTED: "the catalog's zwarn is not 0: what is measured holds if z is right",
    MeasureWarn.VDISP_NOT_COVERED: "too few good pixels between 4100 and 6800 Å (rest frame)",
    MeasureWarn.VDISP_LOW_SN: "S/N a pixel there is below 5: no dispersion can be told",
    MeasureWarn.VDISP_AT_LIMIT: "the widest stars fit best, 850 km/s: there is no minimum",
    MeasureWarn.VDISP_UNRESOLVED: "stars are not seen broader than the spectrograph shows them",
    MeasureWarn.LINES_NOT_COVERED: "none of the lines is in the range of the spectrum",
    MeasureWarn.NO_LINES: "no narrow line is above 5 σ: fluxes are upper limits, widths unknown",
    MeasureWarn.LINES_UNRESOLVED: "the width of the narrow lines is below twice its error",
    MeasureWarn.LINES_AT_LIMIT: "velocity or width of the narrow lines at its limit: not Gaussians",
}
"""One sentence for each bit of ``measure_warn``."""


def names(bits: int, flags: type[ZWarn] | type[Notes] | type[MeasureWarn] = ZWarn) -> list[str]:
    """Names of the bits set in one value of ``zwarn`` (or ``notes``), lowest bit first.

    Bits without a name, such as SDSS's own in a catalog of SDSS, are called ``BIT_4``.
    """
    known = {int(flag): flag.name or "" for flag in flags}
    return [known.get(1 << n, f"BIT_{n}") for n in range(63) if bits >> n & 1]
