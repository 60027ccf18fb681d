"""Some rows of a file: how many it has, and a range of them without the rest."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gasnet3.io.errors import ReadError, check_range
from gasnet3.io.options import DEFAULT, ReadOptions
from gasnet3.io.reader import Reader, RowReader
from gasnet3.io.registry import find_reader, read_whole, reading
from gasnet3.io.state import file_state
from gasnet3.spectra.batch import Spectra

_last: dict[tuple[str, Path, int, int, ReadOptions], Spectra] = {}
"""The last file that was read whole for some of its rows, by what would tell that it changed."""


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
    if not isinstance(reader, RowReader):
        return len(_kept(reader, path, options))
    with reading(path, reader):
        return reader.count(path)


def read_rows(
    path: str | Path,
    start: int,
    stop: int,
    reader: Reader | None = None,
    options: ReadOptions = DEFAULT,
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
    if isinstance(reader, RowReader):
        with reading(path, reader):
            return reader.read_rows(path, start, stop)
    whole = _kept(reader, path, options)
    check_range(path, start, stop, len(whole))
    # A copy: what is kept must not change with what a caller does.
    return whole[np.arange(start, stop)]


def _kept(reader: Reader, path: Path, options: ReadOptions) -> Spectra:
    try:
        state = file_state(path)
    except OSError as error:
        raise ReadError(path, f"cannot be read ({error.strerror or error})") from None
    key = (reader.name, path, *state, options)
    found = _last.get(key)
    if found is None:
        found = read_whole(path, reader)
        _last.clear()
        _last[key] = found
    return found
