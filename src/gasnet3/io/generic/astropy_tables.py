"""Tables of astropy, and VOTables: one pixel a row, or one spectrum a row."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gasnet3.io.errors import ReadError
from gasnet3.io.generic.dispersion import air_in, said_air
from gasnet3.io.generic.fits_keys import add_header
from gasnet3.io.generic.gaps import filled
from gasnet3.io.generic.holding import Holding, HoldingReader
from gasnet3.io.generic.pieces import FEWEST_PIXELS
from gasnet3.io.generic.roles import Held, Load, RolesError
from gasnet3.io.limits import TEXT_BYTES
from gasnet3.io.packed import open_unpacked

if TYPE_CHECKING:
    from astropy.table import Table


def table_holding(table: Table) -> Holding:
    """What a table holds.

    Where columns hold several values a row, or lists of any length, a row is a spectrum; else a
    row is a pixel of one spectrum, and the metadata tell its name. RolesError if these are too few.
    """
    columns = {str(name): table[name] for name in table.colnames if hasattr(table[name], "dtype")}
    vectors = {name for name, column in columns.items() if is_vector(column)}
    arrays = []
    for name, column in columns.items():
        pixels = name in vectors or (not vectors and column.dtype.kind in "biuf")
        if pixels or vectors:
            along: Any = "pixels" if pixels else "rows"
            ucd = str(dict(getattr(column, "meta", None) or {}).get("ucd") or "")
            load = slice_of(column, whole=not vectors)
            air = air_in(str(getattr(column, "description", "") or ""))
            unit = str(column.unit or "")
            arrays.append(Held(name, along, unit, ucd, f"column {name}", load, air))
    meta = {str(key).upper(): value for key, value in dict(table.meta).items()}
    holding = Holding(arrays, len(table) if vectors else 1, air=said_air(meta))
    if not vectors:
        used = {held.name for held in arrays}
        holding.understood.ignored += [
            f"column {name} has no numbers: not used" for name in columns if name not in used
        ]
        check_length(len(table))
        add_header(holding, meta)
    return holding


def check_length(rows: int) -> None:
    """Refuse a table of pixels that is too short to be a spectrum; RolesError."""
    if rows < FEWEST_PIXELS:
        raise RolesError(f"{rows} rows of numbers are no spectrum")


def is_vector(column: Any) -> bool:
    """Whether a column holds several numbers a row, as many in each or not."""
    if column.dtype.kind == "O":
        return all(np.ndim(value) == 1 for value in column) and len(column) > 0
    return column.ndim == 2 and column.dtype.kind in "biuf"


def slice_of(column: Any, *, whole: bool) -> Load:
    """A loader of some rows of a column, or of all of it whatever is asked for."""
    # Units are told apart from numbers.
    bare: Any = getattr(column, "value", column)
    masked = isinstance(bare, np.ma.MaskedArray)
    values: Any = filled(bare, pixels=whole or bare.ndim > 1) if masked else np.asarray(bare)

    def load(rows: slice) -> Any:
        some: NDArray[Any] = values if whole else values[rows]
        return list(some) if some.dtype == object else some

    return load


_ELSEWHERE = re.compile(rb"<(?:\w+:)?STREAM\b[^>]*\bhref\s*=", re.IGNORECASE)

_OWN = b'ID="about.gasnet3"'


class VotableReader(HoldingReader):
    """VOTable: one pixel a row, or, where columns hold arrays, one spectrum a row.

    Columns are known by name, unit and UCD; PARAMs and INFOs of the object are keywords. The
    first table counts that makes spectra. Catalogs of gasnet3 itself hold none.
    """

    name = "votable"

    def matches(self, path: Path, head: bytes) -> bool:
        """Whether the file begins as a VOTable, and is none of our catalogs."""
        return b"<VOTABLE" in head[:4096] and _OWN not in head

    @contextmanager
    def holding(self, path: Path) -> Iterator[Holding]:
        """What the file holds."""
        from astropy.io.votable import parse

        with open_unpacked(path) as stream, warnings.catch_warnings():
            # Units of older standards; and what other programs write is rarely all valid.
            warnings.simplefilter("ignore")
            data = stream.read(TEXT_BYTES + 1)
            if len(data) > TEXT_BYTES:
                raise ReadError(path, "the VOTable is longer than 512 MiB; convert it to FITS")
            if _ELSEWHERE.search(data):
                raise ReadError(
                    path, "its data lie in another file (STREAM href), which is not followed; save "
                    "it with its data inside",
                )  # fmt: skip
            whole = parse(io.BytesIO(data), verify="ignore")
        missing: RolesError | None = None
        for resource in whole.resources:
            for element in resource.tables:
                table = _table(element)
                table.meta.update(_said(whole, resource, element))
                try:
                    holding = table_holding(table)
                except RolesError as error:
                    missing = missing or error
                else:
                    yield holding
                    return
        raise missing or RolesError("it has no table")


def _table(element: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return element.to_table(use_names_over_ids=True)


def _said(*elements: Any) -> dict[str, Any]:
    """PARAMs and INFOs of the file, the resource and the table, the inner ones going before."""
    out: dict[str, Any] = {}
    for element in elements:
        for one in (*getattr(element, "params", ()), *getattr(element, "infos", ())):
            value = one.value
            out[str(one.name)] = value.item() if hasattr(value, "item") else value
    return out
