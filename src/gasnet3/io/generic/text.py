"""Readers of text: ECSV, CSV and columns of numbers, plain or gzipped."""

from __future__ import annotations

import codecs
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasnet3.io.errors import ReadError
from gasnet3.io.generic.astropy_tables import check_length, slice_of, table_holding
from gasnet3.io.generic.dispersion import air_in, said_air
from gasnet3.io.generic.fits_keys import add_header
from gasnet3.io.generic.holding import Holding, HoldingReader, recognised
from gasnet3.io.generic.pieces import pieces_of
from gasnet3.io.generic.roles import NAMES, Held, RolesError, plain
from gasnet3.io.generic.text_cells import has_lists, hold_cells
from gasnet3.io.generic.text_columns import TextTable, first_numbers, parse_table
from gasnet3.io.limits import TEXT_BYTES
from gasnet3.io.naming import key_values
from gasnet3.io.options import ReadOptions
from gasnet3.io.packed import open_unpacked

_ECSV = b"# %ECSV"
HEAD_LETTERS = 1 << 16
"""How much of a text is looked at for lists in its cells."""

_OUR_CATALOG = "# gasnet3 catalog"


class EcsvReader(HoldingReader):
    """ECSV, the text tables of astropy: units and metadata are in the file.

    One pixel a row, or, where columns hold lists, one spectrum a row.
    """

    name = "ecsv"

    def matches(self, path: Path, head: bytes) -> bool:
        """Whether the file begins as ECSV does."""
        return head.startswith(_ECSV)

    @contextmanager
    def holding(self, path: Path) -> Iterator[Holding]:
        """What the file holds."""
        from astropy.table import Table

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            table = Table.read(_text(path), format="ascii.ecsv")
        yield table_holding(table)


class TextReader(HoldingReader):
    """Columns of numbers in text: CSV, tabs or blanks between them, with or without a header.

    Names are those of the header or of the last comment that has one for each column, with units
    in brackets. Two or three columns without names are wavelength, flux and its error. One
    spectrum, or several one below the other.
    """

    name = "text-columns"

    def matches(self, path: Path, head: bytes) -> bool:
        """Whether there is a line of at least two numbers, and no byte that text does not have."""
        head = as_utf8(head)
        if b"\0" in head or head.startswith((_ECSV, b"SIMPLE  =", b"%PDF", b"<")):
            return False
        text = _decoded(head)
        return has_lists(text) or first_numbers(text) is not None

    @contextmanager
    def holding(self, path: Path) -> Iterator[Holding]:
        """What the file holds."""
        text = _text(path)
        if text.startswith(_OUR_CATALOG):
            raise ReadError(path, "it is a catalog that gasnet3 wrote: it has no spectra")
        cells = hold_cells(text) if has_lists(text[:HEAD_LETTERS]) else None
        if cells is not None:
            yield cells
            return
        table = parse_table(text)
        check_length(len(table.values))
        arrays = [
            Held(
                name, "pixels", unit, "", f"column {at + 1} ({name})", slice_of(column, whole=True)
            )
            for at, (name, unit, column) in enumerate(
                zip(table.names, table.units, table.values.T, strict=True)
            )
        ]
        said = said_air(table.header)
        holding = Holding(arrays, 1, air=air_in(table.comments) if said is None else said)
        if not table.named:
            _add_defaults(holding, table)
        columns = [
            table.text(at) if at in table.words else table.values[:, at]
            for at in range(len(arrays))
        ]
        several = apart(holding, columns, self.options, table.text)
        if several is None:
            _drop_words(holding, table)
            add_header(holding, table.header)
        yield several or holding


def _drop_words(holding: Holding, table: TextTable) -> None:
    """Say of columns of text that they are not used: none of them has values of pixels."""
    texts = table.words
    holding.understood.ignored += [
        f"column {at + 1} ({table.names[at]}) is text: not used" for at in sorted(texts)
    ]
    holding.arrays = [held for at, held in enumerate(holding.arrays) if at not in texts]


def _add_defaults(holding: Holding, table: TextTable) -> None:
    """The usual order of columns without names."""
    count = len(table.names)
    if count > 3:
        return
    holding.roles = dict(zip(("wave", "flux", "error"), table.names, strict=False))
    what = "wavelength and flux" if count == 2 else "wavelength, flux and its error"
    holding.understood.assumed.append(f"the {count} columns have no names: taken as {what}")


def _text(path: Path) -> str:
    with open_unpacked(path) as stream:
        data = stream.read(TEXT_BYTES + 1)
    if len(data) > TEXT_BYTES:
        raise ReadError(path, "the text is longer than 512 MiB; convert it to .npz")
    return _decoded(data)


def as_utf8(data: bytes) -> bytes:
    """Text of UTF-16, which begins with its byte order, as UTF-8; other bytes as they are."""
    if not data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data
    return data[: len(data) // 2 * 2].decode("utf-16", "ignore").encode()


def _decoded(data: bytes) -> str:
    data = as_utf8(data)
    # The head of a file may end in the middle of a letter.
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        cut = error.start >= len(data) - 4
        return data.decode("utf-8-sig", "ignore") if cut else data.decode("latin-1")


def apart(
    holding: Holding,
    columns: Sequence[NDArray[Any]],
    options: ReadOptions,
    text: Callable[[int], NDArray[np.str_]] | None = None,
) -> Holding | None:
    """What a table of one pixel a row holds, if its wavelengths begin anew: several spectra.

    Columns, shape (pixels,), numbers or text, that are the same all over each spectrum become one
    value a spectrum; where ``text`` gives a column as it is written, numbers that it would lose
    digits of, and identifiers, stay text.
    """
    try:
        roles = recognised(holding, options).arrays
    except RolesError:
        return None
    names = [held.name for held in holding.arrays]
    waves = [roles[role].name for role in ("wave", "loglam") if role in roles]
    pieces = pieces_of(columns[names.index(waves[0])]) if waves else []
    if not pieces:
        return None
    used = {name for one in roles.values() for name in one.names}
    arrays = [
        _of_pieces(held, column, pieces, None if text is None else text(at))
        if held.name not in used
        else _cut(held, column, pieces)
        for at, (held, column) in enumerate(zip(holding.arrays, columns, strict=True))
    ]
    holding.understood.assumed.append(
        f"the wavelengths begin anew: {len(pieces)} spectra, one below the other"
    )
    return replace(holding, arrays=arrays, rows=len(pieces))


def _of_pieces(
    held: Held, column: NDArray[Any], pieces: Sequence[slice], text: NDArray[np.str_] | None
) -> Held:
    """The value of a column in each spectrum where that is one, else the column cut apart."""
    written = column if text is None else text
    if not all((written[piece] == written[piece.start]).all() for piece in pieces):
        same = all((column[piece] == column[piece.start]).all() for piece in pieces)
        if not same or text is None:
            return _cut(held, column, pieces)
        written = column
    name = plain(held.name)
    if any(name in NAMES[role] for role in ("z", "ra", "dec")):
        written = column
    first = written[[piece.start for piece in pieces]]
    if first.dtype.kind == "U" and name not in NAMES["id"]:
        first = key_values(first.tolist())
    return replace(held, along="rows", load=lambda rows: first[rows])


def _cut(held: Held, column: NDArray[Any], pieces: Sequence[slice]) -> Held:
    def load(rows: slice) -> list[NDArray[Any]]:
        return [column[piece] for piece in pieces[rows]]

    return replace(held, load=load)
