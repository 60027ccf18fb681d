"""What a reader of a file format is, and what it may do beside reading whole files."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeGuard, runtime_checkable

from numpy.typing import ArrayLike

from gasnet3.io.errors import check_range
from gasnet3.io.options import ReadOptions
from gasnet3.spectra.batch import Spectra


@dataclass
class Understood:
    """What of a file stands for what, what had to be assumed, and what was left.

    Attributes
    ----------
    used : list of (role, text)
        Role (:data:`gasnet3.io.options.ROLES`) and where it comes from, with its unit:
        ``("flux", "column FLUX of HDU 1 [1e-17 erg/(s cm2 Angstrom)]")``.
    assumed : list of str
        What the file does not say, and was taken for granted.
    ignored : list of str
        What was not understood, or is not used.
    """

    used: list[tuple[str, str]] = field(default_factory=list)
    assumed: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)

    def assume(self, text: str) -> None:
        """Note what was taken for granted, if anything was, and only once."""
        if text and text not in self.assumed:
            self.assumed.append(text)


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


def reads_rows(reader: Reader) -> TypeGuard[RowReader]:
    """Whether a reader is a :class:`RowReader`; isinstance of a protocol would take 0.1 ms."""
    return hasattr(reader, "count") and hasattr(reader, "read_rows")


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


def one_spectrum(
    path: Path,
    arrays: tuple[ArrayLike, ArrayLike, ArrayLike],
    name: str,
    zwarn: int,
    z: float,
    cls: str,
    meta: Mapping[str, Any],
) -> Spectra:
    """A batch of the one spectrum of a file: flux, ivar and loglam; ``file`` joins the keys."""
    flux, ivar, loglam = arrays
    keys = {key: [value] for key, value in {**meta, "file": path.name}.items()}
    labels: dict[str, Any] = {"ids": [name], "zwarn": [zwarn], "z": [z], "classes": [cls]}
    return Spectra.from_arrays([flux], [ivar], loglam=[loglam], **labels, meta=keys)
