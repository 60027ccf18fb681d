"""Classification of the partitions of a HATS catalog (LSDB), or of any pandas tables."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gasnet3.catalog.schema import free_name
from gasnet3.flags import ZWarn
from gasnet3.machine.allocator import TRIM, keep_freed_memory
from gasnet3.nets.registry import is_exported
from gasnet3.pipeline.loading import load, require_torch, use_threads
from gasnet3.pipeline.request import Request
from gasnet3.spectra.batch import Spectra

if TYPE_CHECKING:
    import pandas as pd

    from gasnet3.pipeline.classifier import Classifier
    from gasnet3.spectra.lattice import LogLattice

_LOCK = threading.Lock()


@dataclass(frozen=True)
class PartitionClassifier:
    """A function of a pandas table of spectra that gives the table of their solutions.

    Made for ``catalog.map_partitions(classify, meta=classify.meta(catalog.meta))`` of LSDB;
    it is small, can be pickled, and loads the models once in each process.

    Parameters
    ----------
    models : str or tuple of str
        See :func:`gasnet3.pipeline.loading.load_classifier`; the workers must find them under the
        same names, and need no torch for exported ones.
    solver : {"hybrid", "amortised", "exact"}
        See :mod:`gasnet3.solve.solvers`.
    n_best : int
        Solutions a spectrum.
    flux, ivar : str
        Columns with a list a row. ``spectrum.flux`` is the field ``flux`` of the nested column
        ``spectrum``.
    loglam : str
        Column of the same kind with log10 of the vacuum wavelengths in Å.
    wave : str or None
        Column with the wavelengths in vacuum Å themselves, used instead of ``loglam``.
    id : str or None
        Column of the identifiers; the index where it is None.
    device : str
        Where to compute.
    threads : int
        CPU threads that share a partition. A process works on one partition at a time:
        let Dask start processes of one thread, or give ``threads`` the cores that one has.
    """

    models: str | tuple[str, ...] = "encoder"
    solver: str = "hybrid"
    n_best: int = 1
    flux: str = "flux"
    ivar: str = "ivar"
    loglam: str = "loglam"
    wave: str | None = None
    id: str | None = None
    device: str = "cpu"
    threads: int = 1

    def meta(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The columns and types of the answer, without rows, for tables like ``frame``."""
        return self(frame.iloc[:0])

    def __call__(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Classify the spectra of a table.

        Parameters
        ----------
        frame : pandas.DataFrame
            One spectrum a row, any number of rows. Lists may differ in length from row to row,
            not among the columns of a row.

        Returns
        -------
        pandas.DataFrame
            The native columns of :data:`gasnet3.catalog.COLUMNS` (``coeff`` as ``coeff_0``, ...),
            then all columns of the input but the spectra and the identifiers, with their types;
            one whose name is taken gets the suffix ``_in``. The index is the input's. The
            answers are those of :meth:`gasnet3.pipeline.pipeline.Pipeline.run`, to the bit.

        Raises
        ------
        KeyError
            If a column is missing; the message names those that are there.
        """
        grid = self.loglam if self.wave is None else self.wave
        lists = [_lists(frame, name) for name in (self.flux, self.ivar, grid)]
        ids = self._ids(frame)
        with _one_at_a_time(self.models):
            classifier = _classifier(Request(self.models, self.solver), self.device)
            spectra = _spectra(lists, ids, classifier.lattice, log=self.wave is None)
            table = classifier.run(spectra, self.n_best, threads=self.threads)
        rows = np.repeat(np.arange(len(frame)), self.n_best)
        used = {name.partition(".")[0] for name in (self.flux, self.ivar, grid)}
        used |= {self.flux, self.ivar, grid, self.id or ""}
        return _answer(table, frame[[c for c in frame.columns if c not in used]].iloc[rows])

    def _ids(self, frame: pd.DataFrame) -> NDArray[np.str_]:
        if self.id is None:
            return np.array([str(item) for item in frame.index], np.str_)
        _check_column(frame, self.id)
        missing = frame[self.id].isna()
        return np.array(
            ["" if gone else str(item) for item, gone in zip(frame[self.id], missing, strict=True)],
            np.str_,
        )


@lru_cache(maxsize=2)
def _classifier(request: Request, device: str) -> Classifier:
    return load(request, device)


@contextmanager
def _one_at_a_time(models: str | tuple[str, ...]) -> Iterator[None]:
    """The networks with one thread, and no other partition in this process beside it."""
    with _LOCK:
        if TRIM in os.environ:  # a worker of Dask, three times slower by it
            keep_freed_memory()
        if is_exported(models):
            use_threads(models, 1)
            yield
            return
        require_torch(f"PartitionClassifier({models!r})")
        import torch

        before = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(before)


def _check_column(frame: pd.DataFrame, name: str) -> None:
    if name not in frame.columns:
        raise KeyError(
            f"no column {name!r} in the table: it has {', '.join(map(str, frame.columns))}; "
            "name yours as flux=, ivar=, loglam= (or wave=) and id="
        )


def _lists(frame: pd.DataFrame, name: str) -> list[NDArray[Any]]:
    """The rows of a list column, or of a field of a nested one; empty where it is null."""
    import pyarrow as pa

    column, _, field = (name, "", "") if name in frame.columns else name.partition(".")
    _check_column(frame, column)
    if frame[column].dtype == object and not field:  # arrays or lists, whose types may differ
        return [
            np.empty(0) if np.ndim(i) == 0 else np.asarray(i, np.float64) for i in frame[column]
        ]
    array = pa.chunked_array([pa.array(frame[column], from_pandas=True)]).combine_chunks()
    if pa.types.is_null(array.type):  # a nested column without rows, too
        return [np.empty(0)] * len(array)
    if field:
        array = _field(array, field, name)
    return [
        np.empty(0) if item.values is None else item.values.to_numpy(zero_copy_only=False)
        for item in array
    ]


def _field(array: Any, field: str, name: str) -> Any:
    """A field of a struct of lists, or of a list of structs, as an array of lists."""
    import pyarrow as pa
    import pyarrow.compute

    inner = (
        array.type if pa.types.is_struct(array.type) else getattr(array.type, "value_type", None)
    )
    if inner is None or not pa.types.is_struct(inner) or inner.get_field_index(field) < 0:
        raise KeyError(f"no field {field!r} in the column of {name!r}: it holds {array.type}")
    if pa.types.is_struct(array.type):
        return pa.compute.struct_field(array, field)
    flat = pa.compute.struct_field(array.values, field)
    return pa.ListArray.from_arrays(array.offsets, flat, mask=array.is_null())


def _spectra(
    lists: Sequence[list[NDArray[Any]]],
    ids: NDArray[np.str_],
    lattice: LogLattice,
    *,
    log: bool,
) -> Spectra:
    """The rows as spectra; those whose lists disagree have no data."""
    flux, ivar, grid = (list(column) for column in lists)
    flags = np.zeros(len(ids), np.int64)
    for row, sizes in enumerate(zip(map(len, flux), map(len, ivar), map(len, grid), strict=True)):
        if len(set(sizes)) > 1:
            flags[row] = int(ZWarn.POORDATA)
            flux[row] = ivar[row] = grid[row] = np.empty(0)
    if not len(ids):
        return Spectra.from_arrays([], [], [3600.0], lattice=lattice)
    for row in range(1, len(grid)):
        if np.array_equal(grid[row], grid[row - 1]):
            grid[row] = grid[row - 1]  # rows on one and the same grid are placed once
    wave, loglam = (None, grid) if log else (grid, None)
    return Spectra.from_arrays(
        flux, ivar, wave, loglam=loglam, ids=ids, zwarn=flags, lattice=lattice
    )


def _answer(table: Any, keys: pd.DataFrame) -> pd.DataFrame:
    """The catalog beside the key columns of the input, by the input's index."""
    import pandas as pd
    import pyarrow as pa

    text = pd.ArrowDtype(pa.string())
    columns: dict[str, Any] = {}
    for name in table.colnames:
        data = np.asarray(table[name])
        parts = (
            {f"{name}_{i}": part for i, part in enumerate(data.T)}
            if data.ndim > 1
            else {name: data}
        )
        for part, values in parts.items():
            dtype = text if values.dtype.kind == "U" else values.dtype
            columns[part] = pd.array(values.tolist() if dtype is text else values, dtype=dtype)
    taken = {name.casefold() for name in columns}
    names = {name: free_name(str(name), taken, "_in") for name in keys.columns}
    return pd.concat([pd.DataFrame(columns, index=keys.index), keys.rename(columns=names)], axis=1)
