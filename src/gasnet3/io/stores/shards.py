"""Shards: thousands of spectra a file, in the layout they have in memory.

A shard is an Arrow IPC file: a row a spectrum, flux and ivar as lists of fixed length, so that
any library that knows Arrow reads it. Record batches are short, so that a range of rows is read
without the others. Every row has a checksum of its own: what the disk or the network spoils is
a :class:`~gasnet3.io.errors.ReadError`, never another spectrum.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gasnet3.io.errors import ReadError, check_range
from gasnet3.io.reader import Understood
from gasnet3.machine.files import replacing
from gasnet3.spectra.batch import Spectra
from gasnet3.spectra.lattice import LogLattice
from gasnet3.spectra.resample import noticed
from gasnet3.spectra.target import target_lattice

if TYPE_CHECKING:
    import pyarrow as pa

ENDING = ".arrow"
VERSION = 1
BATCH_ROWS = 256
"""Rows of a record batch, the least that is read: 8 MB."""

_MAGIC = b"ARROW1\0\0"
_KEY = b"gasnet3-shard"
_CHECK = b"gasnet3-shard-crc32"
_FIXED = ("ids", "zwarn", "z", "classes")
_PIXELS = ("flux", "ivar")
_DAMAGE = (
    ValueError,
    OSError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    MemoryError,
)
_BROKEN = "the shard is damaged ({}); make it again with gasnet3 convert, or restore it"


@dataclass(frozen=True)
class Column:
    """A column as it was in memory.

    Attributes
    ----------
    name : str
        Name in the file; key columns have their own behind ``meta.``.
    dtype, shape : str, tuple of int
        NumPy's text for the type, and the shape of one value, () for a number or text.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class ShardHeader:
    """What the start of a shard says of it, ``notes`` is what the writer wanted to remember.

    Attributes
    ----------
    columns : tuple of Column
        In the order of the file.
    crc : int
        Checksum of all this; the checksums of the rows go on from it.
    """

    rows: int
    lattice: LogLattice
    columns: tuple[Column, ...]
    notes: Mapping[str, Any]
    crc: int


def write_shard(path: str | Path, spectra: Spectra, notes: Mapping[str, Any] | None = None) -> None:
    """Write a batch so that it is read back to the bit: numbers, types, texts and key columns.

    Parameters
    ----------
    path : str or Path
        Where to write, whole or not at all; a file that is there is replaced.
    spectra : Spectra
        Batch to write; some thousand rows, it is held in memory.
    notes : mapping, optional
        To remember in the header, in types that JSON knows.

    Raises
    ------
    ValueError
        If a column holds objects, or a text that is not valid Unicode.
    """
    import pyarrow as pa

    arrays = _arrays(spectra)
    columns = [Column(name, array.dtype.str, array.shape[1:]) for name, array in arrays.items()]
    header = {
        "version": VERSION,
        "rows": len(spectra),
        "k_min": spectra.lattice.k_min,
        "n": spectra.lattice.n,
        "columns": [[column.name, column.dtype, column.shape] for column in columns],
        "notes": notes or {},
    }
    text = json.dumps(header).encode()
    checks = _checksums(list(arrays.values()), zlib.crc32(text), 0)
    table = pa.table(
        [*(_to_arrow(column.name, arrays[column.name]) for column in columns), pa.array(checks)],
        names=[*arrays, "crc32"],
    ).replace_schema_metadata({_KEY: text, _CHECK: str(zlib.crc32(text)).encode()})
    with (
        replacing(path) as temporary,
        pa.OSFile(str(temporary), "wb") as sink,
        pa.ipc.new_file(sink, table.schema) as writer,
    ):
        writer.write_table(table, max_chunksize=BATCH_ROWS)


