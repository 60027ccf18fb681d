"""Files to spectra and back: one reader a format, found by the file's content."""

from __future__ import annotations

from gasnet3.io.errors import ReadError, ReadFailure
from gasnet3.io.finding import find_spectra
from gasnet3.io.options import ReadOptions
from gasnet3.io.prefetch import prefetched
from gasnet3.io.reader import ConfigurableReader, ExplainingReader, Reader, RowReader, Understood
from gasnet3.io.reading import count_rows, iter_batches, read, read_file, read_rows
from gasnet3.io.registry import READERS, expand, find_reader, load_plugins, register
from gasnet3.io.stores.shards import write_shard
from gasnet3.io.write import write_npz, write_spec

__all__ = [
    "READERS",
    "ConfigurableReader",
    "ExplainingReader",
    "ReadError",
    "ReadFailure",
    "ReadOptions",
    "Reader",
    "RowReader",
    "Understood",
    "count_rows",
    "expand",
    "find_reader",
    "find_spectra",
    "iter_batches",
    "load_plugins",
    "prefetched",
    "read",
    "read_file",
    "read_rows",
    "register",
    "write_npz",
    "write_shard",
    "write_spec",
]
