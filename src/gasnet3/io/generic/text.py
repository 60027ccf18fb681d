"""Readers of text: ECSV, CSV and columns of numbers, plain or gzipped."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gasnet3.io.errors import ReadError
from gasnet3.io.fits_table import open_fits
from gasnet3.io.generic.astropy_tables import check_length, slice_of, table_holding
from gasnet3.io.generic.dispersion import air_in, said_air
from gasnet3.io.generic.fits_keys import add_header
from gasnet3.io.generic.holding import Held, Holding, HoldingReader
from gasnet3.io.generic.roles import Described
from gasnet3.io.generic.stacked import apart
from gasnet3.io.generic.text_columns import (
    TextTable,
    first_numbers,
    is_number,
    parse_table,
)

_ECSV = b"# %ECSV"
_OUR_CATALOG = "# gasnet3 catalog"
_MAX_BYTES = 1 << 29


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
        if b"\0" in head or head.startswith((_ECSV, b"SIMPLE  =", b"%PDF", b"<")):
            return False
        return first_numbers(_decoded(head)) is not None

    @contextmanager
    def holding(self, path: Path) -> Iterator[Holding]:
        """What the file holds."""
        text = _text(path)
        if text.startswith(_OUR_CATALOG):
            raise ReadError(path, "it is a catalog that gasnet3 wrote: it has no spectra")
        table = parse_table(text)
        check_length(len(table.values))
        arrays = [
            Held(
                Described(name, "pixels", unit, "", f"column {at + 1} ({name})"),
                slice_of(table.values[:, at], whole=True),
            )
            for at, (name, unit) in enumerate(zip(table.names, table.units, strict=True))
        ]
        said = said_air(table.header)
        holding = Holding(arrays, 1, air=air_in(table.comments) if said is None else said)
        if not table.named:
            _add_defaults(holding, table)
        columns = [table.words.get(at, table.values[:, at]) for at in range(len(arrays))]
        several = apart(holding, columns, self.options)
        if several is None:
            _drop_words(holding, table)
            add_header(holding, table.header)
        yield several or holding


def _drop_words(holding: Holding, table: TextTable) -> None:
    """Say of columns of text that they are not used: none of them has values of pixels."""
    texts = {
        at for at, column in table.words.items() if any(not is_number(text) for text in column)
    }
    holding.told.ignored += [
        f"column {at + 1} ({table.names[at]}) is text: not used" for at in texts
    ]
    holding.arrays = [held for at, held in enumerate(holding.arrays) if at not in texts]


def _add_defaults(holding: Holding, table: TextTable) -> None:
    """The usual order of columns without names."""
    count = len(table.names)
    if count > 3:
        return
    holding.roles = dict(zip(("wave", "flux", "error"), table.names, strict=False))
    what = "wavelength and flux" if count == 2 else "wavelength, flux and its error"
    holding.told.assumed.append(f"the {count} columns have no names: taken as {what}")


def _text(path: Path) -> str:
    with open_fits(path) as stream:
        data = stream.read(_MAX_BYTES + 1)
    if len(data) > _MAX_BYTES:
        raise ReadError(path, "the text is longer than 512 MiB; convert it to .npz")
    return _decoded(data)


def _decoded(data: bytes) -> str:
    # The head of a file may end in the middle of a letter.
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        cut = error.start >= len(data) - 4
        return data.decode("utf-8-sig", "ignore") if cut else data.decode("latin-1")
