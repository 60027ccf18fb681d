"""Inputs that are more than a file: which directories are one, and what tells that it changed."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

STORE_FILES = frozenset(("zarr.json", ".zgroup", ".zarray", ".zmetadata"))
"""Files of which a directory that is a Zarr store has at least one."""


_HATS_FILES = ("hats.properties", "properties")
_HATS_KIND = re.compile(r"^dataproduct_type\s*=\s*(\w+)", re.MULTILINE)


class FileState(NamedTuple):
    """Bytes, and the time of the last change in ns."""

    size: int
    mtime_ns: int


def is_store(names: Iterable[str]) -> bool:
    """Whether a directory with files of these names is one Zarr store."""
    return not STORE_FILES.isdisjoint(names)


def is_store_at(path: Path) -> bool:
    """Whether there is a directory that is one Zarr store."""
    return path.is_dir() and any((path / name).is_file() for name in STORE_FILES)


def hats_folders(directory: Path, names: Iterable[str]) -> tuple[str, ...] | None:
    """Where the rows of a HATS catalog are, as LSDB writes it; None if it is none.

    That is its directory with the rows, and no one where these repeat those of another catalog (a
    margin). ``names`` are those of the files in it.
    """
    for name in sorted(set(names).intersection(_HATS_FILES)):
        try:
            kind = _HATS_KIND.search((directory / name).read_text("utf-8", "replace"))
        except OSError:
            continue
        if kind is not None:
            return ("dataset",) if kind[1] in ("object", "source") else ()
    return None


def file_state(path: Path) -> FileState:
    """The state of a file, or of a directory that is one input (a Zarr store); else OSError.

    Of a store it is that of its metadata and of the directories that hold its chunks: to look at
    each of some 100,000 chunks would take longer than to read them. A chunk that is written again
    in place is not noticed.
    """
    state = path.stat()
    if not stat.S_ISDIR(state.st_mode):
        return FileState(state.st_size, state.st_mtime_ns)
    size, changed = 0, state.st_mtime_ns
    for entry in _metadata(path):
        found = entry.stat()
        size += 0 if entry.is_dir() else found.st_size
        changed = max(changed, found.st_mtime_ns)
    return FileState(size, changed)


def _metadata(directory: Path) -> Iterator[os.DirEntry[str]]:
    """Metadata of the groups and arrays of a store, and the directories of their chunks."""
    with os.scandir(directory) as listed:
        entries = sorted(listed, key=lambda entry: entry.name)
    for entry in entries:
        # Chunks of version 2 lie in directories named by numbers: there may be many.
        if entry.is_dir() and not entry.name.isdigit():
            yield entry
            if is_store_at(Path(entry.path)):
                yield from _metadata(Path(entry.path))
        elif entry.name in STORE_FILES or entry.name == ".zattrs":
            yield entry
