"""Some spectra among many files, by their ids."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from gasnet3.io.options import DEFAULT, ReadOptions
from gasnet3.io.reading import count_rows, read_rows
from gasnet3.io.registry import Inputs, expand, find_reader
from gasnet3.spectra.batch import Spectra
from gasnet3.spectra.lattice import LogLattice

CHUNK = 1024
"""Rows of a file that are looked at together: a file may be larger than memory."""


class SpectrumIndex:
    """Where spectra are, by their ids (all, or those wanted), learned file by file.

    Attributes
    ----------
    places : dict of str to (Path, int)
        File and row of each id that was met; of spectra with one id those of the first.
    """

    def __init__(
        self,
        wanted: Collection[str] | None = None,
        options: ReadOptions = DEFAULT,
        lattice: LogLattice | None = None,
    ) -> None:
        self._wanted = wanted
        self._options = options
        self._lattice = lattice
        self.places: dict[str, tuple[Path, int]] = {}

    def look(self, path: Path, rows: int | None = None) -> Iterator[tuple[list[int], Spectra]]:
        """Go through a file; give the rows that are wanted with their spectra, chunk by chunk.

        How many rows it has is counted where that is not given; ReadError if it cannot be read.
        """
        reader = find_reader(path, self._options)
        rows = count_rows(path, reader, self._options) if rows is None else rows
        for start in range(0, rows, CHUNK):
            stop = min(rows, start + CHUNK)
            batch = read_rows(path, start, stop, reader, self._options, self._lattice)
            names = batch.ids.tolist()
            if self._wanted is None:
                here = list(range(len(names)))
            else:
                here = [row for row, name in enumerate(names) if name in self._wanted]
                batch = batch[here]
            for row in here:
                self.places.setdefault(names[row], (path, start + row))
            if here:
                yield [start + row for row in here], batch

    def read(self, name: str) -> Spectra:
        """The spectrum of an id that was met, as a batch of one; ReadError if it cannot be."""
        path, row = self.places[name]
        return read_rows(path, row, row + 1, options=self._options, lattice=self._lattice)


def find_spectra(
    inputs: Inputs,
    ids: Iterable[str],
    *,
    likely: Collection[str] = (),
    options: ReadOptions = DEFAULT,
    lattice: LogLattice | None = None,
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
    lattice : LogLattice, optional
        Onto which to bring them, as of :func:`gasnet3.io.read_file`.

    Returns
    -------
    dict of str to Spectra
        A batch of one for each id that was found. Of spectra with one id it is the first.

    Raises
    ------
    ReadError
        If an input means no file, or a file cannot be read before all are found.
    """
    wanted = frozenset(map(str, ids))
    index = SpectrumIndex(wanted, options, lattice)
    found: dict[str, Spectra] = {}
    for path in sorted(expand(inputs), key=lambda path: path.name not in likely):
        if len(found) == len(wanted):
            break
        for _, batch in index.look(path):
            for row, name in enumerate(batch.ids.tolist()):
                found.setdefault(name, batch[row : row + 1])
            if len(found) == len(wanted):
                break
    return found
