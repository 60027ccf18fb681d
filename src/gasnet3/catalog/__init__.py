"""The output table: its columns, its dialects, and its files with provenance inside."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gasnet3.catalog.column import Column as Column
    from gasnet3.catalog.dialects import DIALECTS as DIALECTS
    from gasnet3.catalog.dialects import Dialect as Dialect
    from gasnet3.catalog.files import CatalogError as CatalogError
    from gasnet3.catalog.files import read_catalog as read_catalog
    from gasnet3.catalog.files import read_table as read_table
    from gasnet3.catalog.files import write_catalog as write_catalog
    from gasnet3.catalog.files import write_parts as write_parts
    from gasnet3.catalog.schema import COLUMNS as COLUMNS
    from gasnet3.catalog.schema import make_catalog as make_catalog

_PUBLIC = {
    "COLUMNS": "gasnet3.catalog.schema",
    "CatalogError": "gasnet3.catalog.files",
    "Column": "gasnet3.catalog.column",
    "DIALECTS": "gasnet3.catalog.dialects",
    "Dialect": "gasnet3.catalog.dialects",
    "make_catalog": "gasnet3.catalog.schema",
    "read_catalog": "gasnet3.catalog.files",
    "read_table": "gasnet3.catalog.files",
    "write_catalog": "gasnet3.catalog.files",
    "write_parts": "gasnet3.catalog.files",
}

__all__ = [
    "COLUMNS",
    "DIALECTS",
    "CatalogError",
    "Column",
    "Dialect",
    "make_catalog",
    "read_catalog",
    "read_table",
    "write_catalog",
    "write_parts",
]


def __getattr__(name: str) -> Any:
    """Load names when first used: who makes rows needs no format of files, nor what it loads."""
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
