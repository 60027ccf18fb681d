"""The emission lines that are measured, and what ties them to one another."""

from __future__ import annotations

from dataclasses import dataclass

PERMITTED, FORBIDDEN = 0, 1
"""Families of narrow lines: each has one width."""


@dataclass(frozen=True)
class Narrow:
    """A narrow line, or a doublet in a fixed ratio.

    Parameters
    ----------
    key : str
        Name in the columns.
    name : str
        The field's usual name.
    waves : tuple of float
        Rest-frame vacuum wavelengths in Å, the line that gives its name first.
    ratios : tuple of float
        Flux of each over that which the columns tell.
    family : int
        :data:`PERMITTED` or :data:`FORBIDDEN`.
    """

    key: str
    name: str
    waves: tuple[float, ...]
    ratios: tuple[float, ...]
    family: int


def _forbidden(key: str, name: str, *waves: float, ratios: tuple[float, ...] = (1.0,)) -> Narrow:
    return Narrow(key, name, waves, ratios, FORBIDDEN)


def _permitted(key: str, name: str, wave: float) -> Narrow:
    return Narrow(key, name, (wave,), (1.0,), PERMITTED)


OIII_RATIO, NII_RATIO, OI_RATIO = 2.98, 3.05, 3.13
"""Storey & Zeippen 2000 (MNRAS 312, 813); [O I] as from the same source's A-values."""

BLOCKS: tuple[tuple[Narrow, ...], ...] = (
    (_forbidden("nev_3427", "[Ne V]", 3426.85),),
    # Its two lines are not told apart at this resolution: the sum, at equal strength.
    (_forbidden("oii_3728", "[O II]", 3729.88, 3727.09, ratios=(0.5, 0.5)),),
    (_forbidden("neiii_3870", "[Ne III]", 3869.86),),
    (_permitted("hdelta", "Hδ", 4102.89),),
    (_permitted("hgamma", "Hγ", 4341.68), _forbidden("oiii_4364", "[O III]", 4364.44)),
    (_permitted("heii_4687", "He II", 4687.02),),
    (_permitted("hbeta", "Hβ", 4862.68),),
    (_forbidden("oiii_5008", "[O III]", 5008.24, 4960.30, ratios=(1.0, 1 / OIII_RATIO)),),
    (_permitted("hei_5877", "He I", 5877.25),),
    (_forbidden("oi_6302", "[O I]", 6302.05, 6365.54, ratios=(1.0, 1 / OI_RATIO)),),
    (
        _permitted("halpha", "Hα", 6564.61),
        _forbidden("nii_6585", "[N II]", 6585.27, 6549.86, ratios=(1.0, 1 / NII_RATIO)),
    ),
    (_forbidden("sii_6718", "[S II]", 6718.29), _forbidden("sii_6733", "[S II]", 6732.68)),
    (_forbidden("siii_9071", "[S III]", 9071.10),),
)
"""Narrow lines by block: those of one block share pixels and a local background."""

NARROW: tuple[Narrow, ...] = tuple(line for block in BLOCKS for line in block)


@dataclass(frozen=True)
class Broad:
    """A broad line: name in the columns, usual name, vacuum Å, and narrow lines in its reach."""

    key: str
    name: str
    wave: float
    within: tuple[str, ...] = ()


BROAD: tuple[Broad, ...] = (
    Broad("civ_broad", "C IV", 1549.48),
    Broad("mgii_broad", "Mg II", 2799.12),
    Broad("hbeta_broad", "Hβ", 4862.68, ("hbeta", "oiii_5008")),
    Broad("halpha_broad", "Hα", 6564.61, ("halpha", "nii_6585", "sii_6718", "sii_6733")),
)
"""Lines that quasars have broad."""

MASKED: tuple[float, ...] = (
    3426.85, 3727.09, 3729.88, 3869.86, 3969.59, 4102.89, 4341.68, 4364.44, 4687.02, 4862.68,
    4960.30, 5008.24, 5200.53, 5877.25, 5895.60, 6302.05, 6365.54, 6549.86, 6564.61, 6585.27,
    6718.29, 6732.68, 7137.77, 9071.10,
)  # fmt: skip
"""Wavelengths where galaxies may have emission (and Na D, which gas absorbs): no star says what
is there."""

BALMER: tuple[float, ...] = (4341.68, 4862.68, 6564.61)
"""Lines that are broad in quasars where stars may be seen too."""

ABSORBED = {"hdelta": 4102.89, "hgamma": 4341.68, "hbeta": 4862.68, "halpha": 6564.61}
"""Lines that stars have in absorption, so that starlight adds to their error, by key."""
