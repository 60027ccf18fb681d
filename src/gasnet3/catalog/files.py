"""Catalogs as Parquet, FITS, CSV and VOTable files, each with its provenance inside.

All hold one JSON header: in Parquet the schema metadata ``gasnet3``, in FITS a one-cell
table ``GASNET3`` behind the catalog (header cards would break long values into pieces), in CSV a
comment line, in VOTable an INFO. It tells the dialect, the native names, types, units and
descriptions of the columns, and the provenance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gasnet3.catalog import parquet
from gasnet3.catalog.content import FORMAT_VERSION, Content, Header, NewerFormat
from gasnet3.catalog.dialects import Field, native_names, rules_of
from gasnet3.catalog.layout import Layout
from gasnet3.catalog.rows import Chosen, Lazy, Rows, taken
from gasnet3.catalog.schema import BY_NAME, plain
from gasnet3.errors import GasnetError
from gasnet3.machine.files import jsonable, replacing

if TYPE_CHECKING:
    from astropy.table import Table

_FORMATS = {
    ".parquet": "parquet", ".fits": "fits", ".csv": "text", ".vot": "votable", ".xml": "votable",
}  # fmt: skip
"""The module of each ending, loaded when there is such a file: its ``write`` and ``read``."""


TOGETHER = 4096
"""Rows of small files that are read as one table."""


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


def write_parts(parts: Iterable[Table | Rows], path: str | Path, dialect: str = "native") -> None:
    """Write tables one below the other as one catalog, in memory that does not grow with them.

    The file is the same, to the byte, however the rows are divided, and holds no dates. A column
    that some tables lack is NaN or '' there; one of different types gets the one that holds all,
    see :class:`gasnet3.spectra.joining.JoinedType`.

    Parameters
    ----------
    parts : iterable of astropy.table.Table or Rows
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
    form = _format(path, "write")
    rules = rules_of(dialect)
    with replacing(path) as temporary:
        layout = Layout.of(map(Rows.of, parts), dialect)
        columns = layout.fields()
        header = {
            "format_version": FORMAT_VERSION,
            "dialect": dialect,
            "extname": rules.extname,
            "keys_extname": rules.keys_extname,
            "provenance": jsonable(layout.provenance),
            "columns": [column.header() for column in columns],
        }

        def blocks() -> Iterable[list[Field]]:
            return layout.blocks(map(Rows.of, parts))

        form.write(temporary, Content(columns, header, layout.rows, blocks))


def passes(path: Path, dialect: str) -> int:
    """How often a writer goes through the rows: for the columns, widths of text, each table."""
    ending = path.suffix.lower()
    apart = ending == ".fits" and bool(rules_of(dialect).keys_extname)
    return 2 + (ending in (".fits", ".vot", ".xml")) + apart


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
    return open_catalog(path).table()


def open_catalog(path: str | Path) -> Rows:
    """What :func:`read_catalog` reads, its columns when they are asked for if it is Parquet."""
    table = open_table(path)
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
    return open_table(path).table()


def open_table(path: str | Path) -> Rows:
    """What :func:`read_table` reads, its columns when they are asked for if it is Parquet."""
    path = Path(path)
    if path.suffix.lower() == ".ecsv":
        from astropy.table import Table

        return Rows.of(_guarded(path, lambda: Table.read(path, format="ascii.ecsv")))
    form = _format(path, "read")
    arrays, header = _guarded(path, lambda: form.read(path))
    if header is None:
        return _foreign(arrays)
    return _restored(path, arrays, header)


def read_alike(paths: Iterable[Path], without: str) -> Iterator[Rows]:
    """The rows of Parquet files of :func:`write_catalog`, one file after the other.

    Small files of the same columns and provenance come together: what is done with rows costs
    little more for many. Of the provenance the entry ``without`` does not count, and is left out.
    CatalogError if a file cannot be read; no path is asked for after that.
    """
    waiting: list[Any] = []
    known: Header = {}
    rows = 0
    for path in paths:
        table, header = _guarded(path, partial(parquet.read_whole, path))
        header["provenance"].pop(without, None)
        alike = bool(waiting) and header == known and table.schema.equals(waiting[0].schema)
        if waiting and not (alike and rows + len(table) <= TOGETHER):
            yield _together(waiting, known)
            waiting, rows = [], 0
        waiting.append(table)
        known, rows = header, rows + len(table)
    if waiting:
        yield _together(waiting, known)


