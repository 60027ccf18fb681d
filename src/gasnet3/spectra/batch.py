"""A batch of observed spectra on one lattice, and how any wavelength grid gets onto it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gasnet3.flags import ZWarn
from gasnet3.machine.typing import Floats
from gasnet3.spectra.coverage import median_ratio
from gasnet3.spectra.joining import join_column
from gasnet3.spectra.lattice import LogLattice
from gasnet3.spectra.placing import floats, onto_lattice
from gasnet3.spectra.resolution import levels, sigma_said
from gasnet3.spectra.target import STANDARD, target_lattice

UNCALIBRATED = "flux_uncalibrated"
"""Key column: True where flux is in counts, so that the shape of the continuum means nothing."""

RESOLUTION = "resolution_sigma"
"""Key column: σ of the line spread in pixels of the lattice; NaN: taken to be the models'."""

NATIVE_PIXEL = "native_pixel"
"""Key column: size of the pixels before rebinning, in pixels of the lattice; NaN: not larger."""

COARSE = 1.1
"""Pixels up to this size count as those of the lattice."""

Rows = slice | NDArray[Any] | Sequence[int]

ARM_JOINS = ("arm_join_1", "arm_join_2")
"""Key columns: where arms of the spectrograph join, vacuum Å; NaN where they do not."""

SOLVED = {UNCALIBRATED: "biufUS", RESOLUTION: "iuf", NATIVE_PIXEL: "iuf"} | dict.fromkeys(
    ARM_JOINS, "iuf"
)
"""Key columns that an answer depends on, and the kinds of values that say something."""


