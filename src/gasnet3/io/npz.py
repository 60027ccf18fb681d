"""Reader of NumPy ``.npz`` archives: any number of spectra with whatever columns they have."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from gasnet3.io.errors import ReadError
from gasnet3.spectra import Spectra

_ALIASES = {"ids": ("ids", "id", "name"), "z": ("z",), "classes": ("classes", "class", "cls")}
_PIXELS = ("flux", "ivar", "loglam", "wave", "zwarn")
RESERVED = frozenset([*_PIXELS, *(name for names in _ALIASES.values() for name in names)])
"""Array names with a meaning; no key column may have one of them."""

# What zipfile and numpy raise on damaged archives, beside BadZipFile and zlib.error.
_BROKEN = (ValueError, EOFError, OSError, KeyError, RuntimeError, NotImplementedError)


class NpzReader:
    """``.npz`` with ``flux``, ``ivar`` and ``loglam`` or ``wave`` (vacuum Å).

    Optional: ``ids`` (or ``id``, ``name``), ``z``, ``classes`` (or ``class``, ``cls``) and
    ``zwarn``. Every other 1-D array with one value a spectrum becomes a key column.
    """

    name = "npz"

    def matches(self, path: Path, head: bytes) -> bool:
        """Whether the file is a zip archive that holds an array called flux."""
        if not head.startswith(b"PK\x03\x04"):
            return False
        try:
            with zipfile.ZipFile(path) as archive:
                return "flux.npy" in archive.namelist()
        except (zipfile.BadZipFile, *_BROKEN):
            # A damaged archive is still ours if it began as one: read() says what is wrong.
            return b"flux.npy" in head

    def read(self, path: Path) -> Spectra:
        """Read all spectra of an archive.

        Returns
        -------
        Spectra
            One row a spectrum; ``file`` is added to the key columns.

        Raises
        ------
        ReadError
            If the archive is damaged, lacks flux, ivar or the wavelengths, holds pickled
            objects, or its arrays do not fit together.
        """
        try:
            with zipfile.ZipFile(path) as archive:
                arrays = {
                    info.filename.removesuffix(".npy"): _load(archive, info)
                    for info in archive.infolist()
                    if info.filename.endswith(".npy")
                }
        except (zipfile.BadZipFile, zlib.error, *_BROKEN) as error:
            raise ReadError(path, f"not a usable .npz archive ({error}); write it again") from error
        try:
            return _spectra(path, arrays)
        except (ValueError, TypeError) as error:
            raise ReadError(path, f"its arrays do not make spectra: {error}") from error


def _load(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> NDArray[Any]:
    """One member; its header is checked against its size before anything is allocated."""
    with archive.open(info) as member:
        shape, dtype, start = _array_header(member)
    expected = start + dtype.itemsize * int(np.prod(shape, dtype=object))
    if dtype.hasobject or expected != info.file_size:
        raise ValueError(f"array {info.filename} is pickled, or its size is not what it claims")
    with archive.open(info) as member:
        array: NDArray[Any] = npy.read_array(member, allow_pickle=False)
    return array


def _array_header(member: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any], int]:
    version = npy.read_magic(member)
    if version == (1, 0):
        shape, _, dtype = npy.read_array_header_1_0(member)
    else:
        shape, _, dtype = npy.read_array_header_2_0(member)
    return shape, dtype, member.tell()


def _spectra(path: Path, arrays: dict[str, NDArray[Any]]) -> Spectra:
    if not {"flux", "ivar"} <= arrays.keys():
        raise ValueError("it needs flux and ivar")
    flux = arrays["flux"]
    rows = len(flux) if flux.ndim == 2 else 1
    columns: dict[str, Any] = {}
    taken = set(_PIXELS)
    for column, names in _ALIASES.items():
        found = [name for name in names if name in arrays]
        taken |= set(found[:1])
        columns[column] = np.atleast_1d(arrays[found[0]]) if found else None
    if columns["ids"] is not None:
        columns["ids"] = columns["ids"].astype(np.str_)
    if columns["classes"] is not None:
        columns["classes"] = columns["classes"].astype(np.str_)
    others = {name: np.atleast_1d(array) for name, array in arrays.items() if name not in taken}
    meta = {
        name: array
        for name, array in others.items()
        if array.shape == (rows,) and array.dtype.kind in "biufUS"
    }
    zwarn = arrays.get("zwarn")
    return Spectra.from_arrays(
        flux,
        arrays["ivar"],
        arrays.get("wave") if "loglam" not in arrays else None,
        loglam=arrays.get("loglam"),
        **columns,
        zwarn=None if zwarn is None else np.atleast_1d(zwarn),
        meta={**meta, "file": np.full(rows, path.name)},
    )
