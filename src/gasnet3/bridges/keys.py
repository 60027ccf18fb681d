"""What a container says beside flux: identifiers, labels, key columns."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gasnet3.catalog.best import best_rows
from gasnet3.flags import ZWarn
from gasnet3.io.generic.roles import NAMES, plain
from gasnet3.io.naming import class_label
from gasnet3.io.survey.sdss import as_key, spectrum_id
from gasnet3.machine.typing import Floats

if TYPE_CHECKING:
    from astropy.table import Table

    from gasnet3.spectra.batch import Spectra

BEFORE_FIT = int(ZWarn.SKY | ZWarn.UNPLUGGED | ZWarn.BAD_TARGET | ZWarn.POORDATA | ZWarn.NODATA)
"""Bits of ZWARN that can be known before any fit."""

WIDEST = 32
"""Values a row of the widest key columns: what is wider are pixels."""

SOLUTION = "solution"
"""Entry of the metadata that holds gasnet3's own answer."""


def warn_of_estimated_noise(estimated: int, spectra: int) -> None:
    """Say that spectra came without uncertainties, if some did."""
    if estimated:
        warnings.warn(
            f"{estimated} of {spectra} spectra have no uncertainty: their noise is estimated from "
            "neighbouring pixels, and S/N with it",
            stacklevel=3,
        )


def columns_of(meta: Mapping[str, Any], rows: int) -> dict[str, NDArray[Any]]:
    """Entries of the metadata of so many spectra as columns, shape (rows,) or (rows, k).

    Numbers and text are repeated for every row; an array with one value a row is taken as it
    is, and of a single spectrum a short array of numbers. Nested entries are left out.
    """
    out: dict[str, NDArray[Any]] = {}
    for name, value in meta.items():
        if isinstance(value, str | bool | int | float | np.generic):
            out[str(name)] = np.full(rows, value)
        elif isinstance(value, list | tuple | np.ndarray) and not _ragged(value):
            array = np.asarray(value)
            if rows == 1 and array.ndim == 1 and array.dtype.kind in "biuf":
                array = array[None]
            fits = array.ndim in (1, 2) and len(array) == rows and array.dtype.kind in "biufUS"
            if fits and 0 < array[:1].size <= WIDEST and (rows > 1 or array.ndim == 2):
                out[str(name)] = array
        elif hasattr(value, "colnames") and len(value) == rows:
            out |= _positions(value)
    return out


def _positions(table: Any) -> dict[str, NDArray[Any]]:
    """Identifier and position in a table with a row a spectrum, as DESI's fibermap."""
    columns = {name: np.asarray(table[name]) for name in table.colnames}
    found = {role: taken(columns, role) for role in ("id", "ra", "dec")}
    return {role: column for role, column in found.items() if column is not None}


def _ragged(value: Any) -> bool:
    return not isinstance(value, np.ndarray) and len({np.shape(item) for item in value}) > 1


def header_columns(header: Mapping[str, Any]) -> dict[str, Any]:
    """What the FITS header of a spectrum says of the object: SDSS's keys, or a name."""
    keys: dict[str, Any] = {
        "plate": as_key(_number(header, "PLATEID", "PLATE")),
        "mjd": as_key(_number(header, "MJD")),
        "fiberid": as_key(_number(header, "FIBERID")),
        # RA and DEC of an SDSS header are the plate's centre.
        "ra": _number(header, "PLUG_RA", "TARGET_RA", "RA_OBJ"),
        "dec": _number(header, "PLUG_DEC", "TARGET_DEC", "DEC_OBJ"),
    }
    found = {name: value for name, value in keys.items() if value is not None}
    if {"plate", "mjd", "fiberid"} <= found.keys():
        found["id"] = spectrum_id(found["plate"], found["mjd"], found["fiberid"])
    else:
        for name in ("TARGETID", "OBSID", "OBJECT", "TARGNAME", "OBJNAME"):
            text = str(header.get(name, "")).strip()
            if text:
                found["id"] = text
                break
    return found


def _number(header: Mapping[str, Any], *names: str) -> Any:
    for name in names:
        value = header.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value
    return None


def taken(columns: dict[str, NDArray[Any]], role: str) -> NDArray[Any] | None:
    """The column of a role (id, z, class), by its name; it is removed. None if there is none."""
    by_plain = {plain(name): name for name in reversed(columns)}
    for name in NAMES[role]:
        if name in by_plain:
            return columns.pop(by_plain[name])
    return None


def labels(
    columns: dict[str, NDArray[Any]], rows: int
) -> tuple[Floats, NDArray[np.str_], NDArray[np.int64]]:
    """Redshifts (NaN where unknown), classes ('') and flags known before; removed from columns."""
    z, classes = taken(columns, "z"), taken(columns, "class")
    zwarn = columns.pop("zwarn", None)
    redshift = np.full(rows, np.nan)
    if z is not None and z.dtype.kind in "iuf" and z.ndim == 1:
        redshift = np.where(z > -1.0, z, np.nan)
    known = np.full(rows, "", "U6")
    if classes is not None and classes.ndim == 1:
        known = np.array([class_label(str(one)) for one in classes], "U6")
    flags = np.zeros(rows, np.int64)
    if zwarn is not None and zwarn.dtype.kind in "iu" and zwarn.ndim == 1:
        flags = zwarn.astype(np.int64) & BEFORE_FIT
    return redshift, known, flags


def solution_rows(spectra: Spectra, catalog: Table) -> NDArray[np.int64]:
    """Row of the catalog with the best solution of each spectrum, -1 for none; shape (spectra,).

    ValueError if an id occurs more than once, and the rows are not in the order of the spectra.
    """
    best = best_rows(catalog)
    ids = np.asarray(catalog["id"]).astype(np.str_)[best]
    if np.array_equal(ids, spectra.ids):
        return best
    rows = dict(zip(ids.tolist(), best.tolist(), strict=True))
    if len(rows) < len(ids):
        raise ValueError(
            "the catalog has rows of the same id, and they are not in the order of the spectra: "
            "give the catalog of these very spectra"
        )
    return np.array([rows.get(name, -1) for name in spectra.ids.tolist()], np.int64)


def aligned(values: NDArray[Any], rows: NDArray[np.int64]) -> NDArray[Any]:
    """Rows of a column as :func:`solution_rows` gives them; NaN, '' or 0 where there is none."""
    out = np.zeros((len(rows), *values.shape[1:]), values.dtype)
    if values.dtype.kind == "f":
        out[...] = np.nan
    out[rows >= 0] = values[rows[rows >= 0]]
    return out
