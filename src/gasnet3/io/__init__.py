"""Files to spectra and back: one reader a format, found by the file's content."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gasnet3.io.errors import ReadError as ReadError
    from gasnet3.io.errors import ReadFailure as ReadFailure
    from gasnet3.io.finding import find_spectra as find_spectra
    from gasnet3.io.options import ReadOptions as ReadOptions
    from gasnet3.io.prefetch import prefetched as prefetched
    from gasnet3.io.reader import ConfigurableReader as ConfigurableReader
    from gasnet3.io.reader import ExplainingReader as ExplainingReader
    from gasnet3.io.reader import Reader as Reader
    from gasnet3.io.reader import RowReader as RowReader
    from gasnet3.io.reader import Understood as Understood
    from gasnet3.io.reading import count_rows as count_rows
    from gasnet3.io.reading import iter_batches as iter_batches
    from gasnet3.io.reading import read as read
    from gasnet3.io.reading import read_file as read_file
    from gasnet3.io.reading import read_rows as read_rows
    from gasnet3.io.registry import READERS as READERS
    from gasnet3.io.registry import expand as expand
    from gasnet3.io.registry import find_reader as find_reader
    from gasnet3.io.registry import load_plugins as load_plugins
    from gasnet3.io.registry import register as register
    from gasnet3.io.stores.shards import write_shard as write_shard
    from gasnet3.io.write import write_npz as write_npz
    from gasnet3.io.write import write_spec as write_spec

_PUBLIC = {
    "ConfigurableReader": "gasnet3.io.reader",
    "ExplainingReader": "gasnet3.io.reader",
    "READERS": "gasnet3.io.registry",
    "ReadError": "gasnet3.io.errors",
    "ReadFailure": "gasnet3.io.errors",
    "ReadOptions": "gasnet3.io.options",
    "Reader": "gasnet3.io.reader",
    "RowReader": "gasnet3.io.reader",
    "Understood": "gasnet3.io.reader",
    "count_rows": "gasnet3.io.reading",
    "expand": "gasnet3.io.registry",
    "find_reader": "gasnet3.io.registry",
    "find_spectra": "gasnet3.io.finding",
    "iter_batches": "gasnet3.io.reading",
    "load_plugins": "gasnet3.io.registry",
    "prefetched": "gasnet3.io.prefetch",
    "read": "gasnet3.io.reading",
    "read_file": "gasnet3.io.reading",
    "read_rows": "gasnet3.io.reading",
    "register": "gasnet3.io.registry",
    "write_npz": "gasnet3.io.write",
    "write_shard": "gasnet3.io.stores.shards",
    "write_spec": "gasnet3.io.write",
}

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


def __getattr__(name: str) -> Any:
    """Load names when first used: the options of a command need no reader, nor what it loads."""
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