@dataclass(frozen=True, eq=False)
class Spectra:
    """Observed spectra, one a row, on one lattice.

    Parameters
    ----------
    flux : ndarray, shape (rows, n)
        Flux density F_λ in any unit (SDSS: 1e-17 erg/s/cm²/Å). 0 where ``ivar`` is 0.
    ivar : ndarray, shape (rows, n)
        Inverse variance of ``flux``; 0 marks a masked pixel.
    ids : ndarray of str, shape (rows,)
        Identifier of each spectrum.
    zwarn : ndarray of int64, shape (rows,)
        Flags known before any fit (:class:`~gasnet3.flags.ZWarn`).
    meta : mapping of str to ndarray, shape (rows,)
        Key columns of the input that ride along into the catalog.
    z : ndarray of float64, shape (rows,)
        Labelled redshift, NaN where unknown.
    classes : ndarray of str, shape (rows,)
        Labelled class, '' where unknown.
    lattice : LogLattice
        Observed-frame lattice of the pixels, vacuum.
    """

    flux: NDArray[np.floating[Any]]
    ivar: NDArray[np.floating[Any]]
    ids: NDArray[np.str_]
    zwarn: NDArray[np.int64]
    z: Floats
    classes: NDArray[np.str_]
    meta: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    lattice: LogLattice = STANDARD

    def __post_init__(self) -> None:
        shape = (len(self.ids), self.lattice.n)
        for name in ("flux", "ivar"):
            if getattr(self, name).shape != shape:
                raise ValueError(f"{name} has shape {getattr(self, name).shape}, expected {shape}")
        columns = {"zwarn": self.zwarn, "z": self.z, "classes": self.classes, **self.meta}
        for name, column in columns.items():
            if len(column) != shape[0]:
                raise ValueError(f"column {name!r} has {len(column)} rows, expected {shape[0]}")

    @classmethod
    def from_arrays(
        cls,
        flux: ArrayLike | Sequence[ArrayLike],
        ivar: ArrayLike | Sequence[ArrayLike],
        wave: ArrayLike | Sequence[ArrayLike] | None = None,
        *,
        loglam: ArrayLike | Sequence[ArrayLike] | None = None,
        ids: Sequence[str] | NDArray[np.str_] | None = None,
        zwarn: ArrayLike | None = None,
        z: ArrayLike | None = None,
        classes: Sequence[str] | NDArray[np.str_] | None = None,
        meta: Mapping[str, ArrayLike] | None = None,
        lattice: LogLattice | None = None,
    ) -> Spectra:
        """Build a batch from arrays on any monotonic wavelength grid.

        Pixels whose flux or ivar is not finite, or whose ivar is negative, are masked and the
        row is flagged POORDATA. A row whose own grid cannot be used, or that has no usable pixel
        on the lattice, becomes a fully masked row flagged NODATA.

        Parameters
        ----------
        flux, ivar : array_like, shape (pixels,) or (rows, pixels), or a sequence of 1-D arrays
            Flux density and its inverse variance. Rows may differ in length.
        wave : array_like, shape (pixels,) or one row each, optional
            Pixel centres in vacuum Å (or an astropy Quantity), rising or falling.
        loglam : array_like, optional
            log10 of the pixel centres instead of ``wave``; give exactly one of the two.
        ids, zwarn, z, classes, meta : optional
            Per-row columns, see the class.
        lattice : LogLattice, optional
            Observed lattice to bring the spectra onto. Left out, the one that files are being read
            onto (:func:`gasnet3.spectra.target.onto`), elsewhere that of the default models.

        Raises
        ------
        ValueError
            If shapes disagree, both or neither of ``wave`` and ``loglam`` are given, or a grid
            shared by all rows is not monotonic and positive.
        """
        if (wave is None) == (loglam is None):
            raise ValueError("give the wavelengths as exactly one of wave (Å) or loglam (log10 Å)")
        # An astropy Quantity knows its unit.
        given: Any = wave
        grid = given.to_value("Angstrom") if hasattr(given, "to_value") else given
        flux_rows, ivar_rows = _rows(flux, "flux"), _rows(ivar, "ivar")
        grids, shared = _grids(grid if loglam is None else loglam, len(flux_rows))
        if not len(flux_rows) == len(ivar_rows) == len(grids):
            raise ValueError(
                f"flux has {len(flux_rows)} rows, ivar {len(ivar_rows)}, wavelengths {len(grids)}"
            )
        rows, lattice = len(flux_rows), lattice or target_lattice()
        for name, column in (("zwarn", zwarn), ("ids", ids)):
            if column is not None and np.shape(column) != (rows,):
                raise ValueError(f"{name} has shape {np.shape(column)}, expected ({rows},)")
        out_flux, out_ivar, flags, size = onto_lattice(
            flux_rows, ivar_rows, grids, lattice, log=loglam is not None, shared=shared
        )
        if zwarn is not None:
            flags |= np.asarray(zwarn, np.int64)
        columns = {name: np.asarray(column) for name, column in (meta or {}).items()}
        if (size > COARSE).any():
            columns.setdefault(NATIVE_PIXEL, np.where(size > COARSE, size, np.nan))
        return cls(
            flux=out_flux,
            ivar=out_ivar,
            ids=np.array([f"row-{i}" for i in range(rows)] if ids is None else ids, dtype=np.str_),
            zwarn=flags,
            z=np.full(rows, np.nan) if z is None else np.array(z, np.float64),
            classes=np.full(rows, "", "U6") if classes is None else np.array(classes, np.str_),
            meta=columns,
            lattice=lattice,
        )

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, rows: Rows) -> Spectra:
        """The batch of the given rows (a slice, an index array or a boolean mask)."""
        key = rows if isinstance(rows, slice) else np.asarray(rows)
        if not isinstance(key, slice) and key.size == 0:
            key = key.astype(np.int64)
        if not isinstance(key, slice) and key.ndim != 1:
            raise TypeError(
                "index a batch with a slice, a mask or an array of rows, not one number"
            )
        return replace(
            self,
            flux=self.flux[key],
            ivar=self.ivar[key],
            ids=self.ids[key],
            zwarn=self.zwarn[key],
            z=self.z[key],
            classes=self.classes[key],
            meta={name: column[key] for name, column in self.meta.items()},
        )

    def on(self, lattice: LogLattice) -> Spectra:
        """The same spectra on another lattice: pixels beyond it are cut off, new ones are masked.

        Nothing is rebinned, as all lattices have the same pixels. What the spectra never had, or
        what was cut off before, does not come back: read the files anew onto a wider lattice.
        Rows that lose all their pixels are flagged NODATA.
        """
        if lattice == self.lattice:
            return self
        first = max(self.lattice.k_min, lattice.k_min)
        stop = max(first, min(self.lattice.k_max, lattice.k_max) + 1)
        old, new = (slice(first - one.k_min, stop - one.k_min) for one in (self.lattice, lattice))

        def moved(values: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
            out = np.zeros((len(self), lattice.n), values.dtype)
            out[:, new] = values[:, old]
            return out

        ivar = moved(self.ivar)
        zwarn = self.zwarn | np.where((ivar > 0).any(axis=1), 0, int(ZWarn.NODATA))
        return replace(self, flux=moved(self.flux), ivar=ivar, zwarn=zwarn, lattice=lattice)

    @classmethod
    def concatenate(cls, batches: Sequence[Spectra]) -> Spectra:
        """One batch of all rows, in order. Key columns missing in a batch are filled (NaN or '').

        Raises
        ------
        ValueError
            If there is no batch, or the lattices differ.
        """
        if not batches:
            raise ValueError("nothing to concatenate")
        if len({batch.lattice for batch in batches}) > 1:
            raise ValueError(
                "batches are on different lattices; bring them onto one with .on(lattice)"
            )
        names = dict.fromkeys(name for batch in batches for name in batch.meta)
        join = {
            name: np.concatenate([getattr(batch, name) for batch in batches])
            for name in ("flux", "ivar", "ids", "zwarn", "z", "classes")
        }
        rows = [len(batch) for batch in batches]
        meta = {
            name: join_column([batch.meta.get(name) for batch in batches], rows) for name in names
        }
        return cls(**join, meta=meta, lattice=batches[0].lattice)

    def bare(self) -> Spectra:
        """The same with those key columns alone that an answer depends on."""
        meta = {
            name: self.meta[name]
            for name, kinds in SOLVED.items()
            if name in self.meta
            and self.meta[name].ndim == 1
            and self.meta[name].dtype.kind in kinds
        }
        return replace(self, meta=meta)

    @property
    def n_good(self) -> NDArray[np.int64]:
        """Number of unmasked pixels of each row, shape (rows,)."""
        return np.asarray((self.ivar > 0).sum(axis=1))

    @property
    def n_independent(self) -> NDArray[np.int64]:
        """Number of unmasked pixels before rebinning, where that made more of them, shape (rows,).

        χ² of noise alone is about this, see :data:`NATIVE_PIXEL`.
        """
        size = np.nan_to_num(self._numbers(NATIVE_PIXEL), nan=1.0)
        return np.rint(self.n_good / np.maximum(size, 1.0)).astype(np.int64)

    @property
    def resolution(self) -> Floats:
        """σ of each line spread in pixels of the lattice, NaN where not stated, shape (rows,).

        That of :data:`RESOLUTION`, and of the steps that coarse pixels become on the lattice.
        """
        stated, size = self._numbers(RESOLUTION), self._numbers(NATIVE_PIXEL)
        steps = np.where(size > 1.0, size**2 / 12.0, 0.0)
        with np.errstate(invalid="ignore"):
            return np.sqrt(np.where(stated > 0, stated, np.nan) ** 2 + steps)

    def seen_at(self, resolution: str) -> Spectra:
        """The same spectra with the resolution that a user says, ``R=600`` or ``fwhm=5A``.

        Raises
        ------
        ValueError
            If it is not understood.
        """
        sigma = sigma_said(resolution, self.lattice.wave, self.ivar > 0)
        return replace(self, meta={**self.meta, RESOLUTION: sigma})

    @property
    def resolution_levels(self) -> NDArray[np.int64]:
        """Level of each resolution (:func:`gasnet3.spectra.resolution.levels`), shape (rows,)."""
        return levels(self.resolution)

    def _numbers(self, name: str) -> Floats:
        """A key column as float64, NaN where it is not there or no numbers, shape (rows,)."""
        column = self.meta.get(name)
        if column is None or column.ndim != 1 or column.dtype.kind not in "iuf":
            return np.full(len(self), np.nan)
        return column.astype(np.float64)

    @property
    def calibrated(self) -> NDArray[np.bool_]:
        """Whether the shape of each continuum means something, shape (rows,).

        It does where no key column :data:`UNCALIBRATED` says otherwise.
        """
        said = self.meta.get(UNCALIBRATED)
        if said is None or said.ndim != 1:
            return np.ones(len(self), bool)
        if said.dtype.kind in "biuf":  # NaN where other files were joined that do not say
            return np.asarray(np.nan_to_num(said.astype(np.float64)) == 0)
        return ~np.isin(np.char.lower(np.char.strip(said.astype(np.str_))), ("true", "1"))

    @property
    def arm_joins(self) -> Floats:
        """Where arms join, vacuum Å, NaN where they do not: key columns, shape (rows, 2)."""
        out = np.full((len(self), len(ARM_JOINS)), np.nan)
        for join, name in zip(out.T, ARM_JOINS, strict=True):
            said = self.meta.get(name)
            if said is not None and said.ndim == 1 and said.dtype.kind in "iuf":
                join[:] = said
        return out

    @property
    def sn_median(self) -> Floats:
        """Median S/N of the unmasked pixels, NaN where there is none, shape (rows,)."""
        if self.flux.dtype == np.float32:
            return median_ratio(self.flux, self.ivar)
        # One row that needs float64 makes a batch float64; the others must not notice.
        with np.errstate(over="ignore"):
            flux, ivar = self.flux.astype(np.float32), self.ivar.astype(np.float32)
        single = (flux == self.flux).all(axis=1) & (ivar == self.ivar).all(axis=1)
        out = median_ratio(self.flux, self.ivar)
        out[single] = median_ratio(flux[single], ivar[single])
        return out


def regrouped(batches: Iterable[Spectra], size: int) -> Iterator[Spectra]:
    """The rows of batches of any length in batches of one size; only the last may have fewer.

    No more batches are taken than the next one needs.
    """
    waiting: list[Spectra] = []
    rows = 0
    for batch in batches:
        waiting.append(batch)
        rows += len(batch)
        if rows >= size:
            joined = Spectra.concatenate(waiting)
            whole = rows - rows % size
            for start in range(0, whole, size):
                yield joined[start : start + size]
            waiting, rows = [joined[whole:]], rows - whole
    if rows:
        yield Spectra.concatenate(waiting)


def _rows(values: Any, name: str) -> list[NDArray[Any]]:
    """A list of 1-D rows of numbers from a 1-D array, a 2-D array or a sequence of 1-D arrays.

    An empty list has no rows, an empty 1-D array is one row without pixels.
    """
    if isinstance(values, np.ndarray) and values.ndim == 1 and values.dtype != object:
        return [floats(values)]
    if type(values) is np.ndarray and values.ndim == 2 and values.dtype.kind in "fiu":
        # A large table becomes float64 row by row, when its turn comes.
        return list(values)
    listed = list(values)
    if listed and all(np.ndim(value) == 0 for value in listed):
        return [floats(values)]
    rows = [floats(row) for row in listed]
    if any(row.ndim != 1 for row in rows):
        raise ValueError(f"{name} must be one row, a table of rows or a list of 1-D rows")
    return rows


def _grids(grid: Any, rows: int) -> tuple[list[NDArray[Any]], bool]:
    """One wavelength grid a row, and whether it is one grid shared by all."""
    grids = _rows(grid, "wavelengths")
    shared = len(grids) == 1 and (len(grid) != 1 or np.ndim(grid[0]) == 0)
    return (grids * rows if shared else grids), shared
