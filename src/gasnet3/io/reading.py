"""Spectra out of files: all of one or of many, batch by batch, or some rows of one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from gasnet3.io.errors import ReadError, ReadFailure, check_range
from gasnet3.io.options import DEFAULT, ReadOptions
from gasnet3.io.reader import Reader, RowReader, reads_rows
from gasnet3.io.registry import Inputs, expand, find_reader, read_errors
from gasnet3.io.state import file_state
from gasnet3.spectra.batch import Spectra, regrouped
from gasnet3.spectra.lattice import LogLattice
from gasnet3.spectra.target import onto, target_lattice

PIECE_ROWS = 4096
"""Spectra of a file that are read together, where its reader can read some."""

_last: dict[tuple[str, Path, int, int, ReadOptions, LogLattice | None, LogLattice], Spectra] = {}
"""The last file that was read whole for some of its rows, by what would tell that it changed."""


def read_file(
    path: str | Path, options: ReadOptions = DEFAULT, lattice: LogLattice | None = None
) -> Spectra:
    """All spectra of one file, by the reader that knows it; see :func:`find_reader`.

    Parameters
    ----------
    path : str or Path
        The file.
    options : ReadOptions
        What the file does not say.
    lattice : LogLattice, optional
        Onto which to bring the spectra: that of the models they are for
        (:func:`gasnet3.nets.registry.lattice_of`). Left out, that of the default models; files that
        are on a lattice already (shards) are then read as they were written.

    Raises
    ------
    ReadError
        If the file is damaged or of no known format.
    """
    path = Path(path)
    return read_whole(path, find_reader(path, options), options, lattice)


def read_whole(
    path: Path, reader: Reader, options: ReadOptions, lattice: LogLattice | None
) -> Spectra:
    return _brought(path, reader, options, lattice, lambda: reader.read(path))


def _read_some(
    path: Path, reader: RowReader, start: int, stop: int, options: ReadOptions,
    lattice: LogLattice | None,
) -> Spectra:  # fmt: skip
    return _brought(path, reader, options, lattice, lambda: reader.read_rows(path, start, stop))


def _brought(
    path: Path, reader: Reader, options: ReadOptions, lattice: LogLattice | None,
    reading: Callable[[], Spectra],
) -> Spectra:  # fmt: skip
    """What a reader reads, on a lattice if one is named, with the resolution that a user says."""
    with read_errors(path, reader), onto(lattice or target_lattice()):
        spectra = reading()
        # Shards are on the lattice they were written for.
        spectra = spectra if lattice is None else spectra.on(lattice)
    return spectra if options.resolution is None else spectra.seen_at(options.resolution)


def read(
    inputs: Inputs, options: ReadOptions = DEFAULT, lattice: LogLattice | None = None
) -> Spectra:
    """All spectra of files, directories and globs as one batch.

    Parameters
    ----------
    inputs : str, Path or sequence of them
        See :func:`expand`.
    options : ReadOptions
        What the files do not say.
    lattice : LogLattice, optional
        As of :func:`read_file`.

    Raises
    ------
    ReadError
        If an input means no file, or any of the files cannot be read.
    """
    return Spectra.concatenate([read_file(path, options, lattice) for path in expand(inputs)])


def iter_batches(
    inputs: Inputs,
    batch_size: int,
    failures: list[ReadFailure],
    on_file: Callable[[int, int], None] | None = None,
    options: ReadOptions = DEFAULT,
    lattice: LogLattice | None = None,
) -> Iterator[Spectra]:
    """Spectra of files, directories and globs, a batch at a time, in the order of the files.

    Parameters
    ----------
    inputs : str, Path or sequence of them
        See :func:`expand`.
    batch_size : int
        Rows of a batch; only the last may have fewer.
    failures : list of ReadFailure
        Files that cannot be read are appended here and left out; of one of more than
        :data:`PIECE_ROWS` spectra, those before the damage were given already.
    on_file : callable, optional
        Called after every file with the number of files done and their total.
    options : ReadOptions
        What the files do not say.
    lattice : LogLattice, optional
        As of :func:`read_file`.

    Raises
    ------
    ReadError
        If an input means no file.
    ValueError
        If the batch size is less than 1.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, got {batch_size}")
    paths = expand(inputs)

    def files() -> Iterator[Spectra]:
        for done, path in enumerate(paths, start=1):
            try:
                yield from _in_pieces(path, find_reader(path, options), options, lattice)
            except ReadError as error:
                failures.append(ReadFailure(path, error.problem))
            if on_file:
                on_file(done, len(paths))

    yield from regrouped(files(), batch_size)


def _in_pieces(
    path: Path, reader: Reader, options: ReadOptions, lattice: LogLattice | None
) -> Iterator[Spectra]:
    """All spectra of a file, no more than a piece at a time where it may be larger than memory."""
    rows = 0
    if reads_rows(reader):
        with read_errors(path, reader):
            rows = reader.count(path)
    if rows <= PIECE_ROWS or not reads_rows(reader):
        yield read_whole(path, reader, options, lattice)
        return
    for start in range(0, rows, PIECE_ROWS):
        stop = min(rows, start + PIECE_ROWS)
        yield _read_some(path, reader, start, stop, options, lattice)


def count_rows(
    path: str | Path, reader: Reader | None = None, options: ReadOptions = DEFAULT
) -> int:
    """Number of spectra of a file.

    Parameters
    ----------
    path : str or Path
        The file. Only its headers are read, unless its reader cannot do that.
    reader : Reader, optional
        Its reader, where it is known; else it is found.
    options : ReadOptions
        What the file does not say.

    Raises
    ------
    ReadError
        If the file is damaged as far as that is seen, or of no known format.
    """
    path = Path(path)
    reader = reader or find_reader(path, options)
    if not reads_rows(reader):
        return len(_kept(reader, path, options, None))
    with read_errors(path, reader):
        return reader.count(path)


def read_rows(
    path: str | Path,
    start: int,
    stop: int,
    reader: Reader | None = None,
    options: ReadOptions = DEFAULT,
    lattice: LogLattice | None = None,
) -> Spectra:
    """A range of the spectra of a file.

    Parameters
    ----------
    path : str or Path
        The file. Where its reader reads whole files only, the last file is kept in memory.
    start, stop : int
        First row, and the row after the last.
    reader : Reader, optional
        Its reader, where it is known; else it is found.
    options : ReadOptions
        What the file does not say.
    lattice : LogLattice, optional
        As of :func:`read_file`.

    Returns
    -------
    Spectra
        The numbers of ``read_file(path)[start:stop]`` to the bit. Where float64 is needed for
        other rows only, these may be float32.

    Raises
    ------
    ReadError
        If the file is damaged where it is read, of no known format, or has not so many rows.
    """
    path = Path(path)
    reader = reader or find_reader(path, options)
    if reads_rows(reader):
        return _read_some(path, reader, start, stop, options, lattice)
    whole = _kept(reader, path, options, lattice)
    check_range(path, start, stop, len(whole))
    # A copy: what is kept must not change with what a caller does.
    return whole[np.arange(start, stop)]


def _kept(reader: Reader, path: Path, options: ReadOptions, lattice: LogLattice | None) -> Spectra:
    try:
        state = file_state(path)
    except OSError as error:
        raise ReadError(path, f"cannot be read ({error.strerror or error})") from None
    key = (reader.name, path, *state, options, lattice, target_lattice())
    found = _last.get(key)
    if found is None:
        found = read_whole(path, reader, options, lattice)
        _last.clear()
        _last[key] = found
    return found
