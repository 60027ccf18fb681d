"""The files of a run: how many spectra each has, and the state it is in."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gasnet3.io import ReadError, ReadFailure, ReadOptions, count_rows, find_reader
from gasnet3.io.state import file_state
from gasnet3.machine.progress import Progress


@dataclass(frozen=True, eq=False)
class Inputs:
    """The files of a run, in order; a file is there once for each run of its rows that is done.

    Attributes
    ----------
    path : list of str
        Absolute names.
    reader : list of str
        Name of the reader of each.
    rows, size, mtime_ns : ndarray of int64, shape (files,)
        Spectra, bytes and time of the last change of each.
    skip : ndarray of int64, shape (files,)
        Spectra of each that come before these, and are not done.
    """

    path: list[str]
    reader: list[str]
    rows: NDArray[np.int64]
    size: NDArray[np.int64]
    mtime_ns: NDArray[np.int64]
    skip: NDArray[np.int64]

    @cached_property
    def first(self) -> NDArray[np.int64]:
        """Number of the first spectrum of each file, and the number of all, shape (files + 1,)."""
        return np.concatenate([[0], np.cumsum(self.rows)])

    def digest(self) -> str:
        """Hash of what the files are."""
        sha = hashlib.sha256("\0".join(self.path).encode())
        for column in (self.rows, self.size, self.mtime_ns, self.skip):
            sha.update(column.tobytes())
        return sha.hexdigest()


def counted(
    paths: Iterable[Path],
    failures: list[ReadFailure],
    on_progress: Progress | None,
    options: ReadOptions,
) -> Inputs:
    """Rows and state of files; what cannot be counted goes to the failures."""
    found: list[tuple[str, str, int, int, int]] = []
    paths = list(paths)
    for done, path in enumerate(paths, start=1):
        try:
            reader = find_reader(path, options)
            # Before its rows: a change while they are counted is seen later.
            state = file_state(path)
            rows = count_rows(path, reader)
            found.append((str(path.absolute()), reader.name, rows, *state))
        except ReadError as error:
            failures.append(ReadFailure(path, error.problem))
        if on_progress:
            on_progress(done, len(paths))
    columns = list(zip(*found, strict=True)) or [(), (), (), (), ()]
    counts, size, changed = (np.array(column, np.int64) for column in columns[2:])
    return Inputs(
        list(columns[0]), list(columns[1]), counts, size, changed, np.zeros(len(found), np.int64)
    )
