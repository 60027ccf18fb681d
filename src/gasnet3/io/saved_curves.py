"""χ² curves on disk: scanned once, and used again under other choices.

A file of curves is Parquet: a row a spectrum with its ``id``, a ``digest`` of its pixels, and for
each class a list of float32, ``chi2_star``, ...: χ² (not reduced), or -2 ln p where the population
of the coefficients is known, at the shifts that the metadata tell. These are the curves that
solutions are proposed from, without what priors add to them. Where a posterior has decided,
``pz_star``, ... are the probability of what is nearest to each of these points, as
:func:`quantised` keeps it.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from numpy.typing import NDArray

from gasnet3.errors import GasnetError
from gasnet3.machine.typing import Floats
from gasnet3.spectra.batch import Spectra
from gasnet3.spectra.lattice import ShiftRange, z_from_shift

KEY = b"gasnet3_curves"
FORMAT, OLDER = 3, 2
"""1 had the least χ² over free coefficients; 2 has -2 ln p where their population is known, 3 p(z)
too. Those of 2 still serve in the place of scans."""

PER_NAT = 16
"""Steps in which a probability is kept, in its natural logarithm: 6 % each."""

NOTHING = 255
"""Kept of what is less than the least that is told from 0, 1.3e-7."""


def column_of(kind: str, key: str) -> str:
    """Name of the column of a class's curves, or of a model's of it: ``chi2_star_star-k``."""
    return f"{kind}_{key.lower().replace(' ', '_')}"


def least_by_class(
    curves: Mapping[str, tuple[Floats, NDArray[Any]]],
) -> dict[str, tuple[Floats, NDArray[Any]]]:
    """Curves by class of those by class and name: where models compete, the least of them.

    Given and returned are redshifts, ascending, shape (points,), and χ², shape (rows, points).
    """
    out: dict[str, tuple[Floats, NDArray[Any]]] = {}
    for key, (z, chi2) in curves.items():
        cls = key.split()[0]
        known = [out[cls]] if cls in out else []
        grid = np.unique(np.concatenate([z, *(there for there, _ in known)]))
        least = np.full((len(chi2), len(grid)), np.nan, chi2.dtype)
        for there, values in ((z, chi2), *known):
            at = np.searchsorted(grid, there)
            least[:, at] = np.fmin(least[:, at], values)
        out[cls] = grid, least
    return out


class CurvesError(GasnetError, ValueError):
    """Curves that cannot be used; the message says why and what to do."""


@dataclass(frozen=True)
class Grid:
    """The shifts of a class's curves: the first in pixels, from one to the next, and how many."""

    first: float
    step: float
    points: int

    @property
    def shifts(self) -> Floats:
        """All of them, ascending, shape (points,)."""
        return np.asarray(self.first + self.step * np.arange(self.points), np.float64)


@dataclass(frozen=True)
class CurvesHeader:
    """What a file of curves says of itself: their solver, and by class hash of weights and grid.

    ``posterior`` tells whether p(z) is there too.
    """

    solver: str
    weights: dict[str, str]
    grids: dict[str, Grid]
    posterior: bool = False

    def schema(self) -> Any:
        """The columns of the file, with this in their metadata."""
        kinds = [("chi2", pa.float32()), *([("pz", pa.uint8())] if self.posterior else [])]
        lists = [
            pa.field(column_of(name, key), pa.list_(kind, grid.points))
            for name, kind in kinds
            for key, grid in self.grids.items()
        ]
        columns = [pa.field("id", pa.string()), pa.field("digest", pa.int64()), *lists]
        text = json.dumps({"format": FORMAT, **asdict(self)})
        return pa.schema(columns, {KEY: text.encode()})

    @classmethod
    def of(cls, path: Path, schema: Any) -> CurvesHeader:
        """What the metadata of a file hold; CurvesError if they are not ours."""
        try:
            about = json.loads((schema.metadata or {})[KEY])
            if about["format"] not in (FORMAT, OLDER):
                raise CurvesError(f"{path}: curves of another gasnet3; save them again")
            grids = {name: Grid(**grid) for name, grid in about["grids"].items()}
            posterior = bool(about.get("posterior", False))
            return cls(about["solver"], about["weights"], grids, posterior)
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, CurvesError):
                raise
            raise CurvesError(f"{path}: holds no χ² curves of gasnet3") from None


