"""What an astropy table holds: one pixel a row, or one spectrum a row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gasnet3.io.generic.dispersion import air_in, said_air
from gasnet3.io.generic.fits_keys import add_header
from gasnet3.io.generic.gaps import filled
from gasnet3.io.generic.holding import Held, Holding, Load
from gasnet3.io.generic.roles import Described, RolesError

if TYPE_CHECKING:
    from astropy.table import Table

FEWEST_PIXELS = 32


def table_holding(table: Table) -> Holding:
    """What a table holds.

    Parameters
    ----------
    table : astropy.table.Table
        Where columns hold several values a row, or lists of any length, a row is a spectrum;
        else a row is a pixel of one spectrum, and the metadata tell its name.

    Raises
    ------
    RolesError
        If it is one spectrum of too few pixels.
    """
    columns = {str(name): table[name] for name in table.colnames if hasattr(table[name], "dtype")}
    vectors = {name for name, column in columns.items() if is_vector(column)}
    arrays = []
    for name, column in columns.items():
        pixels = name in vectors or (not vectors and column.dtype.kind in "biuf")
        if pixels or vectors:
            along: Any = "pixels" if pixels else "rows"
            ucd = str(dict(getattr(column, "meta", None) or {}).get("ucd") or "")
            described = Described(name, along, str(column.unit or ""), ucd, f"column {name}")
            said = air_in(str(getattr(column, "description", "") or ""))
            arrays.append(Held(described, slice_of(column, whole=not vectors), said))
    meta = {str(key).upper(): value for key, value in dict(table.meta).items()}
    holding = Holding(arrays, len(table) if vectors else 1, air=said_air(meta))
    if not vectors:
        used = {held.described.name for held in arrays}
        holding.told.ignored += [
            f"column {name} has no numbers: not used" for name in columns if name not in used
        ]
        check_length(len(table))
        add_header(holding, meta)
    return holding


def check_length(rows: int) -> None:
    """Refuse a table of pixels that is too short to be a spectrum.

    Raises
    ------
    RolesError
        If it has fewer than 32 rows.
    """
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
