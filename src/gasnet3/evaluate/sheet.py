"""A CSV file that people and spreadsheets edit as well: read with care, and written back whole."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from gasnet3.errors import GasnetError

BOM = "\ufeff"
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
# A spreadsheet takes a cell that begins like this for a formula, and runs it.
FORMULA = re.compile(r"'*[=+\-@\t\r\n]")
GUARDED = re.compile(r"'+[=+\-@\t\r\n]")


class SheetError(GasnetError, ValueError):
    """The text is no table. The message begins behind the name of the file."""


@dataclass
class Sheet:
    """Rows of text.

    Parameters
    ----------
    header : list of str
        Names of the columns as they are in the file.
    names : list of str
        Names of the columns as they were asked for.
    rows : list of list of str
        Cells, as many a row as there are columns.
    lines : list of int
        Line of the file that each row begins on, from 1.
    delimiter : str
        Comma, semicolon or tab.
    marked : bool
        Whether the file begins with a byte order mark.
    """

    header: list[str]
    names: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    delimiter: str = ","
    marked: bool = False

    def __post_init__(self) -> None:
        self.names = self.names or list(self.header)

    @classmethod
    def decoded(cls, data: bytes, columns: Sequence[str], aliases: Mapping[str, str]) -> Sheet:
        """Read the bytes of a file: UTF-8, with or without a byte order mark.

        Columns that are called as one of ``columns`` in any case of the letters get that name, and
        others that are in ``aliases`` (in capitals) where it is not there. SheetError if it is no
        UTF-8, a row has too many cells, or a column is there twice.
        """
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            raise SheetError(" is not UTF-8 text; save it as 'CSV UTF-8'") from None
        marked = text.startswith(BOM)
        text = text.removeprefix(BOM)
        first = text.split("\n", 1)[0]
        delimiter = max(",;\t", key=first.count)
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        found: list[tuple[int, list[str]]] = []
        try:
            begin = 1
            for row in reader:
                if any(row):
                    found.append((begin, [_bare(cell) for cell in row]))
                begin = reader.line_num + 1
        except csv.Error as error:
            raise SheetError(f", line {begin}: {error}; look at the quotes there") from None
        header = [name.strip() for name in found[0][1]] if found else []
        sheet = cls(header, _names(header, columns, aliases), delimiter=delimiter, marked=marked)
        for line, row in found[1:]:
            sheet._append(line, row)
        return sheet

    def _append(self, line: int, row: list[str]) -> None:
        surplus = row[len(self.header) :]
        if any(surplus):
            raise SheetError(
                f", line {line}: has {len(row)} cells, the header {len(self.header)}; put text "
                f"that holds {self.delimiter!r} in double quotes"
            )
        blank = [""] * (len(self.header) - len(row))
        self.rows.append(row[: len(self.header)] + blank)
        self.lines.append(line)

    def numbered(self) -> Iterator[tuple[int, dict[str, str]]]:
        """The rows by name of column, each with its line in the file."""
        for line, row in zip(self.lines, self.rows, strict=True):
            yield line, dict(zip(self.names, row, strict=True))

    def put(self, cells: Mapping[str, str], key: Sequence[str]) -> None:
        """Put a row in the place of those that are alike in ``key``, or at the end.

        Columns that are not there yet are added; cells of other columns stay.
        """
        for name in cells:
            if name not in self.names:
                self.header.append(name)
                self.names.append(name)
                for row in self.rows:
                    row.append("")
        places = [self.names.index(name) for name in key]
        wanted = [cells[name] for name in key]
        alike = [i for i, row in enumerate(self.rows) if [row[p] for p in places] == wanted]
        old = self.rows[alike[-1]] if alike else [""] * len(self.names)
        new = [cells.get(name, cell) for name, cell in zip(self.names, old, strict=True)]
        if alike:
            self.rows[alike[0]] = new
            self.rows = [row for i, row in enumerate(self.rows) if i not in alike[1:]]
        else:
            self.rows.append(new)
        self.lines = []  # of the file as it was: they no longer fit

    def take_out(self, key: Mapping[str, str], columns: Collection[str]) -> None:
        """Take out the rows that have the cells of ``key``.

        A row with something in a column that is none of ``columns`` stays, with nothing but the key
        in these.
        """
        if not set(key) <= set(self.names):
            return
        kept = []
        for row in self.rows:
            cells = dict(zip(self.names, row, strict=True))
            if any(cells[name].strip() != wanted for name, wanted in key.items()):
                kept.append(row)
            elif any(cell for name, cell in cells.items() if name not in columns):
                gone = set(columns) - set(key)
                kept.append(["" if name in gone else cell for name, cell in cells.items()])
        self.rows = kept
        self.lines = []  # of the file as it was: they no longer fit

    def encoded(self) -> bytes:
        """The bytes of the file: UTF-8, a line a row, and no cell that is a formula."""
        text = io.StringIO(newline="")
        kinds = {
            quoting: csv.writer(
                text, delimiter=self.delimiter, lineterminator="\n", quoting=quoting
            )
            for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_ALL)
        }
        for row in (self.header, *self.rows):
            # A lone carriage return ends a line for readers, and the writer does not quote it.
            safe = csv.QUOTE_ALL if any("\r" in cell for cell in row) else csv.QUOTE_MINIMAL
            kinds[safe].writerow([_guarded(cell) for cell in row])
        mark = BOM if self.marked else ""
        return (mark + text.getvalue()).encode("utf-8", "backslashreplace")


def _names(header: list[str], columns: Sequence[str], aliases: Mapping[str, str]) -> list[str]:
    known = {name.upper(): name for name in columns}
    names = [
        known.get(name.upper(), name) or f"column {place}" for place, name in enumerate(header, 1)
    ]
    names = [
        aliases[name.upper()] if aliases.get(name.upper(), name) not in names else name
        for name in names
    ]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SheetError(f": column {twice[0]} is there {names.count(twice[0])} times; rename one")
    return names


def _guarded(cell: str) -> str:
    """With an apostrophe before what a spreadsheet would run; numbers are no danger."""
    return f"'{cell}" if FORMULA.match(cell) and not NUMBER.fullmatch(cell) else cell


def _bare(cell: str) -> str:
    """The cell that :func:`_guarded` was given."""
    return cell[1:] if GUARDED.match(cell) else cell
