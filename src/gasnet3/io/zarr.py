"""Zarr stores of spectra, of version 2 and 3: directories, or zip archives of them."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from gasnet3.io.errors import ReadError
from gasnet3.io.generic.tree import MAX_ARRAYS, Array, Tree, TreeReader, capitals
from gasnet3.io.state import STORE_FILES, is_store_at

ZIP_MAGIC = b"PK\x03\x04"
_DEEPEST = 6


class ZarrReader(TreeReader):
    """Zarr stores with arrays called flux, wave, ivar and so on, in the root or in a group.

    A store is a directory or a zip archive, of format 2 or 3, its metadata consolidated or not;
    xarray writes them, too. Only the chunks with the rows asked for are read.
    """

    name = "zarr"

    def matches(self, path: Path, head: bytes) -> bool:
        """Whether it is a directory with the metadata of a store, or a zip archive of one."""
        if head.startswith(ZIP_MAGIC):
            try:
                return _root_in_zip(path) is not None
            except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile):
                return False
        return not head and is_store_at(path)

    @contextmanager
    def tree(self, path: Path) -> Iterator[Tree]:
        """The arrays of the store, while it is open."""
        try:
            import zarr
        except ImportError:
            raise ReadError(path, "Zarr needs a library: pip install 'gasnet3[zarr]'") from None
        if path.is_dir():
            yield _tree(zarr.open(str(path), mode="r"))
            return
        root = _root_in_zip(path) or ""
        store = zarr.storage.ZipStore(path, mode="r")
        try:
            yield _tree(zarr.open(store, path=root, mode="r"))
        finally:
            store.close()


def _root_in_zip(path: Path) -> str | None:
    """Where in an archive the store is: at its root, or in the one directory it has."""
    with zipfile.ZipFile(path) as archive:
        names = [PurePosixPath(name) for name in archive.namelist()]
    roots = {name.parent for name in names if name.name in STORE_FILES}
    highest = sorted(roots, key=lambda root: len(root.parts))[:1]
    if not highest or len(highest[0].parts) > 1:
        return None
    return "" if not highest[0].parts else str(highest[0])


def _tree(root: Any) -> Tree:
    import zarr

    if isinstance(root, zarr.Array):
        raise ValueError("it is one array, not a group of them")
    arrays: list[Array] = []
    attributes: dict[str, dict[str, Any]] = {}
    _collect(root, "", arrays, attributes)
    return Tree(arrays, attributes)


def _collect(
    group: Any, path: str, arrays: list[Array], attributes: dict[str, dict[str, Any]]
) -> None:
    attributes[path] = capitals(dict(group.attrs))
    for name, item in sorted(group.arrays()):
        if len(arrays) >= MAX_ARRAYS:
            return
        array = _array(item, f"{path}/{name}" if path else name)
        if array is not None:
            arrays.append(array)
    if path.count("/") < _DEEPEST:
        for name, item in sorted(group.groups()):
            _collect(item, f"{path}/{name}" if path else name, arrays, attributes)


def _array(item: Any, path: str) -> Array | None:
    """An array of numbers or texts; None where it is of something else."""
    kind = item.dtype.kind
    if 0 in item.shape or kind not in "biufSUTO":
        return None
    shape, attributes = tuple(item.shape), capitals(dict(item.attrs))
    if kind in "biuf":
        return Array(path, shape, "number", lambda part: np.asarray(_get(item, part)), attributes)
    return Array(path, shape, "text", lambda part: _texts(_get(item, part)), attributes)


def _get(item: Any, part: slice) -> Any:
    return item[part] if item.shape else item[()]


def _texts(values: Any) -> Any:
    if getattr(values, "dtype", np.dtype("O")).kind == "S":
        values = np.char.decode(values, "utf-8", "replace")
    listed = np.atleast_1d(np.asarray(values, object))
    return np.array(
        [
            one.decode("utf-8", "replace") if isinstance(one, bytes) else str(one)
            for one in listed.ravel()
        ]
    )