def _together(tables: Sequence[Any], header: Header) -> Rows:
    return _restored(Path(), parquet.arrays_of(tables), header).loaded()


def _format(path: str | Path, verb: str) -> Any:
    ending = Path(path).suffix.lower()
    if ending not in _FORMATS:
        raise CatalogError(
            f"cannot {verb} {path}: the ending {ending or '(none)'} is unknown; "
            f"name a file that ends in {', '.join(_FORMATS)}"
        )
    return import_module(f"gasnet3.catalog.{_FORMATS[ending]}")


def _guarded(path: Path, read: Callable[[], Any]) -> Any:
    """What the reader gives, with failures of the libraries below as those of this file."""
    if not path.is_file():
        raise CatalogError(f"cannot read {path}: there is no such file")
    try:
        return read()
    except MemoryError:
        raise
    except NewerFormat as error:
        raise CatalogError(f"cannot read {path}: {error}") from None
    except Exception as error:  # five parsers, each with its own errors for broken bytes
        raise CatalogError(
            f"cannot read {path}: {error or type(error).__name__}; the file is damaged, or is no "
            f"{path.suffix[1:]} table"
        ) from error


class _Stored(Lazy):
    """Columns of a file under their native names and in their native types."""

    def __init__(self, path: Path, arrays: Mapping[str, NDArray[Any]], header: Header) -> None:
        self._path, self._arrays = path, arrays
        self._places = {
            column["name"]: (column["in_file"], _native_type(column))
            for column in header["columns"]
            if not column["derived"] and column["in_file"] in arrays
        }

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    @property
    def count(self) -> int:
        if isinstance(self._arrays, Lazy):
            return self._arrays.count
        return len(next(iter(self._arrays.values()), ()))

    def take(self, name: str, rows: Chosen) -> NDArray[Any]:
        place, dtype = self._places[name]
        values = _guarded(self._path, lambda: taken(self._arrays, place, rows))
        return np.asarray(values.astype(dtype, copy=False))

    def all(self) -> dict[str, NDArray[Any]]:
        arrays = self._arrays
        if isinstance(arrays, Lazy):
            arrays = _guarded(self._path, arrays.all)
        return {
            name: arrays[place].astype(dtype, copy=False)
            for name, (place, dtype) in self._places.items()
        }


def _native_type(column: Mapping[str, Any]) -> Any:
    native = BY_NAME.get(column["name"])
    return np.str_ if native and native.dtype == "str" else np.dtype(column["dtype"])


def _restored(path: Path, arrays: Mapping[str, NDArray[Any]], header: Header) -> Rows:
    """The rows as they were before :func:`write_catalog`."""
    stored = _Stored(path, arrays, header)
    about = {column["name"]: column for column in header["columns"] if column["name"] in stored}
    units = {name: column["unit"] for name, column in about.items()}
    descriptions = {name: column["description"] for name, column in about.items()}
    return Rows(stored, units, descriptions, {"gasnet3": header["provenance"]})


def _foreign(arrays: Mapping[str, NDArray[Any]]) -> Rows:
    """Somebody else's table, with native names where it is a known dialect."""
    names = native_names(list(arrays))
    columns: dict[str, NDArray[Any]] = {}
    for name, values in arrays.items():
        renamed = names.get(name, name)
        native = BY_NAME.get(renamed)
        if native and native.dtype == "str" and renamed != name:
            values = plain(name, values).astype(np.str_)
        if native and native.dtype != "str" and values.dtype.kind == "U" and not values.any():
            values = np.full(values.shape, np.nan)  # of blank cells nothing tells the type
        columns[name if renamed in columns else renamed] = values
    return Rows(columns)
