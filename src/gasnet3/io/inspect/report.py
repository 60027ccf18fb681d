"""What is reported of a file that was inspected."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from gasnet3.io.reader import Understood

Range = tuple[float, float, float]


@dataclass(frozen=True)
class Sampling:
    """One wavelength grid of a file.

    Attributes
    ----------
    first, last : float
        Vacuum Å of its first and last pixel.
    pixels : int
        Their number.
    spacing : str
        ``logarithmic``, ``linear`` or ``uneven``.
    step : tuple of float
        Smallest and largest distance of neighbours, Å.
    step_km_s : tuple of float
        The same in km/s.
    """

    first: float
    last: float
    pixels: int
    spacing: str
    step: tuple[float, float]
    step_km_s: tuple[float, float]


@dataclass(frozen=True)
class Inspected:
    """What was understood of a file.

    Attributes
    ----------
    path : Path
        The file.
    reader : str
        Name of the reader that knows it.
    rows : int
        Spectra it holds.
    understood : Understood
        What the reader takes from where; empty for readers that do not say.
    grids : list of Sampling
        The wavelength grids: one, one an arm, or one a spectrum.
    empty : int
        Spectra without a usable pixel.
    wanted : tuple of float
        Vacuum Å of the first and last pixel of the lattice: what the models look at.
    coverage : tuple of float
        Fraction of the lattice with data: least, median, most of those that have any.
    outside : float
        Fraction of the file's pixels that lie outside of the lattice.
    masked : dict of str to float
        Fraction of the pixels that are not used, by reason, of spectra (arms) that have any.
    sn : tuple of float
        Median S/N of a pixel of the lattice: least, median, most. NaN where nothing is known.
    resolution : tuple of float
        σ of the line spread in pixels of the lattice: least, median, most; NaN where not stated.
    noise_ratio : float
        Scatter of neighbouring pixels over the stated error, see
        :mod:`gasnet3.io.inspect.believable`.
    flux : tuple of float
        5 %, median and 95 % of the flux, in the unit in which it is used.
    classes : dict of str to int
        Spectra of each labelled class.
    z : tuple of float
        Labelled redshifts: least, median, most; NaN where there are none.
    keys : dict of str to str
        Key columns, each with its first value.
    flags : dict of str to int
        Spectra with each flag.
    ids : list of str
        The first ids.
    memory : int
        Bytes of a spectrum in memory.
    looked_at : tuple of int
        First row that was looked at, and the row after the last; all numbers are of these.
    warnings : list of str
        What looks wrong, and what may mend it.
    next : str
        The command to type next.
    """

    path: Path
    reader: str
    rows: int
    understood: Understood
    grids: list[Sampling]
    empty: int
    wanted: tuple[float, float]
    coverage: Range
    outside: float
    masked: dict[str, float]
    sn: Range
    resolution: Range
    noise_ratio: float
    flux: Range
    classes: dict[str, int]
    z: Range
    keys: dict[str, str]
    flags: dict[str, int]
    ids: list[str]
    memory: int
    looked_at: tuple[int, int] = (0, 0)
    warnings: list[str] = field(default_factory=list)
    next: str = ""


@dataclass(frozen=True)
class Refused:
    """A file that cannot be read: the reason, and what to do.

    ``tried`` is what each reader has against it, '' where the file is not of its format.
    """

    path: Path
    reason: str
    tried: dict[str, str]
