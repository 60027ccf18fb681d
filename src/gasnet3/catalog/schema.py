"""The columns of a catalog, and how a table is made of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gasnet3.catalog.column import Column
from gasnet3.catalog.measured import MEASURED
from gasnet3.catalog.rows import Rows
from gasnet3.machine.files import jsonable

if TYPE_CHECKING:
    from astropy.table import Table


def _per_class(name: str, description: str, ucd: str) -> tuple[Column, ...]:
    return tuple(
        Column(f"{name}_{cls.lower()}", "f8", description.format(cls), ucd)
        for cls in ("STAR", "GALAXY", "QSO")
    )


ANOMALY_KINDS = {
    "defect": "defect",
    "incomplete": "incomplete model",
    "extreme": "extreme",
    "ambiguous": "redshift ambiguous",
    "second": "second redshift",
}
"""Name in the columns, and value of ``anomaly_kind``, of each way of being strange."""

COLUMNS: tuple[Column, ...] = (
    Column("id", "str", "identifier of the spectrum", "meta.id;meta.main"),
    Column("class", "str", "STAR, GALAXY or QSO: the most probable class", "src.class"),
    Column(
        "subclass", "str", "finer class; empty where it is not sure, or not known", "src.spType"
    ),
    Column(
        "z",
        "f8",
        "redshift, vacuum, in the frame of the input (SDSS: heliocentric)",
        "src.redshift",
    ),
    Column(
        "z_err",
        "f8",
        "1-sigma error of z, NaN where there is no minimum",
        "stat.error;src.redshift",
    ),
    Column(
        "z_lo",
        "f8",
        "lower end of the shortest interval about z that holds 68 % of the posterior",
        "src.redshift;stat.min",
    ),
    Column(
        "z_hi",
        "f8",
        "its upper end; for znum > 0, and without a posterior, z - z_err and z + z_err",
        "src.redshift;stat.max",
    ),
    Column(
        "zwarn",
        "i8",
        "why z may be wrong, in bits (gasnet3.ZWarn); 0 where it is good",
        "meta.code.qual;src.redshift",
    ),
    Column(
        "notes",
        "i8",
        "what is unusual, in bits (gasnet3.Notes); z may be right",
        "meta.code.qual",
    ),
    Column("chi2", "f8", "chi2 of the best model", "stat.fit.chi2"),
    Column(
        "dof",
        "i8",
        "degrees of freedom: independent pixels less the parameters of the model",
        "stat.fit.dof",
    ),
    Column("rchi2", "f8", "chi2 / dof (eq. 9)", "stat.fit.goodness"),
    Column(
        "delta_chi2",
        "f8",
        "-2 ln p (or chi2) of the next solution at another redshift less this one's; 0 at least",
        "stat.fit.chi2;arith.diff",
    ),
    Column(
        "robustness",
        "f8",
        "R: second-least minimum of chi2 over the least, less 1 (eq. 17)",
        "stat.fit.chi2;arith.ratio",
    ),
    *_per_class("p", "probability that the class is {}", "stat.probability;src.class"),
    Column(
        "p_z",
        "f8",
        "probability that z is right, whatever the class; NaN where not known",
        "stat.probability;src.redshift",
    ),
    *_per_class(
        "log_evidence",
        "ln p(spectrum) as {} over that of a model without features; NaN without a posterior",
        "stat.likelihood;src.class",
    ),
    Column(
        "znum",
        "i4",
        "rank of the solution of this spectrum by the posterior (or chi2), the best first",
        "stat.rank",
    ),
    Column(
        "coeff",
        "f8",
        "coefficients of the eigenspectra (omega_m, eq. 4)",
        "stat.fit.param",
        vector=True,
    ),
    Column("amplitude", "f8", "amplitude of the reconstruction", "stat.fit.param"),
    Column("model", "str", "name of the model that gave the solution", "meta.id;meta.modelled"),
    Column(
        "sn_median", "f8", "median S/N a pixel over the unmasked pixels", "stat.snr;stat.median"
    ),
    Column("n_good", "i8", "number of unmasked pixels", "meta.number"),
    Column(
        "wave_min",
        "f8",
        "vacuum wavelength of the first unmasked pixel",
        "em.wl;stat.min",
        unit="Angstrom",
    ),
    Column(
        "wave_max",
        "f8",
        "vacuum wavelength of the last unmasked pixel",
        "em.wl;stat.max",
        unit="Angstrom",
    ),
    *_per_class("chi2", "least chi2 as {}", "stat.fit.chi2"),
    *_per_class("z", "redshift as {}", "src.redshift"),
    *_per_class("robustness", "R as {} (eq. 17)", "stat.fit.chi2;arith.ratio"),
    Column(
        "anomaly_score",
        "f8",
        "how strange the spectrum is: -log10 of the share of ordinary ones that are as strange",
        "stat.value",
    ),
    Column(
        "anomaly_kind",
        "str",
        "why it is strange; empty where anomaly_score is below 2",
        "meta.code.class",
    ),
    Column(
        "anomaly_reason",
        "str",
        "what stands out most, in a sentence; empty where anomaly_score is below 1",
        "meta.note",
    ),
    Column(
        "anomaly_wave",
        "f8",
        "observed vacuum wavelength of what is strange",
        "em.wl",
        unit="Angstrom",
    ),
    Column("z_second", "f8", "second redshift that lines of the residual agree on", "src.redshift"),
    *(
        Column(f"anomaly_{name}", "f8", f"score of one kind alone: {kind}", "stat.value")
        for name, kind in ANOMALY_KINDS.items()
    ),
)
"""The native columns in their order. A catalog has those that its maker knows."""

KEY_UCDS = {
    "ra": "pos.eq.ra;meta.main",
    "dec": "pos.eq.dec;meta.main",
    "file": "meta.id;meta.file",
    "targetid": "meta.id",
    "obsid": "meta.id;obs",
    "plate": "meta.id;instr.plate",
    "mjd": "time.epoch;obs",
}
"""UCDs of the key columns that readers give."""
KEY_UNITS = {"ra": "deg", "dec": "deg"}
"""Units of the key columns that readers give."""

REQUIRED = ("id", "class", "z")
BY_NAME = {column.name: column for column in (*COLUMNS, *MEASURED)}


def make_catalog(
    columns: Mapping[str, ArrayLike],
    key_columns: Mapping[str, ArrayLike] | None = None,
    provenance: Mapping[str, Any] | None = None,
) -> Table:
    """Make a catalog of native columns and of the input's own key columns.

    Parameters
    ----------
    columns : mapping of str to array_like, shape (rows,) or (rows, m) for ``coeff``
        Native columns, see :data:`COLUMNS` and
        :data:`~gasnet3.catalog.measured.MEASURED`; ``id``, ``class`` and ``z`` are required. They
        are put in the native order and cast to the native type.
    key_columns : mapping of str to array_like, shape (rows,) or (rows, k), optional
        Columns of the input that ride along at the end. One whose name is taken (in any case of
        its letters: FITS does not tell them apart) gets the suffix ``_in``. Masked values become
        NaN or '', see :func:`plain`.
    provenance : mapping, optional
        What made the catalog: version, model hashes, resolved configuration. Becomes
        ``table.meta["gasnet3"]``, in the types of JSON.

    Returns
    -------
    astropy.table.Table
        With units, descriptions and ``meta["gasnet3"]``.

    Raises
    ------
    ValueError
        If a required column is missing, a name is unknown, lengths differ, or a column cannot be
        cast (its name is in the message).
    """
    return catalog_rows(columns, key_columns, provenance).table()


def catalog_rows(
    columns: Mapping[str, ArrayLike],
    key_columns: Mapping[str, ArrayLike] | None = None,
    provenance: Mapping[str, Any] | None = None,
) -> Rows:
    """What :func:`make_catalog` makes a table of."""
    unknown = [name for name in columns if name not in BY_NAME]
    missing = [name for name in REQUIRED if name not in columns]
    if unknown or missing:
        raise ValueError(
            f"a catalog needs the columns {', '.join(REQUIRED)} (missing: {missing}) and knows "
            f"those of gasnet3.catalog.COLUMNS (unknown: {unknown}); give others as key_columns"
        )
    made: dict[str, NDArray[Any]] = {}
    natives = [column for column in BY_NAME.values() if column.name in columns]
    for column in natives:
        _add(made, column.name, _cast(column, columns[column.name]))
    units = {column.name: column.unit for column in natives}
    taken = {name.casefold() for name in (*(c.name for c in COLUMNS), *columns)}
    for name, values in (key_columns or {}).items():
        free = free_name(name or f"col{len(made)}", taken, "_in")
        _add(made, free, plain(name, values))
        if name in KEY_UNITS and made[free].dtype.kind == "f":
            units[free] = KEY_UNITS[name]
    descriptions = {column.name: column.description for column in natives}
    return Rows(made, units, descriptions, {"gasnet3": jsonable(provenance or {})})


def free_name(name: str, taken: set[str], suffix: str) -> str:
    """The name, with the suffix as often as it takes to be none of ``taken``; adds it there.

    Taken names are case-folded.
    """
    while name.casefold() in taken:
        name += suffix
    taken.add(name.casefold())
    return name


def plain(name: str, values: ArrayLike) -> NDArray[Any]:
    """A column in a type that every format can hold: bool, int16/32/64, float32/64 or str.

    Bytes are decoded as UTF-8, dates become ISO text, half floats float32, unsigned integers
    int64. Masked values become NaN or ''. Masked integers become float64, and text when one of
    them is too large for a float to hold (a DESI TARGETID); so do integers beyond int64.

    Parameters
    ----------
    name : str
        Name of the column, for the error.
    values : array_like, shape (rows,) or (rows, k)
        The column.

    Raises
    ------
    ValueError
        If the column is neither one nor two-dimensional, or of a type no format holds.
    """
    array = values if isinstance(values, np.ma.MaskedArray) else np.asarray(values)
    mask = np.ma.getmaskarray(array) if isinstance(array, np.ma.MaskedArray) else None
    data = _known_type(name, np.asarray(np.ma.getdata(array)))
    if data.ndim not in (1, 2) or (
        data.ndim == 2 and (data.shape[1] < 1 or data.dtype.kind == "U")
    ):
        raise ValueError(
            f"column {name!r} has shape {data.shape} and type {data.dtype}: a catalog holds one "
            "value a row, or a fixed number of numbers a row"
        )
    if mask is None or not mask.any():
        return data
    if data.dtype.kind in "bi" and np.abs(data[~mask].astype(np.float64)).max(initial=0) < 2**53:
        data = data.astype(np.float64)
    if data.dtype.kind == "i":
        data = data.astype(np.str_)
    return np.where(mask, "" if data.dtype.kind == "U" else np.array(np.nan, data.dtype), data)


def identifiers(name: str, values: ArrayLike) -> NDArray[np.str_]:
    """A column of identifiers as text without blanks around it; '' where there is none.

    Tables with gaps keep integers as floats: they are written as the integers that they were.
    """
    data = plain(name, values)
    if data.dtype.kind != "f":
        return np.char.strip(data.astype(np.str_))
    texts = [
        "" if np.isnan(x) else str(int(x)) if x.is_integer() else str(x) for x in data.tolist()
    ]
    return np.array(texts, np.str_)


def _known_type(name: str, data: NDArray[Any]) -> NDArray[Any]:
    kind, size = data.dtype.kind, data.dtype.itemsize
    if kind == "U":
        return data.astype(np.str_)  # native byte order
    if kind == "S":
        return np.char.decode(data, "utf-8", "replace")
    if kind == "O":
        return np.array(
            ["" if item is None else str(item) for item in data.ravel()], np.str_
        ).reshape(data.shape)
    if kind in "Mm":
        return np.where(np.isnat(data), "", data.astype(np.str_))
    if kind == "b":
        return data
    if kind == "f":
        return data.astype(np.float32 if size <= 4 else np.float64)
    if kind == "u":
        return data.astype(np.int64 if not (data > np.iinfo(np.int64).max).any() else np.str_)
    if kind == "i":
        return data.astype(f"i{max(size, 2)}")
    raise ValueError(f"column {name!r} has type {data.dtype}, which no catalog format holds")


def _cast(column: Column, values: ArrayLike) -> NDArray[Any]:
    """The values in the type of the native column."""
    data = plain(column.name, values)
    wanted = np.dtype(np.str_ if column.dtype == "str" else column.dtype)
    if (data.ndim == 2) != column.vector:
        raise ValueError(
            f"column {column.name!r} has shape {data.shape}, expected "
            + ("(rows, m)" if column.vector else "(rows,)")
        )
    if wanted.kind == "U":
        return data.astype(np.str_)
    if data.size and data.dtype.kind == "U":
        raise ValueError(f"column {column.name!r} holds text, expected numbers ({wanted})")
    if wanted.kind == "i" and data.dtype.kind == "f" and not np.array_equal(data, np.trunc(data)):
        raise ValueError(f"column {column.name!r} holds values that are no integers (or NaN)")
    return data.astype(wanted)


def _add(made: dict[str, NDArray[Any]], name: str, data: NDArray[Any]) -> None:
    first = next(iter(made), name)
    if made and len(data) != len(made[first]):
        raise ValueError(f"column {name!r} has {len(data)} rows, {first!r} {len(made[first])}")
    made[name] = data
