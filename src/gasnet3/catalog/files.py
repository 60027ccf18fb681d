"""Catalogs as Parquet, FITS, CSV and VOTable files, each with its provenance inside.

All hold one JSON header: in Parquet the schema metadata ``gasnet3``, in FITS a one-cell
table ``GASNET3`` behind the catalog (header cards would break long values into pieces), in CSV a
comment line, in VOTable an INFO. It tells the dialect, the native names, types, units and
descriptions of the columns, and the provenance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from gasnet3.catalog import formats, votable
from gasnet3.catalog.dialects import native_names, rules_of
from gasnet3.catalog.layout import Layout
from gasnet3.catalog.schema import BY_NAME, plain
from gasnet3.errors import GasnetError
from gasnet3.machine.files import jsonable, replacing

Header = dict[str, Any]
Arrays = dict[str, NDArray[Any]]
Writer = Callable[[Path, formats.Content], None]
Reader = Callable[[Path], tuple[Arrays, Header | None]]

_VOTABLE = (votable.write_votable, votable.read_votable)
_FORMATS: Mapping[str, tuple[Writer, Reader]] = {
    ".parquet": (formats.write_parquet, formats.read_parquet),
    ".fits": (formats.write_fits, formats.read_fits),
    ".csv": (formats.write_csv, formats.read_csv),
    ".vot": _VOTABLE,
    ".xml": _VOTABLE,
}


class CatalogError(GasnetError, ValueError):
    """A catalog file cannot be read or written; the message names it and says what to do."""


def write_catalog(table: Table, path: str | Path, dialect: str = "native") -> None:
    """Write a catalog as Parquet, FITS, CSV or VOTable by the file's ending, whole or not at all.

    ``coeff`` and other columns of several values a row are fixed-size lists in Parquet, vector
    columns in FITS and VOTable and numbered columns (``coeff_0`` ...) in CSV. NaN stays NaN (an
    empty cell in CSV). Text in FITS is UTF-8.

    Parameters
    ----------
    table : astropy.table.Table
        A catalog of :func:`make_catalog`, or rows of one.
    path : str or Path
        Where to write; ends in .parquet, .fits, .csv, .vot or .xml. A file there is replaced.
    dialect : {'native', 'sdss', 'redrock'}
        Names of the columns in the file, see :data:`gasnet3.catalog.DIALECTS`.

    Raises
    ------
    CatalogError
        If the ending is none of these.
    ValueError
        If the dialect is unknown, or a column is of a type no catalog holds.
    FileNotFoundError, IsADirectoryError
        If the directory of ``path`` does not exist, or ``path`` is one.
    """
    write_parts([table], path, dialect)


def write_parts(parts: Iterable[Table], path: str | Path, dialect: str = "native") -> None:
    """Write tables one below the other as one catalog, in memory that does not grow with them.

    The file is the same, to the byte, however the rows are divided, and holds no dates. A column
    that some tables lack is NaN or '' there; one of different types gets the one that holds all,
    see :class:`gasnet3.spectra.joining.JoinedType`.

    Parameters
    ----------
    parts : iterable of astropy.table.Table
        Gone through more than once, so no iterator: to learn the columns, then to write them.
    path, dialect
        See :func:`write_catalog`.

    Raises
    ------
    CatalogError, ValueError, FileNotFoundError, IsADirectoryError
        As :func:`write_catalog`; ValueError also if there is no table, or a column has different
        numbers of values a row.
    OSError
        If the file cannot be written.
    """
    write, _ = _format(path, "write")
    rules = rules_of(dialect)
    with replacing(path) as temporary:
        layout = Layout.of(parts, dialect)
        columns = layout.fields()
        header = {
            "format_version": formats.FORMAT_VERSION,
            "dialect": dialect,
            "extname": rules.extname,
            "keys_extname": rules.keys_extname,
            "provenance": jsonable(layout.provenance),
            "columns": [column.header() for column in columns],
        }
        blocks = partial(layout.blocks, parts)
        write(temporary, formats.Content(columns, header, layout.rows, blocks))


def read_catalog(path: str | Path) -> Table:
    """Read a catalog back, with native names, types, units, descriptions and provenance.

    Parameters
    ----------
    path : str or Path
        A file of :func:`write_catalog` in any dialect. A table of SDSS (spAll) or redrock is
        read too: the columns that its dialect knows get their native names.

    Returns
    -------
    astropy.table.Table
        ``meta["gasnet3"]`` is the provenance; it is absent where the file has none.

    Raises
    ------
    CatalogError
        If the file cannot be read, or has no class or redshift.
    """
    table = read_table(path)
    missing = [name for name in ("class", "z") if name not in table.colnames]
    if missing:
        raise CatalogError(
            f"{path} is no catalog: it has no column {' and none '.join(missing)}, but "
            f"{', '.join(table.colnames[:12])}; give a file that gasnet3 classify wrote"
        )
    return table


def read_table(path: str | Path) -> Table:
    """Read any table: a catalog as :func:`read_catalog` does, others with the names they have.

    In a CSV file without our header, columns named as identifiers or classes are text, so that
    ``0001`` stays what it is.

    Parameters
    ----------
    path : str or Path
        A .parquet, .fits, .csv, .vot, .xml (VOTable) or .ecsv file.

    Returns
    -------
    astropy.table.Table

    Raises
    ------
    CatalogError
        If the file is missing, broken, or has another ending.
    """
    path = Path(path)
    if path.suffix.lower() == ".ecsv":
        return _guarded(path, lambda: Table.read(path, format="ascii.ecsv"))
    _, read = _format(path, "read")
    arrays, header = _guarded(path, lambda: read(path))
    if header is None:
        return _foreign(arrays)
    return _restored(arrays, header)


def _format(path: str | Path, verb: str) -> tuple[Writer, Reader]:
    ending = Path(path).suffix.lower()
    if ending not in _FORMATS:
        raise CatalogError(
            f"cannot {verb} {path}: the ending {ending or '(none)'} is unknown; "
            f"name a file that ends in {', '.join(_FORMATS)}"
        )
    return _FORMATS[ending]


def _guarded(path: Path, read: Callable[[], Any]) -> Any:
    """What the reader gives, with failures of the libraries below as those of this file."""
    if not path.is_file():
        raise CatalogError(f"cannot read {path}: there is no such file")
    try:
        return read()
    except MemoryError:
        raise
    except formats.NewerFormat as error:
        raise CatalogError(f"cannot read {path}: {error}") from None
    except Exception as error:  # five parsers, each with its own errors for broken bytes
        raise CatalogError(
            f"cannot read {path}: {error or type(error).__name__}; the file is damaged, or is no "
            f"{path.suffix[1:]} table"
        ) from error


def _restored(arrays: Arrays, header: Header) -> Table:
    """The table as it was before :func:`write_catalog`."""
    table = Table()
    for column in header["columns"]:
        if column["derived"] or column["in_file"] not in arrays:
            continue
        name = column["name"]
        native = BY_NAME.get(name)
        dtype = np.str_ if native and native.dtype == "str" else np.dtype(column["dtype"])
        table[name] = arrays[column["in_file"]].astype(dtype)
        table[name].unit = column["unit"] or None
        table[name].description = column["description"] or None
    table.meta["gasnet3"] = header["provenance"]
    return table


def _foreign(arrays: Arrays) -> Table:
    """Somebody else's table, with native names where it is a known dialect."""
    names = native_names(list(arrays))
    table = Table()
    for name, values in arrays.items():
        renamed = names.get(name, name)
        native = BY_NAME.get(renamed)
        if native and native.dtype == "str" and renamed != name:
            values = plain(name, values).astype(np.str_)
        if native and native.dtype != "str" and values.dtype.kind == "U" and not values.any():
            values = np.full(values.shape, np.nan)  # of blank cells nothing tells the type
        table[name if renamed in table.colnames else renamed] = values
    return table
