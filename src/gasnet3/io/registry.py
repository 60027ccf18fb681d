"""Which reader reads a file, and which files are meant."""

from __future__ import annotations

import glob
import os
import stat
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path

from gasnet3.io.errors import ReadError
from gasnet3.io.foreign import what_it_is
from gasnet3.io.generic.astropy_tables import VotableReader
from gasnet3.io.generic.fits import FitsReader
from gasnet3.io.generic.text import EcsvReader, TextReader
from gasnet3.io.options import DEFAULT, ReadOptions
from gasnet3.io.packed import first_unpacked
from gasnet3.io.reader import ConfigurableReader, Reader
from gasnet3.io.state import hats_folders, is_store, is_store_at
from gasnet3.io.stores.feather import FeatherReader
from gasnet3.io.stores.hdf5 import Hdf5Reader
from gasnet3.io.stores.npz import NpzReader
from gasnet3.io.stores.parquet import ENDINGS as PARQUET_ENDINGS
from gasnet3.io.stores.parquet import ParquetReader, is_no_input
from gasnet3.io.stores.shards import ENDING, ShardReader
from gasnet3.io.stores.zarr import ZarrReader
from gasnet3.io.survey.desi import DesiReader
from gasnet3.io.survey.lamost import LamostReader
from gasnet3.io.survey.sdss_spec import SdssSpecReader
from gasnet3.io.survey.sdss_spplate import SdssSpPlateReader
from gasnet3.io.survey.sdss_spspec import SdssSpSpecReader

ENTRY_POINT_GROUP = "gasnet3.readers"
HEAD_BYTES = 1 << 16
"""How much of a file, unzipped, a reader sees when it is asked whether the file is its own."""

DATA_ENDINGS = (
    *(".fits", ".fit", ".fts", ".fits.gz", ".fit.gz", ".fts.gz", ".fits.fz", ".npz", ENDING),
    *(".fits.bz2", ".fits.xz", ".fits.zip"),
    *(".hdf5", ".h5", ".hdf", ".nc", ".zarr.zip", ".feather", *PARQUET_ENDINGS),
)
"""Names that are taken from a directory; files named one by one or by a glob may have any."""

Inputs = str | Path | Sequence[str | Path]


READERS: list[Reader] = [
    SdssSpecReader(),
    SdssSpPlateReader(),
    SdssSpSpecReader(),
    DesiReader(),
    LamostReader(),
    NpzReader(),
    ShardReader(),
    Hdf5Reader(),
    ParquetReader(),
    FeatherReader(),
    ZarrReader(),
    FitsReader(),
    EcsvReader(),
    VotableReader(),
    TextReader(),
]
"""All readers, asked in this order; add to it with :func:`register`."""


def register(reader: Reader) -> None:
    """Add a reader, to be asked before those there are.

    Packages register theirs without a call, by an entry point of the group ``gasnet3.readers``
    that names a reader class.

    Raises
    ------
    ValueError
        If there is a reader of that name.
    """
    if any(known.name == reader.name for known in READERS):
        raise ValueError(f"there is a reader called {reader.name!r} already; choose another name")
    READERS.insert(0, reader)


@cache
def load_plugins() -> None:
    """Register the readers of installed packages, once; ValueError if two have one name.

    One that cannot be loaded is left out with a warning that names it.
    """
    for point in entry_points(group=ENTRY_POINT_GROUP):
        try:
            reader = point.load()()
        except Exception as error:  # packages of others raise anything
            warnings.warn(
                f"the reader {point.name} ({point.value}) cannot be loaded and is left out: "
                f"{type(error).__name__}: {error}",
                stacklevel=2,
            )
            continue
        register(reader)


def find_reader(path: str | Path, options: ReadOptions = DEFAULT) -> Reader:
    """The reader of a file, by the file's content.

    Parameters
    ----------
    path : str or Path
        The file.
    options : ReadOptions
        What the file does not say, for readers that ask.

    Raises
    ------
    ReadError
        If the file cannot be opened or no reader knows it.
    """
    load_plugins()
    path = Path(path)
    head = first_bytes(path)
    for reader in READERS:
        # What was said may also tell that a file is the reader's own.
        if options != DEFAULT and isinstance(reader, ConfigurableReader):
            reader = reader.configured(options)
        if reader.matches(path, head):
            return reader
    if path.stat().st_size == 0:
        raise ReadError(path, "the file is empty; fetch it again")
    raise ReadError(path, what_it_is(path, head, [reader.name for reader in READERS]))


