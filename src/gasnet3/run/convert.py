"""Files of any format to shards that are read as fast as they are classified."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from gasnet3.errors import GasnetError
from gasnet3.io import (
    ReadError,
    ReadFailure,
    ReadOptions,
    expand,
    read_rows,
    write_shard,
)
from gasnet3.io.options import DEFAULT
from gasnet3.io.registry import Inputs
from gasnet3.io.stores.manifest import (
    SHARD_ROWS,
    ShardEntry,
    Source,
    describe,
    read_manifest,
    shard_path,
    shards_in,
    write_manifest,
)
from gasnet3.io.stores.shards import VERSION, read_header
from gasnet3.machine.lock import locked
from gasnet3.machine.progress import Progress, silent
from gasnet3.run.inputs import counted
from gasnet3.spectra.batch import Spectra
from gasnet3.spectra.lattice import OBSERVED, LogLattice
from gasnet3.spectra.target import STANDARD

READ_ROWS = 512
"""Rows read at once from a file of many, so that what the reader needs beside stays small."""


class ConvertError(GasnetError):
    """A directory that must not be written into. The message says why and what to do."""


@dataclass
class ConvertResult:
    """What a conversion did.

    Attributes
    ----------
    shards : list of ShardEntry
        All shards there are now.
    made : int
        How many of them were written; the others were there already.
    failures : list of ReadFailure
        Files that were left out, or some of whose rows were.
    """

    shards: list[ShardEntry] = field(default_factory=list)
    made: int = 0
    failures: list[ReadFailure] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """Number of spectra in the shards."""
        return sum(shard.rows for shard in self.shards)


class _Piece(NamedTuple):
    """Some rows of a source."""

    source: Source
    start: int
    stop: int


@dataclass(frozen=True)
class _Shard:
    """What a shard is to hold."""

    path: Path
    pieces: list[_Piece]
    options: ReadOptions
    lattice: LogLattice

    @property
    def key(self) -> str:
        """Changes with the rows, the state of the files they come from, and how these are read."""
        rows = [[*piece.source, piece.start, piece.stop] for piece in self.pieces]
        about: list[Any] = [VERSION, rows, self.options.to_json()]
        # Shards on the paper's lattice were made before there was another.
        if self.lattice != OBSERVED:
            about.append([self.lattice.k_min, self.lattice.n])
        text = json.dumps(about)
        return hashlib.sha256(text.encode()).hexdigest()


def convert(
    inputs: Inputs,
    directory: str | Path,
    *,
    shard_rows: int = SHARD_ROWS,
    overwrite: bool = False,
    options: ReadOptions = DEFAULT,
    lattice: LogLattice = STANDARD,
    on_counted: Progress | None = None,
    on_progress: Progress | None = None,
) -> ConvertResult:
    """Write the spectra of files, directories and globs as shards, and a manifest of these.

    Shards that are there already, hold the same rows of the same files and have their checksum
    are kept, so a conversion that was stopped goes on where it was.

    Parameters
    ----------
    inputs : str, Path or sequence of them
        See :func:`gasnet3.io.expand`; the spectra keep the order of the files.
    directory : str or Path
        Where the shards go; it is made where it is not there.
    shard_rows : int
        Spectra a shard. They are held in memory, 8 bytes a pixel of the lattice, twice.
    overwrite : bool
        Whether shards of other rows may be replaced or removed.
    options : ReadOptions
        What the files do not say.
    lattice : LogLattice
        That of the models which the shards are for. Others use them too, but see no pixel beyond
        it.
    on_counted : callable, optional
        Called with the number of files whose spectra are counted, and of all.
    on_progress : callable, optional
        Called with the number of spectra converted, and of all.

    Returns
    -------
    ConvertResult
        What cannot be read is listed in ``failures`` with the reason and left out.

    Raises
    ------
    ReadError
        If an input means no file.
    ConvertError
        If the directory holds shards of other rows, or the inputs lie in it.
    LockError
        If another conversion is at work on the directory.
    ValueError
        If a shard would have no rows, or files have columns that no shard can hold.
    OSError
        If a shard cannot be written. What is finished stays.
    """
    if shard_rows < 1:
        raise ValueError(f"a shard needs at least one row, got {shard_rows}")
    directory = Path(directory)
    failures: dict[Path, str] = {}
    sources = _sources(expand(inputs), directory, options, failures, on_counted or silent)
    planned = _planned(sources, directory, shard_rows, options, lattice)
    directory.mkdir(parents=True, exist_ok=True)
    with locked(directory / ".convert.lock", str(directory)):
        known = _known(directory)
        unwanted = _unwanted(directory, planned, known, overwrite=overwrite)
        result = ConvertResult()
        done, total = 0, sum(source.rows for source in sources)
        for shard in planned:
            kept = _kept(shard, known.get(shard.path.name), failures)
            result.shards.append(kept or _make(shard, failures))
            result.made += kept is None
            done += sum(piece.stop - piece.start for piece in shard.pieces)
            (on_progress or silent)(done, total)
        result.failures = [ReadFailure(path, reason) for path, reason in failures.items()]
        for path in unwanted:
            path.unlink(missing_ok=True)
        write_manifest(directory, result.shards, sources, result.failures)
    return result


def _sources(
    paths: Sequence[Path],
    directory: Path,
    options: ReadOptions,
    failures: dict[Path, str],
    on_counted: Progress,
) -> list[Source]:
    """Files with their number of rows; those that cannot be counted are failures."""
    output = directory.absolute()
    for path in paths:
        if output in path.absolute().parents:
            raise ConvertError(f"{path}: lies in the output {directory}; name another directory")
    failed: list[ReadFailure] = []
    found = counted(paths, failed, on_counted, options)
    failures |= {failure.path: failure.reason for failure in failed}
    columns = (found.rows.tolist(), found.size.tolist(), found.mtime_ns.tolist())
    return [Source(*file) for file in zip(found.path, *columns, strict=True)]


def _planned(
    sources: Sequence[Source],
    directory: Path,
    shard_rows: int,
    options: ReadOptions,
    lattice: LogLattice,
) -> list[_Shard]:
    """Consecutive rows of the sources in shards of one length, the last one shorter."""
    shards: list[_Shard] = []
    room = 0
    for source in sources:
        start = 0
        while start < source.rows:
            if not room:
                path = shard_path(directory, len(shards))
                shards.append(_Shard(path, [], options, lattice))
                room = shard_rows
            stop = min(source.rows, start + room)
            shards[-1].pieces.append(_Piece(source, start, stop))
            room -= stop - start
            start = stop
    return shards


def _unwanted(
    directory: Path,
    planned: Sequence[_Shard],
    known: Mapping[str, ShardEntry],
    *,
    overwrite: bool,
) -> list[Path]:
    """Shards beyond the plan, if they may go; ConvertError if they or others may not."""
    keys = {shard.path: shard.key for shard in planned}
    there = shards_in(directory)
    others = [
        path
        for path in there
        if path not in keys or _other(path, keys[path], known=path.name in known)
    ]
    if others and not overwrite:
        raise ConvertError(
            f"{directory}: {len(others)} of its shards ({others[0].name}, ...) hold other rows, "
            "or the files they come from have changed; name another directory, or add --overwrite"
        )
    return [path for path in there if path not in keys]


def _other(path: Path, key: str, *, known: bool) -> bool:
    """Whether a shard holds other rows than those of a key; one of ours may be damaged."""
    try:
        return bool(read_header(path).notes.get("key") != key)
    except ReadError:
        return not known


def _known(directory: Path) -> dict[str, ShardEntry]:
    """What an earlier run wrote of its shards, if it came to its end."""
    try:
        return {entry.name: entry for entry in read_manifest(directory)}
    except ReadError:
        return {}


def _kept(shard: _Shard, known: ShardEntry | None, failures: dict[Path, str]) -> ShardEntry | None:
    """The entry of a shard that is there and good; None if it must be made."""
    try:
        header = read_header(shard.path)
        left_out = header.notes["failures"]
        if header.notes["key"] != shard.key or any(
            _readable(piece, shard.options) for piece, _ in left_out
        ):
            return None
        entry = describe(shard.path, header.rows)
        if entry != known:
            _read_through(shard.path, header.rows)
    except (ReadError, OSError):
        return None
    failures |= {Path(path): reason for (path, _, _), reason in left_out}
    return entry


def _readable(piece: Sequence[Any], options: ReadOptions) -> bool:
    """Whether rows that could not be read can be by now."""
    path, start, stop = piece
    try:
        read_rows(path, start, stop, options=options)
    except ReadError:
        return False
    return True


def _read_through(path: Path, rows: int) -> None:
    """Check every row of a shard; ReadError if one is damaged."""
    for start in range(0, rows, READ_ROWS):
        read_rows(path, start, min(rows, start + READ_ROWS))


def _make(shard: _Shard, failures: dict[Path, str]) -> ShardEntry:
    batches, left_out, lattice = [], [], shard.lattice
    for start, stop, path in _steps(shard.pieces):
        try:
            batches.append(read_rows(path, start, stop, options=shard.options, lattice=lattice))
        except ReadError as error:
            left_out.append(((path, start, stop), error.problem))
            failures[Path(path)] = error.problem
    none = Spectra.from_arrays([], [], [3600.0], lattice=lattice)
    spectra = Spectra.concatenate(batches) if batches else none
    write_shard(shard.path, spectra, {"key": shard.key, "failures": left_out})
    return describe(shard.path, len(spectra))


def _steps(pieces: Sequence[_Piece]) -> Iterator[tuple[int, int, str]]:
    for piece in pieces:
        for start in range(piece.start, piece.stop, READ_ROWS):
            yield start, min(piece.stop, start + READ_ROWS), piece.source.path
