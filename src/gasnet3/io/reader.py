"""What a reader of a file format is, and what it may do beside reading whole files."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, runtime_checkable

from gasnet3.io.options import ReadOptions
from gasnet3.io.understood import Understood
from gasnet3.spectra.batch import Spectra


class Reader(Protocol):
    """One file format."""

    name: str

    def matches(self, path: Path, head: bytes) -> bool:
        """Whether the file is of this format, from its first bytes (unzipped), not its name."""

    def read(self, path: Path) -> Spectra:
        """All spectra of the file; ReadError if it is damaged."""


@runtime_checkable
class RowReader(Reader, Protocol):
    """A reader that reads a range of rows for less than the whole file."""

    def count(self, path: Path) -> int:
        """Rows of the file, from its headers; ReadError if these are damaged."""

    def read_rows(self, path: Path, start: int, stop: int) -> Spectra:
        """What ``read(path)[start:stop]`` has; ReadError if it is damaged or has not as many."""


@runtime_checkable
class ConfigurableReader(Reader, Protocol):
    """A reader of files that do not tell all, and so takes advice."""

    def configured(self, options: ReadOptions) -> Reader:
        """The same reader, obeying the options; itself it does not change."""


@runtime_checkable
class ExplainingReader(Reader, Protocol):
    """A reader that says what it makes of a file."""

    def explain(self, path: Path) -> Understood:
        """What ``read(path)`` takes from where; ReadError if the file is damaged."""
