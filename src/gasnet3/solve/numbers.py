"""How many objects there are of each class at each redshift, as known beforehand: n(z).

Where nothing is said all classes, and all shifts of a class, are equally likely. A table of n(z)
takes the place of that: p(c, s) is the share of its objects that are of the class and at the
redshift. One per cent of the objects is shared evenly among the classes, and one per cent of each
class evenly among its shifts, so that nothing is ruled out by a table.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gasnet3.classes import CLASSES
from gasnet3.errors import GasnetError
from gasnet3.machine.typing import Floats
from gasnet3.solve.arrays import Array, clipped, like, namespace, whole
from gasnet3.spectra.lattice import LN10_STEP, ShiftRange, z_from_shift

ANYWHERE = 0.01
"""Share of the objects that are of any class, and of a class that are at any redshift of it."""


class NumbersError(GasnetError, ValueError):
    """A table of n(z) cannot be used; the message says where, why, and what to do."""


@dataclass(frozen=True, eq=False)
class Expected:
    """What a table of n(z) adds to the χ² of a class.

    Attributes
    ----------
    first : int
        Its first shift in pixels.
    added : ndarray of float64, shape (shifts,)
        -2 ln p(c, s) at each shift, 0 where all classes and shifts are equally likely.
    of_class : float
        -2 ln p(c), likewise.
    """

    first: int
    added: Floats
    of_class: float = 0.0

    def penalty(self, shift: Array) -> Array:
        """What is added at any shifts, in pixels, of any shape; straight lines between pixels."""
        xp, added = namespace(shift), like(shift, self.added)
        place = clipped(xp.nan_to_num(shift - self.first), 0, len(added) - 1)
        before = whole(xp.floor(place))
        after = clipped(before + 1, 0, len(added) - 1)
        return added[before] + (place - before) * (added[after] - added[before])


@dataclass(frozen=True, eq=False)
class Numbers:
    """A table of n(z).

    Attributes
    ----------
    z : ndarray of float64, shape (points,)
        Redshifts, ascending.
    density : dict of str to ndarray of float64, shape (points,)
        Objects per unit redshift, on a scale that all classes share; of those that have a column.
    """

    z: Floats
    density: dict[str, Floats]

    @classmethod
    def read(cls, path: str | Path) -> Numbers:
        """Read a table of n(z).

        Columns, in any case: ``z``, ascending, and any of ``star``, ``galaxy`` and ``qso``: objects
        per unit redshift, on any scale that all share.

        Parameters
        ----------
        path : str or Path
            A CSV, ECSV, Parquet, FITS or VOTable table.

        Raises
        ------
        NumbersError
            If a column is missing or holds something else, or the redshifts do not ascend.
        gasnet3.catalog.CatalogError
            If the file cannot be read.
        """
        from gasnet3.catalog import read_table
        from gasnet3.catalog.schema import plain

        table = read_table(path)
        names = {name.lower(): name for name in reversed(table.colnames)}
        given = [name for name in CLASSES if name.lower() in names]
        if "z" not in names or not given:
            raise NumbersError(
                f"{path} needs the columns z and one or more of star, galaxy and qso; it has "
                f"{', '.join(table.colnames)}"
            )
        # What is masked is NaN.
        columns = {
            name: _numbers(path, plain(name, table[names[name]]), name)
            for name in ("z", *(name.lower() for name in given))
        }
        z = columns.pop("z")
        if len(z) < 2:
            raise NumbersError(f"{path}: it has {len(z)} rows; n(z) takes two redshifts at least")
        _refuse(path, "z", z, ~(z > -1.0), "give redshifts above -1")
        _refuse(path, "z", z, np.diff(z, prepend=-np.inf) <= 0, "let the redshifts ascend")
        for name, column in columns.items():
            _refuse(path, name, column, column < 0, "give a number of objects, 0 or more")
        found = cls(z, {name: columns[name.lower()] for name in given})
        if not any(found.totals.values()):
            raise NumbersError(f"{path}: there are no objects in {', '.join(columns)}: all is 0")
        return found

    @property
    def totals(self) -> dict[str, float]:
        """Objects of each class: the integral, by trapezoids; the mean of the others without one.

        The total of a class whose column is missing plays no part in it.
        """
        step = np.diff(self.z)
        known = {
            cls: float((step * (density[1:] + density[:-1])).sum() / 2)
            for cls, density in self.density.items()
        }
        mean = sum(known.values()) / len(known)
        return {cls: known.get(cls, mean) for cls in CLASSES}

    def expected(self, cls: str, shifts: ShiftRange) -> Expected:
        """What it adds to the χ² of a class at its shifts.

        Classes without a column are flat in shift, and so are stars: theirs are velocities.
        """
        totals = self.totals
        share = (1.0 - ANYWHERE) * totals[cls] / sum(totals.values()) + ANYWHERE / len(CLASSES)
        count = len(shifts)
        flat = cls == "STAR" or cls not in self.density or totals[cls] == 0
        relative = np.ones(count)
        if not flat:
            z = z_from_shift(shifts.shifts.astype(np.float64))
            there = np.interp(z, self.z, self.density[cls], left=0.0, right=0.0)
            # Of objects a unit of z to a share of those at a pixel, in units of 1 / count.
            there *= (1.0 + z) * LN10_STEP / totals[cls] * count
            relative = (1.0 - ANYWHERE) * there + ANYWHERE
        of_class = float(-2.0 * np.log(share * len(CLASSES)))
        return Expected(int(shifts.first), of_class - 2.0 * np.log(relative), of_class)

    @property
    def digest(self) -> str:
        """Hash of all of it."""
        sha = hashlib.sha256(" ".join(self.density).encode())
        for values in (self.z, *self.density.values()):
            sha.update(values.tobytes())
        return sha.hexdigest()


def _numbers(path: str | Path, column: Any, name: str) -> Floats:
    try:
        values = np.ascontiguousarray(column, np.float64)
    except ValueError as error:
        raise NumbersError(f"{path}: column {name} holds no numbers ({error})") from None
    if values.ndim != 1:
        raise NumbersError(f"{path}: column {name} has more than one number a row; give one")
    _refuse(path, name, values, ~np.isfinite(values), "give a number, or leave the row out")
    return values


def _refuse(path: str | Path, name: str, values: Floats, wrong: Any, advice: str) -> None:
    """NumbersError for the first of the rows that are wrong."""
    rows = np.flatnonzero(wrong)
    if len(rows):
        raise NumbersError(f"{path}, row {rows[0] + 1}: {name} = {values[rows[0]]:g}; {advice}")
