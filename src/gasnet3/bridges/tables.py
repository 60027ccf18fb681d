"""Spectra from astropy tables, and back."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gasnet3.bridges.keys import BEFORE_FIT, warn_of_estimated_noise
from gasnet3.catalog.schema import free_name
from gasnet3.catalog.schema import plain as catalog_plain
from gasnet3.io.errors import ReadError
from gasnet3.io.generic.astropy_tables import is_vector, table_holding
from gasnet3.io.generic.holding import Holding, HoldingReader, recognised
from gasnet3.io.generic.noise import NOISE_KEY
from gasnet3.io.generic.roles import NAMES, PIXEL_ROLES, RolesError, plain
from gasnet3.io.options import DEFAULT, ReadOptions
from gasnet3.io.units import FLUX_UNIT
from gasnet3.spectra.batch import ARM_JOINS, UNCALIBRATED, Spectra

if TYPE_CHECKING:
    from astropy.table import Table

_OPTION = re.compile(r"--(column|unit) (\w+)=([\w:]+)")
"""What errors tell users of the command line to say; here it is an argument."""


class _InMemory(HoldingReader):
    """The reader of a table that is there already."""

    name = "table"

    def __init__(self, table: Table, options: ReadOptions = DEFAULT) -> None:
        super().__init__(options)
        self.table = table

    def matches(self, path: Path, head: bytes) -> bool:
        """Of no file."""
        return False

    @contextmanager
    def holding(self, path: Path) -> Iterator[Holding]:
        """What the table holds."""
        yield table_holding(self.table)


def from_table(
    table: Table,
    *,
    columns: Mapping[str, str] | None = None,
    units: Mapping[str, str] | None = None,
    air: bool | None = None,
    name: str = "row",
) -> Spectra:
    """Spectra of an astropy table.

    Parameters
    ----------
    table : astropy.table.Table or QTable
        One spectrum a row, where columns hold arrays; or one pixel a row, of one spectrum, or
        of several that a column of identifiers tells apart. Columns are recognised by name and
        unit, as those of files are; units are converted.
    columns : mapping of str to str, optional
        Role (:data:`gasnet3.io.options.ROLES`) to the column that has it, where the names do
        not tell.
    units : mapping of str to str, optional
        Role to unit, where the table has none, or a wrong one.
    air : bool, optional
        Whether wavelengths are air; left out, what the table says, else vacuum.
    name : str
        Spectra without an identifier are called ``name:0``, ``name:1``, ...

    Returns
    -------
    Spectra
        The other columns with one value a spectrum are key columns, by their names in lower
        case; of ``zwarn`` those flags stay that are known before a fit. None of a table
        without rows.

    Raises
    ------
    TypeError
        If it is no table.
    ValueError
        If it cannot be told which column is which, or they make no spectra; the message says
        what is missing.

    Warns
    -----
    UserWarning
        If there are no uncertainties, so that the noise is estimated.
    """
    if not hasattr(table, "colnames"):
        raise TypeError(f"{type(table).__name__} is no astropy table")
    options = ReadOptions(
        air, tuple((columns or {}).items()), tuple((units or {}).items()), force_air=air
    )
    if table.colnames and not len(table):
        return Spectra.from_arrays([], [], [])
    table = _by_spectrum(table, options)
    try:
        spectra = _InMemory(table, options).read(Path(name))
        used = {one.name for one in recognised(table_holding(table), options).arrays.values()}
    except (ReadError, RolesError) as error:
        problem = error.problem if isinstance(error, ReadError) else str(error)
        reason = _OPTION.sub(r"\1s={'\2': '\3'}", problem)
        raise ValueError(f"the table makes no spectra: {reason}") from None
    estimated = spectra.meta.get(NOISE_KEY, np.zeros(0))
    warn_of_estimated_noise(int(estimated.sum()), len(spectra))
    if len(spectra) != len(table):  # one spectrum, a pixel a row
        return replace(spectra, meta=_without(spectra.meta, "file"))
    flags = np.zeros(len(spectra), np.int64)
    if "zwarn" in table.colnames and table["zwarn"].dtype.kind in "iu":
        flags = np.asarray(table["zwarn"]).astype(np.int64) & BEFORE_FIT
    meta = _keys(table, spectra, used)
    return replace(spectra, zwarn=spectra.zwarn | flags, meta=meta)


def to_table(spectra: Spectra, *, unit: str = FLUX_UNIT) -> Table:
    """Spectra as an astropy table, one a row.

    Parameters
    ----------
    spectra : Spectra
        The spectra.
    unit : str
        Unit of the flux, in the notation of astropy; '' for relative flux.

    Returns
    -------
    astropy.table.Table
        Columns ``id``, ``wave`` (vacuum Å), ``flux``, ``ivar``, each an array a row, ``zwarn``,
        ``z``, ``class``, and the key columns. :func:`from_table` gives the same Spectra.
    """
    from astropy import units
    from astropy.table import Table

    flux_unit = units.Unit(unit)
    table = Table({"id": spectra.ids})
    wave = np.broadcast_to(spectra.lattice.wave, spectra.flux.shape)
    for name, values, its in (
        ("wave", wave, units.AA),
        ("flux", spectra.flux, flux_unit),
        ("ivar", spectra.ivar, flux_unit**-2),
    ):
        table[name] = values
        table[name].unit = its
    table["wave"].description = "vacuum"
    for name, column in (("zwarn", spectra.zwarn), ("z", spectra.z), ("class", spectra.classes)):
        table[name] = column
    taken = {name.casefold() for name in table.colnames}
    for name, column in spectra.meta.items():
        table[free_name(name, taken, "_in")] = column
    return table


def _keys(table: Table, spectra: Spectra, used: set[str]) -> dict[str, NDArray[Any]]:
    """Key columns: all that is one value a spectrum, or few, and was not used."""
    taken = {"zwarn"}
    keys: dict[str, NDArray[Any]] = {}
    for name in ("ra", "dec", NOISE_KEY, UNCALIBRATED, *ARM_JOINS):
        if name in spectra.meta:
            keys[name] = spectra.meta[name]
            taken.add(name)
    pixels = {table[name].shape[1] for name in used if table[name].ndim == 2}
    used = used | ({NOISE_KEY, UNCALIBRATED, *ARM_JOINS} & keys.keys())
    for name in table.colnames:
        column = table[name]
        nested = column.dtype.kind == "O" and is_vector(column)
        wide = column.ndim > 2 or (column.ndim == 2 and column.shape[1] in pixels)
        if name not in used and name != "zwarn" and not nested and not wide:
            keys[free_name(name.lower(), taken, "_in")] = catalog_plain(name, column)
    return keys


def _without(meta: Mapping[str, NDArray[Any]], name: str) -> dict[str, NDArray[Any]]:
    return {key: column for key, column in meta.items() if key != name}


def _by_spectrum(table: Table, options: ReadOptions) -> Table:
    """One row a spectrum, of a table of pixels whose identifiers tell several apart."""
    from astropy.table import Table

    names = list(table.colnames)
    if not len(table) or any(is_vector(table[name]) for name in names):
        return table
    named = dict(options.columns).get("id")
    by_plain = {plain(name): name for name in reversed(names)}
    found = named or next((by_plain[one] for one in NAMES["id"] if one in by_plain), None)
    if found not in names:
        return table
    ids = np.asarray(table[found])
    first, inverse = np.unique(ids, return_index=True, return_inverse=True)[1:]
    order = np.argsort(first, kind="stable")
    groups = np.split(np.argsort(inverse, kind="stable"), np.cumsum(np.bincount(inverse))[:-1])
    if len(first) == 1 or len(first) == len(ids):
        return table
    out = Table({found: ids[first[order]]}, meta=table.meta)
    along = {one for role in PIXEL_ROLES for one in NAMES[role]}
    said = {column for role, column in options.columns if role in PIXEL_ROLES}
    for name in names:
        if name == found:
            continue
        column = table[name]
        values = np.ma.filled(column.astype(float), np.nan) if _has_gaps(column) else column
        bare = np.asarray(getattr(values, "value", values))
        parts = [bare[groups[one]] for one in order]
        changes = any((part != part[0]).any() for part in parts)
        if column.dtype.kind in "biuf" and (changes or name in said or plain(name) in along):
            rows = np.empty(len(parts), object)
            rows[:] = parts
            out[name] = rows
        else:
            out[name] = np.array([part[0] for part in parts])
        out[name].unit = column.unit
    return out


def _has_gaps(column: Any) -> bool:
    return bool(np.any(getattr(column, "mask", False))) and column.dtype.kind in "biuf"