def quantised(share: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    """Probabilities as bytes: 16 times -ln of them, rounded, 255 for less than 1.3e-7.

    Lost are 3 % of each at most, and what is smaller: of 3000 points together less than 0.0004.
    """
    with np.errstate(divide="ignore"):
        steps = np.rint(-PER_NAT * np.log(np.minimum(share, 1.0)))
    return np.minimum(steps, NOTHING).astype(np.uint8)


def probabilities(kept: NDArray[np.uint8]) -> Floats:
    """What :func:`quantised` has left of probabilities."""
    each = np.exp(-np.arange(NOTHING + 1) / PER_NAT)
    each[NOTHING] = 0.0
    return np.asarray(each[kept])


def digests(spectra: Spectra) -> NDArray[np.int64]:
    """Eight bytes that change with the pixels of a spectrum, shape (rows,)."""
    out = np.empty(len(spectra), np.int64)
    for row in range(len(spectra)):
        sha = hashlib.blake2b(spectra.flux[row].tobytes(), digest_size=8)
        sha.update(spectra.ivar[row].tobytes())
        out[row] = int.from_bytes(sha.digest(), "little", signed=True)
    return out


class CurvesWriter(ExitStack):
    """Writes curves batch by batch; used with ``with``."""

    def __init__(self, path: Path, header: CurvesHeader) -> None:
        super().__init__()
        self.header = header
        self._schema = header.schema()
        # Few values of p(z) differ, all of χ² do.
        few = [f"{name}.list.element" for name in self._schema.names if name.startswith("pz_")]
        writer = pa.parquet.ParquetWriter(
            path, self._schema, compression="zstd", use_dictionary=few
        )
        self._writer = self.enter_context(writer)

    def add(
        self,
        spectra: Spectra,
        chi2: Mapping[str, NDArray[np.float32]],
        p_z: Mapping[str, NDArray[np.floating[Any]]] | None = None,
    ) -> None:
        """Append the curves of some spectra, by class, shape (rows, points).

        Likewise p(z), where the header says that it is there.
        """
        columns: list[Any] = [pa.array(spectra.ids.tolist()), pa.array(digests(spectra))]
        grids = self.header.grids
        kept: list[NDArray[Any]] = [np.ascontiguousarray(chi2[c], np.float32) for c in grids]
        if self.header.posterior:
            kept += [quantised((p_z or {})[cls]) for cls in grids]
        for values in kept:
            flat = pa.array(values.ravel())
            columns.append(pa.FixedSizeListArray.from_arrays(flat, values.shape[1]))
        table = pa.Table.from_arrays(columns, schema=self._schema)
        self._writer.write_table(table, row_group_size=max(1, len(table)))

    def copy(self, path: Path) -> None:
        """Append all curves of another file of the same kind."""
        with pa.parquet.ParquetFile(path) as file:
            for group in range(file.num_row_groups):
                self._writer.write_table(file.read_row_group(group).cast(self._schema))


class SavedCurves:
    """A file of curves, to be looked up by spectrum.

    Only the ids are kept in memory, and the rows looked up last.

    Parameters
    ----------
    path : str or Path
        The file.

    Raises
    ------
    CurvesError
        If it is not one.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        try:
            self._file = pa.parquet.ParquetFile(self.path)
            self.header = CurvesHeader.of(self.path, self._file.schema_arrow)
            known = self._file.read(columns=["id", "digest"])
        except (OSError, pa.ArrowException) as error:
            raise CurvesError(f"{self.path}: cannot read curves ({error})") from error
        self._ids = frozenset(known["id"].to_pylist())
        # Spectra with one id are told apart by their pixels.
        pairs = zip(known["id"].to_pylist(), known["digest"].to_pylist(), strict=True)
        self._row = {pair: row for row, pair in enumerate(pairs)}
        self._group: tuple[tuple[str, int], dict[str, NDArray[Any]]] = (("", -1), {})
        self._lock = threading.Lock()

    @property
    def digest(self) -> str:
        """Hash of which spectra there are, and of what scanned them."""
        text = json.dumps([sorted(self._row), asdict(self.header)], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @cached_property
    def _starts(self) -> NDArray[np.int64]:
        meta = self._file.metadata
        rows = [meta.row_group(i).num_rows for i in range(meta.num_row_groups)]
        return np.concatenate([[0], np.cumsum(rows)]).astype(np.int64)

    def check(
        self, solver: str, weights: Mapping[str, str], shifts: Mapping[str, ShiftRange]
    ) -> None:
        """Refuse curves of another solver or weights, or that do not reach where they are asked.

        Given are what is to propose from them, the hashes of weights of each class that is tried
        and of a trunk, and for each class where it is looked for; other classes may be there.
        CurvesError says what to do.
        """
        if self.header.solver != solver:
            raise CurvesError(
                f"{self.path}: curves of the {self.header.solver} solver, asked for is {solver}; "
                f"add --solver {self.header.solver}, or leave the curves out"
            )
        for cls, sha in weights.items():
            if self.header.weights.get(cls) != sha:
                raise CurvesError(
                    f"{self.path}: its curves of {cls} are not of these weights; give the models "
                    "they were made with, or leave the curves out"
                )
            if cls in shifts:
                self._check_reach(cls, shifts[cls])

    def _check_reach(self, cls: str, wanted: ShiftRange) -> None:
        grid = self.header.grids[cls]
        there = grid.shifts
        # The points of a coarse scan end less than a step from the ends of its range.
        if not (there[0] - grid.step < wanted.first and wanted.last < there[-1] + grid.step):
            low, high = z_from_shift(there[[0, -1]])
            raise CurvesError(
                f"{self.path}: its curves of {cls} are from z = {low:.4g} to {high:.4g} only; give "
                f"a range within it (--z-range {cls.split()[0]}=LOW:HIGH), or leave the curves out"
            )
        if not ((there >= wanted.first) & (there <= wanted.last)).any():
            raise CurvesError(
                f"{self.path}: no point of its curves of {cls} lies within so narrow a range; "
                "widen the range, or leave the curves out"
            )

    def of(self, spectra: Spectra) -> dict[str, NDArray[np.float32]]:
        """Curves of some spectra, by class, shape (rows, points).

        CurvesError if a spectrum has none, or has changed since.
        """
        return self._lists("chi2", np.float32, spectra)

    def p_z(self, spectra: Spectra) -> dict[str, Floats]:
        """p(z) of some spectra, by class, shape (rows, points), as the run that saved it had it.

        The probability of what is nearest to each point of the curves, with the class it is of:
        all classes together make 1, but for what :func:`quantised` loses. CurvesError as in
        :meth:`of`, and if no posterior had decided, or the file is of an earlier gasnet3.
        """
        if not self.header.posterior:
            raise CurvesError(
                f"{self.path}: has no p(z); save the curves again, with the hybrid or the exact "
                "solver and networks that have a posterior"
            )
        found = self._lists("pz", np.uint8, spectra)
        return {cls: probabilities(kept) for cls, kept in found.items()}

    def _lists(self, kind: str, dtype: type[Any], spectra: Spectra) -> dict[str, NDArray[Any]]:
        """A kind of columns, by class, shape (rows, points)."""
        rows = [self._place(*pair) for pair in zip(spectra.ids, digests(spectra), strict=True)]
        groups = np.searchsorted(self._starts, rows, side="right") - 1
        out = {
            cls: np.empty((len(rows), grid.points), dtype)
            for cls, grid in self.header.grids.items()
        }
        for group in np.unique(groups).tolist():
            here = np.flatnonzero(groups == group)
            inside = np.array(rows)[here] - self._starts[group]
            with self._lock:  # a file and its last rows serve one thread at a time
                found = self._read(kind, group)
            for cls, curves in found.items():
                out[cls][here] = curves[inside]
        return out

    def _place(self, name: str, digest: int) -> int:
        """Row of a spectrum."""
        row = self._row.get((str(name), int(digest)))
        if row is None:
            known = str(name) in self._ids
            what = "is not the spectrum its curve is of" if known else "has no curve"
            raise CurvesError(
                f"{self.path}: {name} {what}; save the curves again, or leave them out"
            )
        return row

    def _read(self, kind: str, group: int) -> dict[str, NDArray[Any]]:
        if self._group[0] != (kind, group):
            names = {key: column_of(kind, key) for key in self.header.grids}
            table = self._file.read_row_group(group, columns=list(names.values()))
            curves = {
                cls: table[name].combine_chunks().flatten().to_numpy().reshape(table.num_rows, -1)
                for cls, name in names.items()
            }
            self._group = ((kind, group), curves)
        return self._group[1]
