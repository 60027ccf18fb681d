"""Reader of NumPy ``.npz`` archives: any number of spectra with whatever columns they have."""

from __future__ import annotations

import math
import os
import threading
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from gasnet3.io.errors import ReadError, check_range
from gasnet3.io.naming import ALIASES, PIXELS, RESERVED, names_of
from gasnet3.io.reader import Understood
from gasnet3.spectra.batch import Spectra

# What zipfile and numpy raise on damaged archives, beside BadZipFile and zlib.error.
_BROKEN = (ValueError, EOFError, OSError, KeyError, RuntimeError, NotImplementedError)


class NpzReader:
    """``.npz`` with ``flux``, ``ivar`` and ``loglam`` or ``wave`` (vacuum Å).

    Optional: ``ids`` (or ``id``, ``name``; else spectra are called by the file and their row),
    ``z``, ``classes`` (or ``class``, ``cls``) and ``zwarn``. Every other 1-D array with one value
    a spectrum becomes a key column.
    """

    name = "npz"

    def matches(self, path: Path, head: bytes) -> bool:
        """Whether the file is a zip archive of arrays: :meth:`read` says which are missing."""
        if not head.startswith(b"PK\x03\x04"):
            return False
        try:
            with zipfile.ZipFile(path) as archive:
                return any(name.endswith(".npy") for name in archive.namelist())
        except (zipfile.BadZipFile, *_BROKEN):
            # A damaged archive is still ours if it began as one: read() says what is wrong.
            return b"flux.npy" in head

    def read(self, path: Path) -> Spectra:
        """Read all spectra of an archive.

        Returns
        -------
        Spectra
            One row a spectrum; ``file`` is added to the key columns.

        Raises
        ------
        ReadError
            If the archive is damaged, lacks flux, ivar or the wavelengths, holds pickled
            objects, or its arrays do not fit together.
        """
        with _errors(path), closing(_Archive(path)) as archive:
            arrays = {name: archive.load(name) for name in archive.members}
            rows = archive.rows if "flux" in arrays else 0
        return _checked_spectra(path, arrays, names_of(path, rows, 0, rows))

    def count(self, path: Path) -> int:
        """Number of spectra, from the header of the array flux."""
        with _errors(path), closing(_Archive(path)) as archive:
            return archive.rows

    def read_rows(self, path: Path, start: int, stop: int) -> Spectra:
        """Read some spectra, and of the arrays only their rows; see :meth:`read`.

        The last archive stays open in each thread. Its checksums are tested once; rows in order
        then cost one pass over it, but to go back costs unzipping it from its start.
        """
        try:
            with _errors(path):
                archive = _kept_archive(path)
                check_range(path, start, stop, archive.rows)
                ranges = archive.ranges(slice(start, stop))
                arrays = {name: archive.load(name, rows) for name, rows in ranges.items()}
                names = names_of(path, archive.rows, start, stop)
        except ReadError:
            _forget()
            raise
        return _checked_spectra(path, arrays, names) if ranges else self.read(path)[start:stop]

    def explain(self, path: Path) -> Understood:
        """Which array is what, and which are not used; ReadError if flux or ivar is not there."""
        with _errors(path), closing(_Archive(path)) as archive:
            rows, members = archive.rows, archive.members
        wave = "loglam" if "loglam" in members else "wave"
        roles = {"flux": ("flux",), "ivar": ("ivar",), wave: (wave,), "id": ALIASES["ids"]}
        roles |= {"z": ALIASES["z"], "class": ALIASES["classes"]}
        found = {role: [name for name in names if name in members] for role, names in roles.items()}
        used = [(role, f"array {names[0]}") for role, names in found.items() if names]
        taken = {"zwarn", *(names[0] for names in found.values() if names)}
        ignored = [
            f"array {name}: not used"
            for name, member in members.items()
            if name not in taken and member.shape not in ((), (rows,))
        ]
        return Understood(used, ["wavelengths in vacuum Å, as this format defines"], ignored)


class _Member(NamedTuple):
    """One array of an archive, and where its numbers start."""

    info: zipfile.ZipInfo
    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]
    start: int


@contextmanager
def _errors(path: Path) -> Iterator[None]:
    """A ReadError for all that can be wrong with an archive."""
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, *_BROKEN) as error:
        raise ReadError(path, f"not a usable .npz archive ({error}); write it again") from error


