"""Classification on this machine: arrays in memory, or files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gasnet3.io import ReadFailure, iter_batches
from gasnet3.joining import join_column
from gasnet3.pipeline import Pipeline
from gasnet3.spectra import Spectra

if TYPE_CHECKING:
    from astropy.table import Table

Progress = Callable[[int], None]


def classify(
    flux: Any,
    ivar: Any,
    wave: Any = None,
    *,
    loglam: Any = None,
    ids: Sequence[str] | None = None,
    solver: str = "hybrid",
    models: str | Path | Sequence[str | Path] = "encoder",
    device: str = "cpu",
    n_best: int = 1,
) -> Table:
    """Class, redshift and flags of spectra held in arrays.

    Parameters
    ----------
    flux, ivar : array_like, shape (pixels,) or (rows, pixels), or a sequence of 1-D arrays
        Flux density F_λ in any unit, and its inverse variance (0: masked).
    wave : array_like, optional
        Pixel centres in vacuum Å; one grid for all rows, or one a row.
    loglam : array_like, optional
        log10 of the pixel centres, instead of ``wave``.
    ids : sequence of str, optional
        Identifiers; ``row-0``, ``row-1``, ... by default.
    solver, models, device
        See :meth:`gasnet3.pipeline.Pipeline.load`.
    n_best : int
        Solutions a spectrum.

    Returns
    -------
    astropy.table.Table
        One row a solution; the columns are those of :data:`gasnet3.catalog.COLUMNS`. The same
        numbers, to the bit, whatever the number and the order of the rows.

    Raises
    ------
    ValueError
        If shapes disagree or a shared wavelength grid is not monotonic. A single bad spectrum
        among many is flagged instead.
    """
    spectra = Spectra.from_arrays(flux, ivar, wave, loglam=loglam, ids=ids)
    return Pipeline.load(models, solver, device).run(spectra, n_best)


@dataclass(frozen=True, eq=False)
class RunResult:
    """A catalog, and the files that could not be read."""

    table: Table
    failures: list[ReadFailure] = field(default_factory=list)


def classify_files(
    inputs: Sequence[str | Path],
    pipeline: Pipeline,
    *,
    batch_size: int = 256,
    n_best: int = 1,
    on_progress: Progress | None = None,
) -> RunResult:
    """Classify all spectra of files, directories or globs.

    Parameters
    ----------
    inputs : sequence of str or Path
        What to read, see :func:`gasnet3.io.expand`.
    pipeline : Pipeline
        Models and solver.
    batch_size : int
        Spectra read and solved together; memory, not answers, depends on it.
    n_best : int
        Solutions a spectrum.
    on_progress : callable, optional
        Called after every batch with the number of spectra done.

    Returns
    -------
    RunResult
        A broken file is listed in ``failures`` with the reason, and the run goes on.
    """
    failures: list[ReadFailure] = []
    tables, done = [], 0
    for spectra in iter_batches(inputs, batch_size, failures):
        tables.append(pipeline.run(spectra, n_best))
        done += len(spectra)
        if on_progress:
            on_progress(done)
    if not tables:
        tables.append(pipeline.run(Spectra.from_arrays([], [], [3600.0]), n_best))
    return RunResult(_stacked(tables), failures)


def _stacked(tables: Sequence[Table]) -> Table:
    """One catalog of several, key columns filled where a batch lacks them.

    As batches of spectra are joined, and not as astropy stacks tables: key columns must not
    depend on how the files fell into batches, nor a text among the numbers of one end the run.
    """
    from astropy.table import Column, Table

    rows = [len(table) for table in tables]
    whole = Table(meta=tables[0].meta)
    for name in dict.fromkeys(name for table in tables for name in table.colnames):
        like = next(table[name] for table in tables if name in table.colnames)
        parts = [np.asarray(t[name]) if name in t.colnames else None for t in tables]
        whole[name] = Column(join_column(parts, rows), unit=like.unit, description=like.description)
    return whole
