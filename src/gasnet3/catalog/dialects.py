"""Names of the columns as the users of other surveys' tables expect them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasnet3.catalog.rows import Rows
from gasnet3.catalog.schema import BY_NAME, KEY_UCDS, free_name, plain
from gasnet3.machine.typing import Floats

FITS_NAME_LENGTH = 60  # TTYPE holds 68 characters, and a suffix may come on top


@dataclass(frozen=True)
class Dialect:
    """How a catalog is named in a file.

    Parameters
    ----------
    name : str
        Name of the dialect.
    names : mapping of str to str
        Native name to the name in the file; columns that are not in it are upper-cased where
        ``upper`` is set and keep their name otherwise.
    derived : mapping of str to function
        Columns that only this dialect has, computed from the native table; None where the table
        lacks what it takes. They are left out again when the file is read.
    upper : bool
        Whether other columns are upper-cased.
    shared : tuple of str
        Native columns that have the dialect's own name once they are upper-cased.
    extname : str
        EXTNAME of the table in a FITS file.
    keys_extname : str
        EXTNAME of the table that holds the key columns in a FITS file, row by row beside the
        first; '' for one table.
    """

    name: str
    names: Mapping[str, str] = field(default_factory=dict)
    derived: Mapping[str, Callable[[Rows], NDArray[Any] | None]] = field(default_factory=dict)
    upper: bool = True
    shared: tuple[str, ...] = ()
    extname: str = "CATALOG"
    keys_extname: str = ""


def _rchi2diff(table: Rows) -> NDArray[Any] | None:
    """RCHI2DIFF of SDSS: the difference of the two least chi2, over the degrees of freedom."""
    if not {"delta_chi2", "dof"} <= set(table.colnames):
        return None
    dof: Floats = np.asarray(table["dof"], np.float64)
    delta_chi2: Floats = np.asarray(table["delta_chi2"], np.float64)
    ratio: Floats = delta_chi2 / np.where(dof > 0, dof, np.nan)
    return ratio


def _ncoeff(table: Rows) -> NDArray[Any] | None:
    """NCOEFF of redrock: the number of coefficients of the row that are in use."""
    if "coeff" not in table.colnames:
        return None
    coeff: Floats = np.asarray(table["coeff"])
    return np.count_nonzero(np.isfinite(coeff), axis=1)


DIALECTS: dict[str, Dialect] = {
    "native": Dialect("native", upper=False),
    "sdss": Dialect(
        "sdss",
        names={
            "zwarn": "ZWARNING",
            "coeff": "THETA",
            "sn_median": "SN_MEDIAN_ALL",
            "wave_min": "WAVEMIN",
            "wave_max": "WAVEMAX",
        },
        derived={"RCHI2DIFF": _rchi2diff},
        shared=("class", "subclass", "z", "z_err", "rchi2", "dof"),
    ),
    "redrock": Dialect(
        "redrock",
        names={
            "id": "TARGETID",
            "class": "SPECTYPE",
            "subclass": "SUBTYPE",
            "z_err": "ZERR",
            "delta_chi2": "DELTACHI2",
            "n_good": "NPIXELS",
            "ra": "TARGET_RA",
            "dec": "TARGET_DEC",
        },
        derived={"NCOEFF": _ncoeff},
        shared=("z", "zwarn", "chi2", "coeff"),
        extname="REDSHIFTS",
        keys_extname="FIBERMAP",
    ),
}
"""The dialects by name. Names as in SDSS's spAll and spZbest, and in redrock's REDSHIFTS
and FIBERMAP."""


@dataclass(frozen=True)
class Field:
    """One column as it lies in a file: its native name, its name in the file, its values."""

    name: str
    in_file: str
    data: NDArray[Any]
    unit: str
    description: str
    derived: bool = False
    ucd: str = ""
    key: bool = False

    @property
    def width(self) -> int:
        """Number of values a row, 0 for a scalar column."""
        return self.data.shape[1] if self.data.ndim == 2 else 0

    def header(self) -> dict[str, Any]:
        """What the file tells about the column, so that it comes back as it was."""
        return {
            "name": self.name,
            "in_file": self.in_file,
            "dtype": "str" if self.data.dtype.kind == "U" else self.data.dtype.str.lstrip("<>=|"),
            "width": self.width,
            "unit": self.unit,
            "description": self.description,
            "derived": self.derived,
        }


def expanded(in_file: str, width: int) -> list[str]:
    """Names of the scalar columns that a column with ``width`` values a row becomes in CSV."""
    return [f"{in_file}_{i}" for i in range(width)]


def rules_of(dialect: str) -> Dialect:
    """The dialect of a name; ValueError if there is none."""
    if dialect not in DIALECTS:
        raise ValueError(f"no catalog dialect {dialect!r}: take one of {', '.join(DIALECTS)}")
    return DIALECTS[dialect]


def fields(table: Rows, dialect: str, *, integer_ids: bool) -> list[Field]:
    """The columns of a table with native names as a dialect names them, none clashing with another.

    Native columns come first, then those of the dialect, then the key columns; a key column whose
    name is then taken gets the suffix ``_in`` (``_IN``). Identifiers that are all
    :func:`whole_numbers` may be such in the file, as redrock's are. ValueError if there is no such
    dialect.
    """
    rules = rules_of(dialect)
    natives = [name for name in BY_NAME if name in table.colnames]
    taken: set[str] = set()
    out = [_field(table, name, rules, taken, integer_ids) for name in natives]
    for name, compute in rules.derived.items():
        values = compute(table)
        if values is not None:
            out.append(Field(name, free_name(name, taken, "_IN"), values, "", "", derived=True))
    keys = [name for name in table.colnames if name not in BY_NAME]
    return out + [
        replace(_field(table, name, rules, taken, integer_ids), key=True) for name in keys
    ]


def _field(table: Rows, name: str, rules: Dialect, taken: set[str], integer_ids: bool) -> Field:
    data = plain(name, table[name])
    wished = rules.names.get(name, name.upper() if rules.upper else name)
    if rules.name == "redrock" and name == "id":
        # redrock's TARGETID is the input's own where it has one, else the id.
        own = any(key.casefold() == "targetid" for key in table.colnames)
        wished = "ID" if own else "TARGETID"
        data = data.astype(np.int64) if integer_ids and not own else data
    # FITS and most readers want letters, digits and underscores only.
    wished = re.sub(r"[^A-Za-z0-9_]", "_", wished)[:FITS_NAME_LENGTH] or "_"
    width = data.shape[1] if data.ndim == 2 else 0
    in_file = free_name(wished, taken, "_IN" if rules.upper else "_in")
    taken.update(part.casefold() for part in expanded(in_file, width))
    ucd = BY_NAME[name].ucd if name in BY_NAME else KEY_UCDS.get(name.casefold(), "")
    unit, told = table.units.get(name, ""), table.descriptions.get(name, "")
    return Field(name, in_file, data, unit, told, ucd=ucd)


def whole_numbers(ids: NDArray[np.str_]) -> bool:
    """Whether all are integers that come back as they were: '0266' would be 266."""
    try:
        numbers = np.array([int(item) for item in ids], np.int64)
    except (ValueError, OverflowError):
        return False
    return np.array_equal(numbers.astype(np.str_), ids)


def native_names(names: Sequence[str]) -> dict[str, str]:
    """Native names of those columns of a table of somebody else (spAll, redrock) that are known.

    Empty where no dialect is recognised.
    """
    marks = {"sdss": {"CLASS", "Z", "ZWARNING"}, "redrock": {"SPECTYPE", "Z", "ZWARN"}}
    for dialect, needed in marks.items():
        if needed <= set(names):
            rules = DIALECTS[dialect]
            to_native = {rules.names.get(name, name.upper()): name for name in BY_NAME}
            return {name: to_native[name] for name in names if name in to_native}
    return {}