class _Archive:
    """An open archive whose streams stay where they are between two reads."""

    def __init__(self, path: Path) -> None:
        self._file = zipfile.ZipFile(path)
        self._streams: dict[str, IO[bytes]] = {}
        try:
            self.members = _members(self._file)
        except BaseException:
            self._file.close()
            raise

    @property
    def rows(self) -> int:
        """Number of spectra."""
        _check_names(self.members)
        shape = self.members["flux"].shape
        return shape[0] if len(shape) == 2 else 1

    def ranges(self, rows: slice) -> dict[str, slice | None]:
        """Which arrays to load, and their rows (None: all); nothing if it takes all to tell."""
        ranges: dict[str, slice | None] = {}
        pixels = self.members["flux"].shape
        for name, member in self.members.items():
            if name in ("wave", "loglam") and len(member.shape) == 1:
                ranges[name] = None
            elif member.shape == (pixels if name in PIXELS[:4] else (self.rows,)):
                ranges[name] = rows
            elif name in RESERVED:
                return {}
        regular = len(pixels) == 2 and not any(self.members[name].fortran for name in ranges)
        return ranges if regular else {}

    def load(self, name: str, rows: slice | None = None) -> NDArray[Any]:
        """One array, or some of its rows."""
        member = self.members[name]
        if rows is None:
            with self._file.open(member.info) as stream:
                whole: NDArray[Any] = npy.read_array(stream, allow_pickle=False)
                return whole
        if name not in self._streams:
            self._streams[name] = self._file.open(member.info)
        shape = (rows.stop - rows.start, *member.shape[1:])
        row_bytes = member.dtype.itemsize * math.prod(member.shape[1:])
        self._streams[name].seek(member.start + rows.start * row_bytes)
        data = bytearray(self._streams[name].read(shape[0] * row_bytes))
        return np.frombuffer(data, member.dtype, math.prod(shape)).reshape(shape)

    def test(self) -> None:
        """Unzip everything; BadZipFile if a checksum is wrong, which some rows do not show."""
        wrong = self._file.testzip()
        if wrong is not None:
            raise zipfile.BadZipFile(f"the checksum of {wrong} is wrong")

    def close(self) -> None:
        """Close the file."""
        for stream in self._streams.values():
            stream.close()
        self._file.close()


_kept = threading.local()
"""The archive that rows were read from last, and the state of its file."""


def _kept_archive(path: Path) -> _Archive:
    state = path.stat()
    # A forked process must not share the position in the file with its parent.
    key = (os.getpid(), path, state.st_size, state.st_mtime_ns)
    if getattr(_kept, "key", None) != key:
        _forget()
        archive = _Archive(path)
        _kept.key, _kept.archive = key, archive
        archive.test()
    found: _Archive = _kept.archive
    return found


def _forget() -> None:
    if getattr(_kept, "key", None) is not None:
        _kept.key = None
        _kept.archive.close()


def _members(archive: zipfile.ZipFile) -> dict[str, _Member]:
    """Arrays by name; headers are checked against sizes before anything is allocated."""
    members = {}
    for info in archive.infolist():
        if info.filename.endswith(".npy"):
            with archive.open(info) as stream:
                member = _Member(info, *_array_header(stream), stream.tell())
            size = member.start + member.dtype.itemsize * math.prod(member.shape)
            if member.dtype.hasobject or size != info.file_size:
                raise ValueError(
                    f"array {info.filename} is pickled, or its size is not what it claims"
                )
            members[info.filename.removesuffix(".npy")] = member
    return members


def _array_header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = npy.read_magic(stream)
    if version == (1, 0):
        return npy.read_array_header_1_0(stream)
    return npy.read_array_header_2_0(stream)


def _checked_spectra(path: Path, arrays: dict[str, NDArray[Any]], names: list[str]) -> Spectra:
    try:
        return _spectra(path, arrays, names)
    except (ValueError, TypeError) as error:
        raise ReadError(path, f"its arrays do not make spectra: {error}") from error


def _check_names(arrays: Iterable[str]) -> None:
    names = set(arrays)
    if not {"flux", "ivar"} <= names:
        has = ", ".join(sorted(names)[:12]) or "none"
        raise ValueError(f"it needs the arrays flux, ivar, and wave or loglam; it has {has}")


def _spectra(path: Path, arrays: dict[str, NDArray[Any]], names: list[str]) -> Spectra:
    _check_names(arrays)
    flux = arrays["flux"]
    rows = len(flux) if flux.ndim == 2 else 1
    columns: dict[str, Any] = {}
    taken = set(PIXELS)
    for column, aliases in ALIASES.items():
        found = [name for name in aliases if name in arrays]
        taken |= set(found[:1])
        columns[column] = np.atleast_1d(arrays[found[0]]) if found else None
    if columns["ids"] is None:
        columns["ids"] = np.array(names)
    else:
        columns["ids"] = columns["ids"].astype(np.str_)
    if columns["classes"] is not None:
        columns["classes"] = columns["classes"].astype(np.str_)
    others = {name: np.atleast_1d(array) for name, array in arrays.items() if name not in taken}
    meta = {
        name: array
        for name, array in others.items()
        if array.shape == (rows,) and array.dtype.kind in "biufUS"
    }
    zwarn = arrays.get("zwarn")
    return Spectra.from_arrays(
        flux,
        arrays["ivar"],
        arrays.get("wave") if "loglam" not in arrays else None,
        loglam=arrays.get("loglam"),
        **columns,
        zwarn=None if zwarn is None else np.atleast_1d(zwarn),
        meta={**meta, "file": np.full(rows, path.name)},
    )
