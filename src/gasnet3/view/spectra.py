"""The spectra of a catalog's rows, found by their ids when they are wanted."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path

from gasnet3.errors import GasnetError
from gasnet3.io import ReadError, ReadOptions, count_rows, expand, read_rows
from gasnet3.io.finding import SpectrumIndex
from gasnet3.io.options import DEFAULT
from gasnet3.spectra.batch import Spectra
from gasnet3.spectra.lattice import LogLattice
from gasnet3.spectra.target import STANDARD

PATIENCE = 5.0
"""Seconds to wait for the id of one spectrum to be read, while others may be wanted."""


class MissingSpectrum(GasnetError):
    """A spectrum that is not to be had; the message says why and what to do."""


class SpectrumFinder:
    """Finds spectra by id in files, directories and globs, without reading them all first.

    A file of one spectrum has its id in its name as a rule, and is tried first; the ids of the
    others are read in the background, once. ReadError if an input means no file.
    """

    def __init__(
        self,
        inputs: Sequence[str | Path],
        options: ReadOptions = DEFAULT,
        lattice: LogLattice = STANDARD,
    ) -> None:
        self.options, self.lattice = options, lattice
        self.files = expand(list(inputs)) if inputs else []
        self._by_stem: dict[str, list[Path]] = {}
        for path in self.files:
            self._by_stem.setdefault(_stem(path), []).append(path)
        self._index = SpectrumIndex(None, options, lattice)
        self._failed: list[ReadError] = []
        self._n_read = 0
        self._complete = threading.Event()
        self._started = threading.Lock()
        self._thread: threading.Thread | None = None

    def find(self, name: str) -> Spectra:
        """The spectrum of an id, as a batch of one.

        MissingSpectrum if no file has it, the file cannot be read, or the ids are still being read.
        """
        if not self.files:
            raise MissingSpectrum(
                "no spectra were given: start with gasnet3 view CATALOG FILES to see them"
            )
        try:
            return self._find(name)
        except ReadError as error:
            raise MissingSpectrum(str(error)) from None

    def _find(self, name: str) -> Spectra:
        for path in self._by_stem.get(_plain(name), []):
            if count_rows(path, options=self.options) == 1:
                found = read_rows(path, 0, 1, options=self.options, lattice=self.lattice)
                if str(found.ids[0]) == name:
                    return found
        self.start()
        deadline = time.monotonic() + PATIENCE
        while name not in self._index.places and not self._complete.wait(timeout=0.02):
            if time.monotonic() > deadline:
                raise MissingSpectrum(
                    f"{name!r} is not found yet: {self._n_read:,} of {len(self.files):,} files "
                    "are looked through; go on, and come back to it"
                )
        if name in self._index.places:
            return self._index.read(name)
        more = ""
        if self._failed:
            more = f"; {len(self._failed)} of them could not be read: {self._failed[0]}"
        raise MissingSpectrum(f"no spectrum {name!r} in the {len(self.files)} files given{more}")

    def start(self) -> None:
        """Begin to read the ids in the background, if that has not begun."""
        with self._started:
            if self._thread is None:
                self._thread = threading.Thread(target=self._learn, daemon=True)
                self._thread.start()

    def _learn(self) -> None:
        try:
            for path in self.files:
                try:
                    for _ in self._index.look(path):
                        pass
                except ReadError as error:
                    self._failed.append(error)
                self._n_read += 1
        finally:
            self._complete.set()


def _stem(path: Path) -> str:
    name = path.name.removesuffix(".gz")
    return _plain(name.rsplit(".", 1)[0])


def _plain(name: str) -> str:
    """A name without what surveys put before an id."""
    return name.removeprefix("spec-").removeprefix("specLite-")
