"""What readers of files with one spectrum have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

from gasnet3.io.errors import check_range
from gasnet3.spectra.batch import Spectra


class SingleSpectrumReader(ABC):
    """A reader of a format that holds one spectrum a file."""

    @abstractmethod
    def read(self, path: Path) -> Spectra:
        """The one spectrum of a file; ReadError if it is damaged."""

    def count(self, path: Path) -> int:
        """One: such a file holds one spectrum."""
        return 1

    def read_rows(self, path: Path, start: int, stop: int) -> Spectra:
        """The spectrum, or none of it; see :meth:`read`."""
        check_range(path, start, stop, 1)
        spectra = self.read(path)
        return spectra if stop > start else spectra[:0]