def _at_once(name: str, flags: int) -> int:
    """Open without waiting: a pipe without a writer would keep a run for ever."""
    return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))


def first_bytes(path: Path) -> bytes:
    """What readers see of a file, nothing of a store; ReadError if it cannot be opened."""
    try:
        with open(path, "rb", opener=_at_once) as stream:
            head = stream.read(HEAD_BYTES) or b""
            whole = len(head) == HEAD_BYTES or stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
    except OSError as error:
        if is_store_at(path):
            return b""
        raise ReadError(path, f"cannot be read ({error.strerror or error})") from None
    if not whole:
        raise ReadError(path, "it is a pipe or a device, no file; write it to a file first")
    return first_unpacked(path, head, HEAD_BYTES)


def expand(inputs: Inputs) -> list[Path]:
    """Files meant by a mix of files, directories and globs.

    Parameters
    ----------
    inputs : str, Path or sequence of them
        A directory stands for the files in and below it that end in one of
        :data:`DATA_ENDINGS`, Parquet tables of gasnet3 itself left out, and for the Zarr stores
        there; links are followed, each directory is read once; of a HATS catalog only its rows
        are taken. ``**`` of a glob crosses directories; ``~`` is the home directory.

    Returns
    -------
    list of Path
        Sorted, each once.

    Raises
    ------
    ReadError
        If an input means no file, or a directory cannot be listed.
    """
    files: set[Path] = set()
    for item in [inputs] if isinstance(inputs, str | Path) else inputs:
        if item == "":  # Path takes it for this directory
            raise ReadError(
                Path('""'), "an empty name: is a variable of the shell not set? . is this directory"
            )
        path = Path(item).expanduser()
        if path.is_dir() and not is_store_at(path):
            found = list(_data_below(path))
            problem = f"no file in this directory ends in {', '.join(DATA_ENDINGS)}"
        elif path.exists() or path.is_symlink():
            found, problem = [path], ""
        else:
            # Path.glob takes no absolute pattern.
            names = glob.glob(str(path), recursive=True)  # noqa: PTH207
            found = list(_matched(Path(name) for name in names))
            problem = "there is no such file or directory, and no file matches it as a glob"
        if not found:
            raise ReadError(path, f"{problem}; check the name")
        files.update(found)
    return sorted(files)


def _matched(paths: Iterable[Path]) -> Iterator[Path]:
    """Files and stores that a glob matches, not what is in a store."""
    inside = cache(lambda parent: any(map(is_store_at, (parent, *parent.parents))))
    for path in paths:
        here = path.is_file() or is_store_at(path) or not path.exists()
        if here and not inside(path.parent):
            yield path


def _data_below(directory: Path) -> Iterator[Path]:
    """Files and stores in and below a directory whose names end as those of spectra do."""
    # Not Path.rglob: of a million files it would take a quarter of a minute.
    seen: set[tuple[int, int]] = set()
    for parent, below, names in os.walk(directory, onerror=_unlisted, followlinks=True):
        state = Path(parent).stat()
        if (state.st_dev, state.st_ino) in seen:  # a link to a directory that was read already
            below.clear()
            continue
        seen.add((state.st_dev, state.st_ino))
        below.sort()
        if is_store(names):
            below.clear()
            yield Path(parent)
            continue
        rows = hats_folders(Path(parent), names)
        if rows is not None:
            below[:] = [name for name in below if name in rows]
            continue
        for name in names:
            if name.lower().endswith(DATA_ENDINGS) and not name.startswith("."):
                file = Path(parent, name)
                # A link to nothing is a file that cannot be read, and reported like one.
                if (file.is_file() or not file.exists()) and not is_no_input(file):
                    yield file


def _unlisted(error: OSError) -> None:
    raise ReadError(Path(error.filename), f"cannot be listed ({error.strerror})")


@contextmanager
def read_errors(path: Path, reader: Reader) -> Iterator[None]:
    """Make a ReadError of whatever a reader (of another package) trips over.

    A file must not stop a run of millions.
    """
    try:
        yield
    except ReadError:
        raise
    except Exception as error:
        reason = f"reader {reader.name!r} failed on it with {type(error).__name__}: {error}"
        raise ReadError(path, f"{reason}; report this to the reader's authors") from error
