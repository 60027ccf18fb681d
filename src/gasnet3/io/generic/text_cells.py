"""Text tables whose cells are lists: one spectrum a row, as pandas and the Gaia archive write."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasnet3.io.generic.dispersion import Axis
from gasnet3.io.generic.holding import Holding, axis_held
from gasnet3.io.generic.roles import NAMES, Held, RolesError, plain
from gasnet3.io.generic.text_columns import DELIMITERS, is_comment, name_and_unit
from gasnet3.io.limits import TEXT_BYTES
from gasnet3.io.naming import key_values
from gasnet3.machine.typing import Floats

_LIST = re.compile(r"\s*(?:array\()?\s*[\[({]\s*[-+.\dnN]")
_QUOTED_LIST = re.compile(r"[\"']\s*(?:array\()?\s*[\[({]\s*[-+.\dnN]")
_GAIA_PIXELS = 343
_GAIA_NM = np.arange(336.0, 1021.0, 2.0)
"""Wavelengths of the sampled XP spectra of Gaia DR3, in vacuum; its tables do not repeat them."""


def has_lists(text: str) -> bool:
    """Whether cells of a text look like quoted lists of numbers."""
    return _QUOTED_LIST.search(text) is not None


def hold_cells(text: str) -> Holding | None:
    """What a table holds whose cells are lists; None if there are none.

    RolesError if rows have another number of cells than the first line has names, or lists were
    cut short when they were written.
    """
    names, rows = _table(text)
    if not rows:
        return None
    listed = [any(_LIST.match(row[at]) for row in rows[:8]) for at in range(len(names))]
    if not any(listed):
        return None
    pairs = [name_and_unit(name) for name in names]
    arrays = [
        _listed(name, unit, at, rows) if of_lists else _value(name, unit, at, rows)
        for at, ((name, unit), of_lists) in enumerate(zip(pairs, listed, strict=True))
    ]
    holding = Holding(arrays, len(rows))
    _add_gaia(holding, rows)
    return holding


def _table(text: str) -> tuple[list[str], list[list[str]]]:
    """Names in the first line, and the cells of the others that are not blank."""
    csv.field_size_limit(TEXT_BYTES)
    lines = text.splitlines(keepends=True)
    start = next((at for at, line in enumerate(lines) if line.strip() and not is_comment(line)), 0)
    first = lines[start] if lines else ""
    mark = next((mark for mark in DELIMITERS if mark in first), ",")
    body = io.StringIO("".join(lines[start:]), newline="")
    try:
        found = [row for row in csv.reader(body, delimiter=mark, skipinitialspace=True) if row]
    except csv.Error as error:
        raise RolesError(f"its cells cannot be taken apart ({error})") from None
    names = [name.strip() for name in found[0]] if found else []
    for number, row in enumerate(found[1:], start=2):
        if len(row) != len(names):
            raise RolesError(f"row {number} has {len(row)} cells, there are {len(names)} names")
    return names, found[1:]


def _listed(name: str, unit: str, at: int, rows: Sequence[Sequence[str]]) -> Held:
    def load(part: slice) -> list[Floats]:
        return [_numbers(name, row[at]) for row in rows[part]]

    return Held(name, "pixels", unit, "", f"column {at + 1} ({name})", load)


def _numbers(name: str, cell: str) -> Floats:
    """The numbers of a cell, none of an empty one."""
    if "..." in cell:
        raise RolesError(
            f"the lists of {name} were cut short when they were written (...): write all values"
        )
    cell = re.sub(r"dtype\s*=\s*\w+", "", cell)
    words = re.findall(r"[^\s,;\[\](){}]+", cell.replace("array(", "("))
    return np.array([_number(word) for word in words], np.float64)


def _number(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        return np.nan


def _value(name: str, unit: str, at: int, rows: Sequence[Sequence[str]]) -> Held:
    texts = [row[at].strip() for row in rows]
    named = plain(name) in NAMES["id"]
    values: NDArray[Any] = np.array(texts, np.str_) if named else key_values(texts)
    return Held(name, "rows", unit, "", f"column {at + 1} ({name})", lambda part: values[part])


def _add_gaia(holding: Holding, rows: Sequence[Sequence[str]]) -> None:
    """Wavelengths of Gaia's sampled spectra, where a table has these and no others."""
    names = {held.name.lower() for held in holding.arrays}
    waves = any(plain(name) in (*NAMES["wave"], *NAMES["loglam"]) for name in names)
    if waves or not {"source_id", "flux", "flux_error"} <= names:
        return
    flux = next(held for held in holding.arrays if held.name.lower() == "flux")
    if flux.along != "pixels" or any(
        one.size not in (0, _GAIA_PIXELS) for one in flux.load(slice(0, len(rows)))
    ):
        return
    where = "the grid of Gaia's sampled XP spectra, 336 to 1020 nm"
    holding.axis = axis_held(Axis(_GAIA_NM, "wave", "nm", False, where))
    holding.understood.assumed.append(f"the file has no wavelengths: {where}")