def _arrays(spectra: Spectra) -> dict[str, NDArray[Any]]:
    """Columns of a batch by their names in the file."""
    arrays = {name: getattr(spectra, name) for name in (*_FIXED, *_PIXELS)}
    arrays |= {f"meta.{name}": np.asarray(column) for name, column in spectra.meta.items()}
    for name, array in arrays.items():
        if array.dtype.hasobject or 0 in array.shape[1:]:
            raise ValueError(f"column {name!r} holds objects or nothing; make it numbers or text")
    return {name: np.ascontiguousarray(array) for name, array in arrays.items()}


def _to_arrow(name: str, array: NDArray[Any]) -> pa.Array:
    import pyarrow as pa

    if array.ndim == 1 and array.dtype.kind == "U":
        try:
            return pa.array(array.tolist(), pa.string())
        except UnicodeEncodeError as error:
            raise ValueError(f"column {name!r} holds a text that is not Unicode: {error}") from None
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        width = array.dtype.itemsize * int(np.prod(array.shape[1:]))
        buffers = [None, pa.py_buffer(array)]
        return pa.FixedSizeBinaryArray.from_buffers(pa.binary(width), len(array), buffers)
    flat = pa.array(array.reshape(-1).astype(array.dtype.newbyteorder("="), copy=False))
    for length in array.shape[:0:-1]:
        flat = pa.FixedSizeListArray.from_arrays(flat, length)
    return flat


def _from_arrow(array: pa.Array, column: Column) -> NDArray[Any]:
    dtype = np.dtype(column.dtype)
    shape = (len(array), *column.shape)
    if len(shape) == 1 and dtype.kind == "U":
        return np.array(array.to_pylist(), dtype)
    if dtype.kind not in "biuf" or dtype.itemsize > 8:
        width = array.type.byte_width
        start = array.offset * width
        data = array.buffers()[1][start : start + width * len(array)]
        return np.frombuffer(data, dtype).reshape(shape)
    for _ in column.shape:
        array = array.flatten()
    values: NDArray[Any] = array.to_numpy(zero_copy_only=False)
    return values.astype(dtype, copy=False).reshape(shape)


def _checksums(arrays: list[NDArray[Any]], start: int, first: int) -> NDArray[np.uint32]:
    """CRC-32 of every row over all columns, with its number in the shard; shape (rows,)."""
    rows = len(arrays[0])
    if not rows:
        return np.zeros(0, np.uint32)
    small = [array.reshape(rows, -1).view(np.uint8) for array in arrays if array.ndim == 1]
    large = [array.reshape(rows, -1).view(np.uint8) for array in arrays if array.ndim > 1]
    parts = [np.concatenate(small, axis=1), *large]
    checks = np.empty(rows, np.uint32)
    for row in range(rows):
        crc = start
        for part in parts:
            crc = zlib.crc32(part[row], crc)
        checks[row] = crc
    return checks ^ np.arange(first, first + rows, dtype=np.uint32)


class ShardReader:
    """Shards of :func:`write_shard`, as ``gasnet3 convert`` makes them."""

    name = "gasnet3-shard"

    def matches(self, path: Path, head: bytes) -> bool:
        """Whether the file is an Arrow file whose schema says that it is a shard."""
        if not head.startswith(_MAGIC):
            return False
        return _KEY in head or _KEY in _metadata(path)

    def read(self, path: Path) -> Spectra:
        """Read all spectra, exactly as they were written; ReadError if the shard is damaged."""
        with _opened(path) as (file, header):
            return _read(path, file, header, 0, header.rows)

    def count(self, path: Path) -> int:
        """Number of spectra, from the header."""
        return read_header(path).rows

    def read_rows(self, path: Path, start: int, stop: int) -> Spectra:
        """Read some spectra; see :meth:`read`."""
        with _opened(path) as (file, header):
            check_range(path, start, stop, header.rows)
            return _read(path, file, header, start, stop)

    def explain(self, path: Path) -> Understood:
        """On which lattice the spectra are, and whether it has all pixels that are wanted."""
        lattice = read_header(path).lattice
        ends = "{:.0f} to {:.0f} Å".format(*lattice.wave[[0, -1]])
        understood = Understood([
            ("wave", f"lattice of {lattice.n} pixels, {ends}"),
            ("flux", "column flux"), ("ivar", "column ivar"),
        ])  # fmt: skip
        if not lattice.holds(target_lattice()):
            understood.assume(
                f"nothing was observed beyond {ends}, which is what the shard was made for: "
                "if there is more, convert the files anew with the --models that are to be used"
            )
        return understood


