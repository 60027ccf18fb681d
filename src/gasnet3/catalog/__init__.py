"""The output table: its columns, its dialects, and its files with provenance inside."""

from __future__ import annotations

from gasnet3.catalog.dialects import DIALECTS, Dialect
from gasnet3.catalog.files import CatalogError, read_catalog, read_table, write_catalog, write_parts
from gasnet3.catalog.schema import COLUMNS, Column, make_catalog

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
