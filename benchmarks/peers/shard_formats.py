"""Formats that shards might have had: each writes flux and ivar, and reads a range of rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

GROUP = 256
"""Rows of a record batch or row group, the least that is read."""

Pixels = NDArray[np.float32]
Pair = tuple[Pixels, Pixels]


@dataclass(frozen=True)
class Candidate:
    """A format.

    Attributes
    ----------
    label : str
        What to call it.
    write : callable
        Writes flux and ivar, both of shape (rows, n), to a path.
    read : callable
        Gives rows ``start`` to ``stop`` of both, as arrays of their own.
    """

    label: str
    write: Callable[[Path, Pixels, Pixels], None]
    read: Callable[[Path, int, int], Pair]


def as_list(values: Pixels) -> pa.Array:
    """A column of lists of fixed length."""
    return pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), values.shape[1])


def as_binary(values: Pixels) -> pa.Array:
    """A column of bytes of fixed length."""
    kind = pa.binary(values.itemsize * values.shape[1])
    return pa.FixedSizeBinaryArray.from_buffers(kind, len(values), [None, pa.py_buffer(values)])


def pixels(column: pa.ChunkedArray) -> Pixels:
    """The numbers of a column of either kind."""
    parts = []
    for chunk in column.chunks:
        if pa.types.is_fixed_size_list(chunk.type):
            flat = chunk.flatten().to_numpy(zero_copy_only=False)
        else:
            width = chunk.type.byte_width
            start = chunk.offset * width
            flat = np.frombuffer(chunk.buffers()[1][start : start + width * len(chunk)], "f4")
        parts.append(flat.reshape(len(chunk), -1))
    return np.concatenate(parts)


def table(flux: Pixels, ivar: Pixels, kind: Callable[[Pixels], pa.Array]) -> pa.Table:
    """Both as a table of columns of one kind."""
    return pa.table({"flux": kind(flux), "ivar": kind(ivar)})


def _pair(found: pa.Table, start: int, stop: int) -> Pair:
    """The rows wanted of row groups that begin at a multiple of GROUP."""
    first = start % GROUP
    rows = found.slice(first, stop - start)
    return pixels(rows["flux"]), pixels(rows["ivar"])


def _groups(start: int, stop: int) -> list[int]:
    return list(range(start // GROUP, -(-stop // GROUP)))


def arrow(label: str, kind: Callable[[Pixels], pa.Array], compression: str | None) -> Candidate:
    """Arrow IPC files, read by record batches."""

    def write(path: Path, flux: Pixels, ivar: Pixels) -> None:
        whole = table(flux, ivar, kind)
        options = pa.ipc.IpcWriteOptions(compression=compression, use_threads=False)
        with (
            pa.OSFile(str(path), "wb") as sink,
            pa.ipc.new_file(sink, whole.schema, options=options) as writer,
        ):
            writer.write_table(whole, max_chunksize=GROUP)

    def read(path: Path, start: int, stop: int, opener: Any = pa.OSFile) -> Pair:
        options = pa.ipc.IpcReadOptions(use_threads=False)
        with opener(str(path)) as source, pa.ipc.open_file(source, options=options) as file:
            batches = [file.get_batch(group) for group in _groups(start, stop)]
            return _pair(pa.Table.from_batches(batches), start, stop)

    mapped = partial(read, opener=pa.memory_map)
    return Candidate(label, write, mapped if "mapped" in label else read)


def parquet(label: str, kind: Callable[[Pixels], pa.Array], **options: Any) -> Candidate:
    """Parquet files, read by row groups in one thread."""

    def write(path: Path, flux: Pixels, ivar: Pixels) -> None:
        pq.write_table(
            table(flux, ivar, kind),
            path,
            row_group_size=GROUP,
            use_dictionary=False,
            write_statistics=False,
            **options,
        )

    def read(path: Path, start: int, stop: int) -> Pair:
        with pq.ParquetFile(path) as file:
            return _pair(file.read_row_groups(_groups(start, stop), use_threads=False), start, stop)

    return Candidate(label, write, read)


def _write_npy(path: Path, flux: Pixels, ivar: Pixels) -> None:
    with path.open("wb") as stream:
        np.save(stream, np.stack([flux, ivar], axis=1))


def _read_npy(path: Path, start: int, stop: int) -> Pair:
    mapped = np.load(path, mmap_mode="r")
    return np.array(mapped[start:stop, 0]), np.array(mapped[start:stop, 1])


CANDIDATES = (
    arrow("Arrow, lists", as_list, None),
    arrow("Arrow, lists, memory-mapped", as_list, None),
    arrow("Arrow, binary", as_binary, None),
    arrow("Arrow, lists, LZ4", as_list, "lz4"),
    arrow("Arrow, lists, Zstandard", as_list, "zstd"),
    parquet("Parquet, binary", as_binary, compression="none"),
    parquet("Parquet, binary, page checksums", as_binary, compression="none",
            write_page_checksum=True),
    parquet("Parquet, binary, Zstandard", as_binary, compression="zstd"),
    parquet("Parquet, lists", as_list, compression="none"),
    parquet("Parquet, lists, Zstandard", as_list, compression="zstd"),
    parquet("Parquet, lists, byte streams split, Zstandard", as_list, compression="zstd",
            use_byte_stream_split=True),
    Candidate("NumPy .npy, memory-mapped", _write_npy, _read_npy),
)  # fmt: skip
