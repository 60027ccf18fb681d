"""Catalogs and spectra from pandas, and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gasnet3.bridges.tables import from_table, to_table
from gasnet3.catalog.dialects import expanded
from gasnet3.catalog.schema import BY_NAME, KEY_UNITS, make_catalog, plain
from gasnet3.io.units import FLUX_UNIT
from gasnet3.machine.extras import needed
from gasnet3.spectra.batch import Spectra

if TYPE_CHECKING:
    import pandas
    from astropy.table import Table

PROVENANCE = "gasnet3"
"""Entry of ``attrs`` that holds the provenance of a catalog."""


def from_pandas(
    frame: pandas.DataFrame,
    *,
    columns: Mapping[str, str] | None = None,
    units: Mapping[str, str] | None = None,
    air: bool | None = None,
    name: str = "row",
) -> Spectra:
    """Spectra of a data frame.

    Parameters
    ----------
    frame : pandas.DataFrame
        One spectrum a row, with lists or arrays in its cells; or one pixel a row, of one
        spectrum, or of several that a column of identifiers tells apart. Nested columns
        (nested-pandas, LSDB) are spectra as well. The index is not looked at.
        ``frame.attrs["units"]``, a dict by column, tells units.
    columns, units, air, name
        See :func:`from_table`.

    Returns
    -------
    Spectra
        See :func:`from_table`.

    Raises
    ------
    TypeError
        If it is no data frame.
    ValueError
        As :func:`from_table`.
    """
    if not hasattr(frame, "columns"):
        raise TypeError(f"{type(frame).__name__} is no DataFrame")
    return from_table(_table(frame), columns=columns, units=units, air=air, name=name)


def to_pandas(spectra: Spectra, *, unit: str = FLUX_UNIT) -> pandas.DataFrame:
    """Spectra as a data frame, one a row.

    Parameters
    ----------
    spectra : Spectra
        The spectra.
    unit : str
        Unit of the flux, for ``attrs["units"]``.

    Returns
    -------
    pandas.DataFrame
        The columns of :func:`to_table`, arrays in the cells of ``wave``, ``flux`` and ``ivar``.
        :func:`from_pandas` gives the same Spectra.

    Raises
    ------
    ImportError
        If pandas is not installed.
    """
    return _frame(to_table(spectra, unit=unit), expand=False)


def catalog_to_pandas(catalog: Table, *, expand: bool = False) -> pandas.DataFrame:
    """A catalog as a data frame.

    Parameters
    ----------
    catalog : astropy.table.Table
        A catalog, or any table.
    expand : bool
        Make a column of every coefficient (``coeff_0``, ``coeff_1``, ...), as in CSV; else a
        cell of ``coeff`` holds an array.

    Returns
    -------
    pandas.DataFrame
        With ``attrs["gasnet3"]``, the provenance, and ``attrs["units"]``, a dict by column.

    Raises
    ------
    ImportError
        If pandas is not installed.
    """
    frame = _frame(catalog, expand=expand)
    if PROVENANCE in catalog.meta:
        frame.attrs[PROVENANCE] = dict(catalog.meta[PROVENANCE])
    return frame


def catalog_from_pandas(frame: pandas.DataFrame) -> Table:
    """The catalog that :func:`catalog_to_pandas` made a data frame of, or rows of it.

    Parameters
    ----------
    frame : pandas.DataFrame
        With native names; ``coeff`` as arrays or as numbered columns.

    Returns
    -------
    astropy.table.Table
        See :func:`gasnet3.catalog.make_catalog`; what is missing is NaN or ''.

    Raises
    ------
    ValueError
        If the id, class or z is missing, or a column cannot be one of a catalog.
    """
    arrays: dict[str, NDArray[Any]] = {}
    for name in frame.columns:
        stem, _, number = str(name).rpartition("_")
        if number.isdigit() and stem and f"{stem}_0" in frame.columns:
            width = sum(f"{stem}_{i}" in frame.columns for i in range(len(frame.columns)))
            if number == "0":
                parts = [np.asarray(frame[part]) for part in expanded(stem, width)]
                arrays[stem] = np.stack(parts, axis=1)
            continue
        arrays[str(name)] = _values(frame[name])
    native = {name: values for name, values in arrays.items() if name in BY_NAME}
    keys = {name: values for name, values in arrays.items() if name not in BY_NAME}
    table = make_catalog(native, keys, frame.attrs.get(PROVENANCE))
    for name, unit in frame.attrs.get("units", {}).items():
        if name in table.colnames and name not in BY_NAME and name not in KEY_UNITS:
            table[name].unit = unit
    return table


def _frame(table: Table, *, expand: bool) -> pandas.DataFrame:
    pandas = needed("pandas")
    columns: dict[str, Any] = {}
    for name in table.colnames:
        data = plain(name, table[name])
        if data.ndim == 1:
            columns[name] = data.astype(object) if data.dtype.kind == "U" else data
        elif expand:
            columns |= dict(zip(expanded(name, data.shape[1]), data.T, strict=True))
        else:
            columns[name] = list(data)
    frame = pandas.DataFrame(columns)
    frame.attrs["units"] = {
        name: str(table[name].unit) for name in table.colnames if table[name].unit is not None
    }
    return frame


def _table(frame: pandas.DataFrame) -> Table:
    """The frame as a table, its cells of lists as arrays."""
    from astropy.table import Table

    table = Table()
    units = frame.attrs.get("units", {})
    for name, series in _flat(frame):
        table[name] = _values(series)
        table[name].unit = units.get(name)
    return table


def _flat(frame: pandas.DataFrame) -> Iterator[tuple[str, Any]]:
    """The columns, those of nested-pandas (LSDB) as one of lists for each of their fields."""
    for name in frame.columns:
        if type(frame[name].dtype).__name__ == "NestedDtype":
            lists = frame[name].nest.to_lists()
            yield from ((f"{name}.{field}", lists[field]) for field in lists.columns)
        else:
            yield str(name), frame[name]


def _values(series: Any) -> NDArray[Any]:
    """A column as an array: text as text, lists of one length as a table, others as objects."""
    missing = series.isna().to_numpy().tolist()
    gaps = getattr(series.dtype, "kind", "") in "iu" and any(missing)
    # Integers with gaps would be rounded as floats: an identifier must not be.
    values = series.to_numpy(dtype=object, na_value=None) if gaps else series.to_numpy()
    if values.dtype != object:
        if values.dtype.kind in "biufUSM":
            return np.asarray(values)
        return np.asarray(series.to_numpy(dtype=np.float64, na_value=np.nan))
    cells = values.tolist()
    nested = [cell for cell in cells if isinstance(cell, list | tuple | np.ndarray)]
    if nested and len(nested) == len(cells):
        lengths = {len(cell) for cell in nested}
        if len(lengths) == 1:
            return np.stack([np.asarray(cell) for cell in nested])
        rows = np.empty(len(nested), object)
        rows[:] = [np.asarray(cell) for cell in nested]
        return rows
    numbers = [isinstance(cell, int | float | np.number) for cell in cells]
    if all(a or b for a, b in zip(missing, numbers, strict=True)) and any(numbers):
        known = [np.nan if gone else cell for cell, gone in zip(cells, missing, strict=True)]
        if all(gone or float(cell) == cell for cell, gone in zip(cells, missing, strict=True)):
            return np.array(known)
    return np.array(["" if gone else str(cell) for cell, gone in zip(cells, missing, strict=True)])
