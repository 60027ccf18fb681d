"""ZWARN: why a row should not be trusted blindly. 0 is a clean row."""

from __future__ import annotations

from enum import IntFlag


class ZWarn(IntFlag):
    """Warning bits. 0 to 11 as SDSS and redrock number them, 24 and up are ours."""

    SKY = 1 << 0
    LITTLE_COVERAGE = 1 << 1
    SMALL_DELTA_CHI2 = 1 << 2
    NEGATIVE_MODEL = 1 << 3
    MANY_OUTLIERS = 1 << 4
    Z_FITLIMIT = 1 << 5
    NEGATIVE_EMISSION = 1 << 6
    UNPLUGGED = 1 << 7
    BAD_TARGET = 1 << 8
    NODATA = 1 << 9
    BAD_MINFIT = 1 << 10
    POORDATA = 1 << 11
    CLASS_AMBIGUOUS = 1 << 24
    OUT_OF_DOMAIN = 1 << 25
    SPARSE_TRAINING = 1 << 26
    ANOMALY = 1 << 27
    Z_UNCERTAIN = 1 << 28


DESCRIPTION: dict[ZWarn, str] = {
    ZWarn.SKY: "sky fibre: the input says that no object was targeted",
    ZWarn.LITTLE_COVERAGE: "unmasked pixels cover less than 0.18 dex of wavelength",
    ZWarn.SMALL_DELTA_CHI2: "another redshift fits almost as well",
    ZWarn.NEGATIVE_MODEL: "the best model is negative over the spectrum",
    ZWarn.MANY_OUTLIERS: "more than 5 % of the pixels are over 5 σ from the best model",
    ZWarn.Z_FITLIMIT: "the least χ² is at the edge of the scanned redshifts",
    ZWarn.NEGATIVE_EMISSION: "called QSO, but a quasar line is in absorption by more than 3 σ",
    ZWarn.UNPLUGGED: "the fibre was unplugged or broken",
    ZWarn.BAD_TARGET: "the input says that the target was bad",
    ZWarn.NODATA: "no usable pixel, or fewer than 32: too few to fit",
    ZWarn.BAD_MINFIT: "no minimum could be fitted in the χ² curve",
    ZWarn.POORDATA: "bad values or most pixels are masked, or S/N is below 0.5 and p_z not known",
    ZWarn.CLASS_AMBIGUOUS: "the probability of the class is below 0.9",
    ZWarn.OUT_OF_DOMAIN: "coefficients unlike any of the training population",
    ZWarn.SPARSE_TRAINING: "few training spectra near this redshift",
    ZWarn.ANOMALY: "anomaly_score is 2 or more: strange, see anomaly_kind and anomaly_reason",
    ZWarn.Z_UNCERTAIN: "the probability that the redshift is right is below 0.9",
}
"""One sentence a bit; the table of the documentation is generated from it."""


def names(zwarn: int) -> list[str]:
    """Names of the bits set in one ZWARN value, lowest bit first."""
    return [flag.name or "" for flag in ZWarn if zwarn & flag]
