"""Columns of numbers in text, with what the lines before them say."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasnet3.io.generic.roles import NAMES, RolesError, plain
from gasnet3.io.naming import NAME_KEYWORDS, number_of
from gasnet3.io.units import is_flux_density, is_spectral
from gasnet3.machine.typing import Floats

_COMMENTS = ("#", ";", "!", "%", "//", "\\")
# A comma last: beside another mark it stands for the point of decimals.
DELIMITERS = (";", "\t", "|", ",")
"""What stands between fields, the surest first."""
_EMPTY = ("", "nan", "null", "none", "--", "n/a", "na", "inf", "-inf")
_LOGICAL = {"true": 1.0, "false": 0.0}
_SAID = re.compile(r"^\s*([A-Za-z]\w*)\s*[:=]\s*(.+?)\s*$")
_QUOTED_VALUE = re.compile(r"""(['"])(.*?)\1\s*(/.*)?$""")
_FITS_LOGICAL = {"T": True, "F": False}
_OF_NAMES = {keyword for keywords in NAME_KEYWORDS.values() for keyword in keywords}
_QUOTED = re.compile(r'"[^"]*"')
_KNOWN = {name for names in NAMES.values() for name in names}


@dataclass(frozen=True)
class TextTable:
    """A table of numbers.

    Attributes
    ----------
    values : ndarray of float64, shape (rows, columns)
        NaN where there is no number.
    names, units : list of str
        Of the columns; ``col1``, ``col2``, ... where there are no names.
    named : bool
        Whether the file names its columns.
    header : dict
        What the comments say in the form ``key: value`` or ``key = value``; keys in upper case.
    comments : str
        All of the comments.
    fields : list of list of str
        What is written in each row: numbers cannot hold all identifiers.
    """

    values: Floats
    names: list[str]
    units: list[str]
    named: bool
    header: dict[str, Any]
    comments: str
    fields: list[list[str]]

    def text(self, at: int) -> NDArray[np.str_]:
        """A column as it is written, shape (rows,)."""
        return np.array([row[at] for row in self.fields], np.str_)

    @property
    def words(self) -> set[int]:
        """The columns without any number, where some field does not say that there is none."""
        return {
            int(at)
            for at in np.flatnonzero(np.isnan(self.values).all(axis=0))
            if any(not is_number(row[at]) for row in self.fields)
        }


def first_numbers(text: str) -> int | None:
    """Which line is the first of at least two fields that are all numbers, or most of them."""
    for at, line in enumerate(text.splitlines()):
        if line.strip() and not is_comment(line):
            fields = split(line, delimiter_of(line))
            if len(fields) >= 2 and _numeric(fields):
                return at
    return None


def parse_table(text: str) -> TextTable:
    """Take a text apart; RolesError if it is no table of numbers."""
    lines = text.splitlines()
    first = first_numbers(text)
    if first is None:
        raise RolesError("there is no line with two numbers or more")
    delimiter = delimiter_of(lines[first])
    count = len(split(lines[first], delimiter))
    above = [line for line in lines[:first] if line.strip()]
    comments = [line.strip().lstrip("#;!%/\\").strip() for line in above if is_comment(line)]
    bare = [line for line in above if not is_comment(line)]
    fields = _fields(lines[first:], delimiter, count, first)
    values = np.array([[_number(field) for field in row] for row in fields], np.float64)
    header = _header(comments)
    found = _named([*comments, *bare], count, delimiter, certain=bare)
    names, units = found or ([f"col{at + 1}" for at in range(count)], [""] * count)
    units = [
        unit or str(header.get(f"{name.upper()}_UNIT", header.get(f"{name.upper()}_UNITS", "")))
        for name, unit in zip(names, units, strict=True)
    ]
    said = " ".join(comments)
    return TextTable(values, names, units, found is not None, header, said, fields)


def delimiter_of(line: str) -> str | None:
    """What stands between the fields of a line; None for blanks."""
    bare = _QUOTED.sub("", line).strip() if '"' in line else line.strip()
    return next((mark for mark in DELIMITERS if mark in bare), None)


def split(line: str, delimiter: str | None) -> list[str]:
    """The fields of a line; brackets and what is in them are one with what is before."""
    if delimiter is not None and '"' in line and line.count('"') % 2 == 0:
        quoted = csv.reader([line.strip()], delimiter=delimiter, skipinitialspace=True)
        return [field.strip().strip("'").strip() for field in next(quoted)]
    if delimiter is not None:
        return [field.strip().strip("\"'").strip() for field in line.strip().split(delimiter)]
    fields: list[str] = []
    depth = 0
    for word in line.split():
        if fields and (depth > 0 or word[0] in "[("):
            fields[-1] += f" {word}"
        else:
            fields.append(word)
        depth += sum(letter in "[(" for letter in word) - sum(letter in "])" for letter in word)
    return fields


def is_comment(line: str) -> bool:
    """Whether a line begins as comments do."""
    return line.lstrip().startswith(_COMMENTS)


def _number(text: str) -> float:
    if text.lower() in _LOGICAL:
        return _LOGICAL[text.lower()]
    if "_" in text:  # Python's own way to write numbers, but an identifier's here
        return np.nan
    try:
        return float(text)
    except ValueError:
        pass
    try:
        # Fortran's double precision, and the comma of other languages.
        return float(re.sub(r"[dD](?=[-+]?\d+$)", "e", text.replace(",", ".")))
    except ValueError:
        return np.nan


def is_number(text: str) -> bool:
    """Whether a field is a number, or says that there is none."""
    return text.lower() in _EMPTY or not np.isnan(_number(text))


def _numeric(fields: Sequence[str]) -> bool:
    """Whether a line is one of numbers: two are, and not more words than numbers."""
    numbers = sum(not np.isnan(_number(field)) for field in fields)
    words = sum(not is_number(field) for field in fields)
    return numbers >= 2 and numbers > words


def _fields(lines: Sequence[str], delimiter: str | None, count: int, first: int) -> list[list[str]]:
    """The fields of each line."""
    rows = []
    for at, line in enumerate(lines, start=first + 1):
        if not line.strip() or is_comment(line):
            continue
        fields = split(line, delimiter)
        if len(fields) != count:
            raise RolesError(f"line {at} has {len(fields)} fields, the first of numbers {count}")
        rows.append(fields)
    return rows


def _header(comments: Sequence[str]) -> dict[str, Any]:
    header: dict[str, Any] = {}
    for line in comments:
        match = _SAID.match(line)
        if match:
            keyword = match[1].upper()
            text, quoted = _without_comment(match[2])
            # What names an object is text, whatever it looks like.
            named = quoted or keyword in _OF_NAMES
            header[keyword] = text if named else _value(text)
    return header


def _without_comment(text: str) -> tuple[str, bool]:
    """What a keyword says without the comment that a FITS card may have, and whether in quotes."""
    match = _QUOTED_VALUE.match(text)
    if match:
        return match[2].strip(), True
    return re.split(r"\s/(?:\s|$)", text)[0].strip(), False


def _value(text: str) -> Any:
    """The value of a keyword: a number or yes or no where it is one, else text."""
    if text in _FITS_LOGICAL:
        return _FITS_LOGICAL[text]
    number = _number(text)
    # Digits that a number would lose, too many or a leading 0, are those of a name.
    digits = re.fullmatch(r"[-+]?[0-9]+", text) is not None
    named = digits and isinstance(number_of(text), str)
    return text if named or np.isnan(number) else number


def _named(
    lines: Sequence[str], count: int, delimiter: str | None, *, certain: Sequence[str]
) -> tuple[list[str], list[str]] | None:
    """Names and units of the columns, None if no line names them; RolesError if one is twice."""
    best: tuple[int, list[str], list[str]] = (0, [], [])
    twice = ""
    for at, line in enumerate(lines):
        # A comment of the form "key: value" is no row of names.
        if line not in certain and _SAID.match(line):
            continue
        for mark in dict.fromkeys(
            (delimiter, *(mark for mark in DELIMITERS if mark in line), None)
        ):
            pairs = [name_and_unit(field) for field in split(line, mark)]
            # A column of row numbers often has no name.
            names = [name or f"col{number}" for number, (name, _) in enumerate(pairs, start=1)]
            if len(pairs) != count or len(set(names)) < count:
                if len(pairs) == count and line in certain:
                    twice = twice or max(names, key=names.count)
                continue
            known = sum(plain(name) in _KNOWN for name in names) + (line in certain)
            if known > best[0]:
                units = [unit for _, unit in pairs]
                units = units if any(units) else _units_below(lines[at + 1 :], count, mark)
                best = known, names, units
    if twice and not best[0]:
        raise RolesError(f"two columns are called {twice!r}: give each its own name")
    return best[1:] if best[0] else None


def name_and_unit(field: str) -> tuple[str, str]:
    """``flux [erg/s/cm2/A]`` and ``flux (erg/s/cm2/A)`` are a name and a unit."""
    match = re.match(r"^([^\[(]+?)\s*(?:\[(.*)\]|\((.*)\))$", field)
    return (match[1], match[2] or match[3] or "") if match else (field, "")


def _units_below(lines: Sequence[str], count: int, delimiter: str | None) -> list[str]:
    """Units in a line of their own below the names."""
    for line in lines:
        parts = split(line, delimiter)
        # Where each unit is in brackets and only blanks are between them, they are one field.
        parts = parts if len(parts) == count or delimiter else line.split()
        fields = [field.strip("[]() ") for field in parts]
        if len(fields) == count and any(is_spectral(f) or is_flux_density(f) for f in fields):
            return fields
    return [""] * count
