"""The list that goes with a directory of shards: what must be there, and whence it came."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from gasnet3.io.errors import ReadError, ReadFailure
from gasnet3.io.stores.shards import ENDING, VERSION, write_shard
from gasnet3.machine.files import write_json
from gasnet3.spectra.batch import Spectra, regrouped

MANIFEST = "manifest.json"
SHARD_ROWS = 4096
"""Spectra a shard by default: 134 MB in single precision."""


class Source(NamedTuple):
    """A file that was converted, and the state it was in."""

    path: str
    rows: int
    bytes: int
    mtime_ns: int


class ShardEntry(NamedTuple):
    """A shard as it must be."""

    name: str
    rows: int
    bytes: int
    sha256: str


def shard_path(directory: Path, index: int) -> Path:
    """Where the shard of a number lies."""
    return directory / f"shard-{index:06d}{ENDING}"


def shards_in(directory: Path) -> list[Path]:
    """Shards of a directory, in order, whatever the manifest says."""
    return sorted(directory.glob(f"shard-*{ENDING}"))


def describe(path: Path, rows: int) -> ShardEntry:
    """The entry of a shard that is known to be good; OSError if it cannot be read."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return ShardEntry(path.name, rows, path.stat().st_size, digest)


def write_manifest(
    directory: Path,
    shards: Sequence[ShardEntry],
    sources: Iterable[Source] = (),
    failures: Iterable[ReadFailure] = (),
) -> None:
    """Write the manifest of a directory: its shards, their sources, and what was left out."""
    content = {
        "format": "gasnet3-shards",
        "version": VERSION,
        "rows": sum(shard.rows for shard in shards),
        "shards": [shard._asdict() for shard in shards],
        "sources": [source._asdict() for source in sources],
        "failures": [{"path": item.path, "reason": item.reason} for item in failures],
    }
    write_json(directory / MANIFEST, content)


def write_directory(
    directory: Path, batches: Iterable[Spectra], shard_rows: int = SHARD_ROWS
) -> list[ShardEntry]:
    """Write batches of any length as the shards of a directory, and their manifest.

    It is made where it is not there; shards that are there are replaced or removed. As many
    spectra are held in memory as make a shard.
    """
    directory.mkdir(parents=True, exist_ok=True)
    entries: list[ShardEntry] = []
    for spectra in regrouped(batches, shard_rows):
        path = shard_path(directory, len(entries))
        write_shard(path, spectra)
        entries.append(describe(path, len(spectra)))
    for path in shards_in(directory)[len(entries) :]:
        path.unlink()
    write_manifest(directory, entries)
    return entries


def read_manifest(directory: Path) -> list[ShardEntry]:
    """The shards that a manifest lists; ReadError if there is no manifest, or it is not one."""
    path = directory / MANIFEST
    try:
        content: dict[str, Any] = json.loads(path.read_text())
        return [ShardEntry(**shard) for shard in content["shards"]]
    except OSError as error:
        reason = f"cannot be read ({error.strerror or error}); run gasnet3 convert to its end"
        raise ReadError(path, reason) from None
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        reason = f"is no manifest of shards ({error!r}); run gasnet3 convert again"
        raise ReadError(path, reason) from error


def verify(directory: str | Path) -> list[ReadFailure]:
    """Compare the shards of a directory, where ``gasnet3 convert`` wrote, with its manifest.

    Shards that are missing, differ, or are not in it are given; ReadError if it is none.
    """
    directory = Path(directory)
    entries = {entry.name: entry for entry in read_manifest(directory)}
    failures = []
    for path in sorted({*(directory / name for name in entries), *shards_in(directory)}):
        reason = _difference(path, entries.get(path.name))
        if reason:
            failures.append(ReadFailure(path, reason))
    return failures


def _difference(path: Path, entry: ShardEntry | None) -> str:
    """What is wrong with a shard, '' for nothing."""
    again = "run gasnet3 convert with the same inputs again: it makes only this one anew"
    if entry is None:
        return "is not in the manifest, but would be read with the others; remove it"
    try:
        found = describe(path, entry.rows)
    except FileNotFoundError:
        return f"is missing; {again}"
    except OSError as error:
        return f"cannot be read ({error.strerror or error}); {again}"
    if found.bytes != entry.bytes:
        return f"has {found.bytes} bytes, not {entry.bytes}; {again}"
    return "" if found == entry else f"is damaged: its SHA-256 is another; {again}"
