"""Some spectra among many files, by their ids."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import numpy as np

from gasnet3.io.options import DEFAULT, ReadOptions
from gasnet3.io.registry import Inputs, expand, find_reader
from gasnet3.io.rows import count_rows, read_rows
from gasnet3.spectra.batch import Spectra

CHUNK = 1024
"""Rows of a file that are looked at together: a file may be larger than memory."""


def find_spectra(
    inputs: Inputs,
    ids: Iterable[str],
    *,
    likely: Collection[str] = (),
    options: ReadOptions = DEFAULT,
) -> dict[str, Spectra]:
    """Spectra by their ids; files are read one after the other until all are found.

    Parameters
    ----------
    inputs : str, Path or sequence of them
        Where to look, see :func:`gasnet3.io.expand`.
    ids : iterable of str
        The spectra wanted.
    likely : collection of str
        Names of files, without directory, to look into first: a catalog's column ``file``.
    options : ReadOptions
        What the files do not say.

    Returns
    -------
    dict of str to Spectra
        A batch of one for each id that was found. Of spectra with one id it is the first.

    Raises
    ------
    ReadError
        If an input means no file, or a file cannot be read before all are found.
    """
    missing = set(map(str, ids))
    found: dict[str, Spectra] = {}
    for path in sorted(expand(inputs), key=lambda path: path.name not in likely):
        if not missing:
            break
        reader = find_reader(path, options)
        rows = count_rows(path, reader, options)
        for start in range(0, rows, CHUNK):
            batch = read_rows(path, start, min(rows, start + CHUNK), reader, options)
            for row in np.flatnonzero(np.isin(batch.ids, list(missing))).tolist():
                found.setdefault(str(batch.ids[row]), batch[row : row + 1])
            missing -= found.keys()
            if not missing:
                break
    return found
