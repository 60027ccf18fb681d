"""What is known of redshifts beforehand: a prior on z for each spectrum, as redrock has it.

A prior adds -2 ln p to the χ² that solutions are chosen by; the χ² of the catalog stays that of
the data. No prior is taken to be narrower than redshifts of a class can be compared: in
``(z - z0)² / (σ² + s²)`` s is 35 km/s for stars and galaxies and 500 km/s for quasars
(:data:`gasnet3.solve.limits.SYSTEMATIC_KM_S`). So a very narrow prior chooses among the minima of
χ², it does not move them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gasnet3.errors import GasnetError
from gasnet3.solve.arrays import Array, Device, namespace, placed
from gasnet3.spectra.lattice import LN10_STEP

FUNCTIONS = ("gaussian", "lorentzian", "tophat")
"""Shapes of priors; a tophat has σ as its whole width, as redrock's."""

_SPELLINGS = {"lorentzien": "lorentzian", "": "gaussian"}
_ID_NAMES = ("id", "targetid", "name", "file")
_SIGMA_NAMES = ("sigma", "z_err", "zerr")


class PriorsError(GasnetError, ValueError):
    """A table of priors cannot be used; the message says which, why, and what to do."""


@dataclass(frozen=True, eq=False)
class Prior:
    """The priors of a batch.

    Attributes
    ----------
    z, sigma : Tensor or ndarray of float64, shape (rows,)
        Centre and width; NaN for spectra without a prior.
    function : Tensor or ndarray of int64, shape (rows,)
        Index into :data:`FUNCTIONS`.
    """

    z: Array
    sigma: Array
    function: Array

    def rows(self, index: Array) -> Prior:
        """The priors at the given places."""
        return Prior(self.z[index], self.sigma[index], self.function[index])

    def penalty(self, shift: Array, error: float) -> Array:
        """-2 ln of the prior at shifts, 0 where there is none, inf outside of a tophat.

        Parameters
        ----------
        shift : Tensor or ndarray of float64, shape (rows, k) or (k,)
            Shifts in pixels.
        error : float
            Least width, in pixels.
        """
        xp = namespace(shift)
        z = xp.expm1(LN10_STEP * shift)
        width = LN10_STEP * error * (1.0 + z)
        centre, sigma = self.z[:, None], self.sigma[:, None]
        squared = (z - centre) ** 2 / (sigma**2 + width**2)
        outside = abs(z - centre) >= sigma / 2
        shapes = (squared, 2.0 * xp.log1p(squared), xp.where(outside, xp.inf, 0.0))
        which = self.function[:, None]
        out = xp.where(which == 0, shapes[0], xp.where(which == 1, shapes[1], shapes[2]))
        return xp.where(xp.isfinite(centre), out, 0.0)


@dataclass(frozen=True, eq=False)
class Priors:
    """Priors of many spectra by their ids.

    Attributes
    ----------
    place : dict of str to int
        Row of each id.
    z, sigma : ndarray of float64, shape (rows,)
        Centre and width.
    function : ndarray of int64, shape (rows,)
        Index into :data:`FUNCTIONS`.
    """

    place: dict[str, int]
    z: NDArray[np.float64]
    sigma: NDArray[np.float64]
    function: NDArray[np.int64]

    @classmethod
    def read(cls, path: str | Path) -> Priors:
        """Read a table of priors.

        Columns, in any case: ``id`` (or TARGETID, name, file), ``z``, ``sigma`` (in z), and
        optionally ``function``, one of gaussian (the default), lorentzian and tophat. A file of
        redrock's priors is such a table.

        Parameters
        ----------
        path : str or Path
            A CSV, ECSV, Parquet or FITS table.

        Raises
        ------
        PriorsError
            If a column is missing or holds something else, or an id occurs twice.
        gasnet3.catalog.CatalogError
            If the file cannot be read.
        """
        from gasnet3.catalog import read_table
        from gasnet3.catalog.schema import identifiers, plain

        table = read_table(path)
        wanted = (*_ID_NAMES, *_SIGMA_NAMES, "z", "function")
        names = {n.lower(): n for n in reversed(table.colnames) if n.lower() in wanted}
        # What is masked is NaN or empty, not the number that lies under the mask.
        columns = {name: plain(name, table[own]) for name, own in names.items()}
        key = next((name for name in _ID_NAMES if name in columns), None)
        width = next((name for name in _SIGMA_NAMES if name in columns), None)
        if key is None or width is None or "z" not in columns:
            raise PriorsError(
                f"{path} needs the columns id (or targetid), z and sigma; it has "
                f"{', '.join(table.colnames)}"
            )
        ids = identifiers(key, columns[key])
        nameless = np.flatnonzero(ids == "")
        if len(nameless):
            raise PriorsError(
                f"{path}, row {nameless[0] + 1}: it has no {key}; give it one, or leave it out"
            )
        place = {name: row for row, name in enumerate(ids.tolist())}
        if len(place) < len(ids):
            twice = [name for row, name in enumerate(ids.tolist()) if place[name] != row]
            raise PriorsError(f"{path}: {twice[0]!r} has more than one prior; keep one of each")
        functions = columns.get("function", np.full(len(ids), "gaussian"))
        z, sigma = _numbers(path, columns["z"], "z"), _numbers(path, columns[width], width)
        wrong = np.flatnonzero(~(np.isfinite(z) & (z > -1.0) & np.isfinite(sigma) & (sigma > 0)))
        if len(wrong):
            raise PriorsError(
                f"{path}, row {wrong[0] + 1} ({ids[wrong[0]]}): z = {z[wrong[0]]:g}, sigma = "
                f"{sigma[wrong[0]]:g}; give a redshift above -1 and a width above 0, or leave "
                "the row out"
            )
        return cls(place, z, sigma, _functions(path, functions.astype(np.str_)))

    def __len__(self) -> int:
        return len(self.z)

    def of(self, ids: Sequence[str] | NDArray[np.str_], device: Device = None) -> Prior:
        """The priors of some spectra, as tensors on a device; as arrays where none is named."""
        rows = np.array([self.place.get(str(name), -1) for name in ids], np.int64)
        if not len(self):
            rows = np.full(len(ids), -1)
        has = rows >= 0
        z, sigma = (np.full(len(ids), np.nan) for _ in range(2))
        function = np.zeros(len(ids), np.int64)
        for out, values in ((z, self.z), (sigma, self.sigma), (function, self.function)):
            out[has] = values[rows[has]]
        return Prior(*(placed(values, device) for values in (z, sigma, function)))

    @property
    def digest(self) -> str:
        """Hash of all of it."""
        text = "\0".join(self.place)
        sha = hashlib.sha256(text.encode())
        for values in (self.z, self.sigma, self.function):
            sha.update(values.tobytes())
        return sha.hexdigest()


def _numbers(path: str | Path, column: NDArray[np.generic], name: str) -> NDArray[np.float64]:
    try:
        return np.ascontiguousarray(column, np.float64)
    except ValueError as error:
        raise PriorsError(f"{path}: column {name} holds no numbers ({error})") from None


def _functions(path: str | Path, names: NDArray[np.str_]) -> NDArray[np.int64]:
    plain = [_SPELLINGS.get(name, name) for name in np.char.lower(np.char.strip(names)).tolist()]
    unknown = sorted(set(plain) - set(FUNCTIONS))
    if unknown:
        raise PriorsError(f"{path}: no prior {unknown[0]!r}; take one of {', '.join(FUNCTIONS)}")
    return np.array([FUNCTIONS.index(name) for name in plain], np.int64)
