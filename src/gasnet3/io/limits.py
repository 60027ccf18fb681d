"""How much a file may claim: what is more is damaged, or made to use up memory."""

from __future__ import annotations

UNIT_BYTES = 1 << 31
"""Of one unit of a FITS file that cannot be mapped (2 GiB)."""

TABLE_BYTES = 1 << 28
"""Of a table of a survey's file."""

HEADER_BYTES = 512 * 2880
"""Of a FITS header."""

TEXT_BYTES = 1 << 29
"""Of a text, decompressed."""

ARRAYS = 1 << 16
"""Arrays in a file."""

PIXELS = 1 << 24
"""Pixels of one spectrum."""