def _metadata(path: Path) -> Mapping[bytes, bytes]:
    """What the schema of any Arrow file remembers; a long schema does not fit into the head."""
    import pyarrow as pa

    try:
        with pa.OSFile(str(path)) as source, pa.ipc.open_file(source) as file:
            return file.schema.metadata or {}
    except (pa.ArrowException, *_DAMAGE):
        return {}


def read_header(path: Path) -> ShardHeader:
    """What the start of a shard says of it; ReadError if it is damaged or not a shard."""
    with _opened(path) as (_, header):
        return header


@contextmanager
def _opened(path: Path) -> Iterator[tuple[pa.ipc.RecordBatchFileReader, ShardHeader]]:
    """The file and its header, and a ReadError for all that can be wrong with them."""
    import pyarrow as pa

    # Not a memory map: a file that becomes shorter while it is read would kill the process.
    try:
        with pa.OSFile(str(path)) as source, pa.ipc.open_file(source) as file:
            yield file, _header(path, file.schema.metadata or {})
    except (pa.ArrowException, *_DAMAGE) as error:
        if isinstance(error, OSError) and error.errno:
            raise ReadError(path, f"cannot be read ({error.strerror or error})") from None
        reason = " ".join(str(error).split())[:200]
        raise ReadError(path, _BROKEN.format(reason)) from error


def _header(path: Path, metadata: Mapping[bytes, bytes]) -> ShardHeader:
    text = metadata.get(_KEY, b"")
    if str(zlib.crc32(text)).encode() != metadata.get(_CHECK):
        raise ReadError(path, _BROKEN.format("its header does not have its checksum"))
    header = json.loads(text)
    if header["version"] != VERSION:
        raise ReadError(
            path,
            f"a shard of version {header['version']}, this gasnet3 reads version {VERSION}; use "
            "the gasnet3 that wrote it, or convert the inputs again",
        )
    columns = [Column(name, dtype, tuple(shape)) for name, dtype, shape in header["columns"]]
    lattice = LogLattice(header["k_min"], header["n"])
    return ShardHeader(header["rows"], lattice, tuple(columns), header["notes"], zlib.crc32(text))


def _read(
    path: Path, file: pa.ipc.RecordBatchFileReader, header: ShardHeader, start: int, stop: int
) -> Spectra:
    arrays = {
        column.name: np.empty((stop - start, *column.shape), column.dtype)
        for column in header.columns
    }
    for index in range(start // BATCH_ROWS, -(-stop // BATCH_ROWS) if stop > start else 0):
        base = index * BATCH_ROWS
        first, last = max(start, base), min(stop, base + BATCH_ROWS)
        batch = file.get_batch(index).slice(first - base, last - first)
        batch.validate(full=True)
        found = [_from_arrow(batch.column(i), column) for i, column in enumerate(header.columns)]
        expected = batch.column(len(header.columns)).to_numpy(zero_copy_only=False)
        wrong = np.flatnonzero(_checksums(found, header.crc, first) != expected)
        if wrong.size:
            raise ReadError(path, _BROKEN.format(f"row {first + wrong[0]} has another checksum"))
        for column, array in zip(header.columns, found, strict=True):
            arrays[column.name][first - start : last - start] = array
    meta = {
        name.removeprefix("meta."): array
        for name, array in arrays.items()
        if name.startswith("meta.")
    }
    fixed = {name: arrays[name] for name in (*_FIXED, *_PIXELS)}
    for flux, ivar in zip(fixed["flux"], fixed["ivar"], strict=True):
        noticed(header.lattice.loglam, flux, ivar)
    return Spectra(**fixed, meta=meta, lattice=header.lattice)
