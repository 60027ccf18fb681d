"""What every format of a catalog has: columns and one JSON header."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from gasnet3.catalog.dialects import Field
from gasnet3.errors import GasnetError

KEY = "gasnet3"
FORMAT_VERSION = 1

Header = dict[str, Any]
Arrays = dict[str, NDArray[Any]]


class NewerFormat(GasnetError, ValueError):
    """The header is of a version that this code does not know."""


@dataclass(frozen=True)
class Content:
    """What is to be written: columns without rows, header, number of rows, and the rows.

    ``blocks`` gives the columns with their rows, block by block; every call begins anew.
    """

    columns: list[Field]
    header: Header
    count: int
    blocks: Callable[[], Iterable[list[Field]]]


def parsed_header(text: bytes) -> Header:
    """The header of a file that we wrote."""
    header: Header = json.loads(text)
    version = header.get("format_version")
    if version != FORMAT_VERSION:
        raise NewerFormat(
            f"it is a catalog of format {version}, this gasnet3 reads format {FORMAT_VERSION}; "
            "update gasnet3"
        )
    return header
