"""Spectra and catalogs from xarray, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gasnet3.bridges.keys import aligned, solution_rows
from gasnet3.bridges.tables import from_table
from gasnet3.catalog.schema import free_name, plain
from gasnet3.io.generic.roles import NAMES
from gasnet3.io.generic.roles import plain as plain_name
from gasnet3.io.units import FLUX_UNIT
from gasnet3.machine.extras import needed
from gasnet3.spectra.batch import Spectra

if TYPE_CHECKING:
    import xarray
    from astropy.table import Table

ROW, PIXEL = "spectrum", "wave"
"""Dimensions of the datasets that we make."""

SOLUTION = "solution_"
"""What the names of a catalog's columns begin with, beside the labels of the spectra."""


def to_xarray(
    spectra: Spectra, catalog: Table | None = None, *, unit: str = FLUX_UNIT
) -> xarray.Dataset:
    """Spectra, and their solutions, as a dataset.

    Parameters
    ----------
    spectra : Spectra
        The spectra.
    catalog : Table, optional
        Their catalog: the best solution of each spectrum becomes variables ``solution_class``,
        ``solution_z`` ... along the spectra; where there is none, NaN, '' or 0.
    unit : str
        Unit of the flux, in the notation of astropy; '' for relative flux.

    Returns
    -------
    xarray.Dataset
        ``flux`` and ``ivar`` along ``spectrum`` and ``wave`` (vacuum Å), with ``units``;
        ``id``, ``zwarn``, ``z``, ``class`` and the key columns along ``spectrum``. The attribute
        ``gasnet3`` is the catalog's provenance as JSON.
        :func:`from_xarray` gives the same Spectra.

    Raises
    ------
    ImportError
        If xarray is not installed.
    ValueError
        If the catalog has several rows of one id that are not in the order of the spectra.
    """
    from astropy.units import Unit

    xarray = needed("xarray")

    inverse = str(Unit(unit) ** -2)
    variables: dict[str, Any] = {
        "flux": ((ROW, PIXEL), spectra.flux, {"units": unit, "long_name": "flux density"}),
        "ivar": ((ROW, PIXEL), spectra.ivar, {"units": inverse, "long_name": "0: masked"}),
        "zwarn": (ROW, spectra.zwarn),
        "z": (ROW, spectra.z, {"long_name": "labelled redshift"}),
        "class": (ROW, spectra.classes, {"long_name": "labelled class"}),
    }
    taken = {*variables, "id", ROW, PIXEL}
    for name, column in spectra.meta.items():
        _add(variables, free_name(name, taken, "_in"), column)
    if catalog is not None:
        rows = solution_rows(spectra, catalog)
        for name in catalog.colnames:
            column = catalog[name]
            values = aligned(plain(name, column), rows)
            about = {"units": str(column.unit or ""), "long_name": column.description or ""}
            _add(variables, free_name(SOLUTION + name, taken, "_in"), values, about)
    coordinates = {
        PIXEL: (PIXEL, spectra.lattice.wave, {"units": "Angstrom", "medium": "vacuum"}),
        "id": (ROW, spectra.ids),
    }
    provenance = {} if catalog is None else catalog.meta.get("gasnet3", {})
    # Text: NetCDF holds nothing nested.
    about = {"gasnet3": json.dumps(provenance)} if provenance else {}
    return xarray.Dataset(variables, coordinates, attrs=about)


def from_xarray(
    dataset: xarray.Dataset,
    *,
    columns: Mapping[str, str] | None = None,
    units: Mapping[str, str] | None = None,
    air: bool | None = None,
    name: str = "row",
) -> Spectra:
    """Spectra of a dataset.

    Parameters
    ----------
    dataset : xarray.Dataset
        Variables and coordinates along one dimension of pixels, and one of spectra where there
        are several; recognised by name and ``units``. That of the pixels is the dimension of
        the wavelengths, or of our own name ``wave``.
    columns, units, air, name
        See :func:`from_table`.

    Returns
    -------
    Spectra
        Variables along the spectra are key columns; solutions that :func:`to_xarray` put there
        are left out.

    Raises
    ------
    TypeError
        If it is no dataset.
    ValueError
        If the dimensions cannot be told, or as :func:`from_table`.
    """
    from astropy.table import Table

    if not hasattr(dataset, "variables"):
        array = hasattr(dataset, "to_dataset")
        advice = ": dataset = array.to_dataset(name='flux')" if array else ""
        raise TypeError(f"{type(dataset).__name__} is no Dataset{advice}")
    pixel = _pixels(dataset, columns or {})
    row = _rows(dataset, pixel)
    count = dataset.sizes[row] if row else 1
    table = Table()
    for name_, variable in dataset.variables.items():
        values = _by_row(variable, row, pixel, count)
        if values is not None and not str(name_).startswith(SOLUTION):
            table[str(name_)] = plain(str(name_), values) if values.dtype == object else values
            table[str(name_)].unit = variable.attrs.get("units", variable.attrs.get("unit")) or None
    media = [v.attrs.get("medium") for v in dataset.variables.values() if pixel in v.dims]
    if air is None and {"air", "vacuum"} & set(media):
        air = "air" in media
    return from_table(table, columns=columns, units=units, air=air, name=name)


def _pixels(dataset: xarray.Dataset, columns: Mapping[str, str]) -> str:
    """The dimension of the pixels: that of the wavelengths, else of the flux."""
    known = {role: [*NAMES[role]] for role in ("wave", "loglam", "flux")}
    for role, names in known.items():
        by_plain = {plain_name(str(name)): str(name) for name in dataset.variables}
        if role in columns:
            by_plain, names = {"": columns[role]}, [""]
        for name in names:
            if name in by_plain and by_plain[name] in dataset.variables:
                return str(dataset.variables[by_plain[name]].dims[-1])
    raise ValueError(
        f"cannot tell which dimension of {', '.join(map(str, dataset.sizes))} is that of the "
        "pixels: name the wavelengths, as columns={'wave': NAME}"
    )


def _rows(dataset: xarray.Dataset, pixel: str) -> str | None:
    """The dimension of the spectra, None where there is one spectrum."""
    found = {
        str(dim)
        for variable in dataset.variables.values()
        for dim in variable.dims
        if pixel in variable.dims and str(dim) != pixel
    }
    if len(found) > 1:
        raise ValueError(
            f"there are pixels along {', '.join(sorted(found))}: stack these dimensions to one"
        )
    return found.pop() if found else None


def _by_row(variable: Any, row: str | None, pixel: str, count: int) -> NDArray[Any] | None:
    """A variable with one row a spectrum; None where it has other dimensions."""
    if variable.dims == () or variable.dims == (pixel,):
        return np.broadcast_to(variable.values, (count, *variable.shape))
    if row is not None and set(variable.dims) == {row, pixel}:
        return np.asarray(variable.transpose(row, pixel).values)
    if variable.dims[0] == row and variable.ndim <= 2:
        return np.asarray(variable.values)
    return None


def _add(
    variables: dict[str, Any], name: str, values: NDArray[Any], about: dict[str, str] | None = None
) -> None:
    dimensions = (ROW,) if values.ndim == 1 else (ROW, f"{name}_index")
    variables[name] = (dimensions, values, {k: v for k, v in (about or {}).items() if v})
