"""Zarr stores of spectra, of version 2 and 3: directories, or zip archives of them."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from gasnet3.io.errors import ReadError
from gasnet3.io.generic.roles import RolesError
from gasnet3.io.generic.tree import (
    Array,
    Tree,
    TreeReader,
    capitals,
    check_number,
    number_loader,
    text_loader,
)
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
                return bool(_nodes_in_zip(path))
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
            yield _tree(zarr.open(str(path), mode="r"), sorted(_nodes_below(path)))
            return
        nodes = _nodes_in_zip(path)
        root = min(nodes, key=lambda node: len(node.parts))
        store = zarr.storage.ZipStore(path, mode="r")
        try:
            group = zarr.open_group(store, path=str(root) if root.parts else "", mode="r")
            yield _tree(group, sorted(str(node.relative_to(root)) for node in nodes - {root}))
        finally:
            store.close()


def _nodes_in_zip(path: Path) -> set[PurePosixPath]:
    """Groups and arrays below the root of an archive, or below the one directory it has.

    ValueError if it is no archive of one store.
    """
    with zipfile.ZipFile(path) as archive:
        names = [PurePosixPath(name) for name in archive.namelist()]
    nodes = {name.parent for name in names if name.name in STORE_FILES}
    root = min(nodes, key=lambda node: len(node.parts), default=None)
    if root is None or len(root.parts) > 1 or any(not one.is_relative_to(root) for one in nodes):
        raise ValueError("it is no archive of one Zarr store")
    return nodes


def _nodes_below(directory: Path, inside: str = "") -> Iterator[str]:
    """Groups and arrays below a store; the library would look for them among all chunks."""
    with os.scandir(directory) as listed:
        # Chunks lie in directories, too, of one letter or named by numbers.
        names = [entry.name for entry in listed if entry.is_dir() and not entry.name.isdigit()]
    for name in names:
        if is_store_at(directory / name):
            yield f"{inside}{name}"
            if inside.count("/") < _DEEPEST:
                yield from _nodes_below(directory / name, f"{inside}{name}/")


def _tree(root: Any, nodes: list[str]) -> Tree:
    """What the nodes of a store hold."""
    import zarr

    check_number(nodes)
    if isinstance(root, zarr.Array):
        raise RolesError("it is one array: put it into a group with its wavelengths and errors")
    arrays: list[Array] = []
    attributes = {"": capitals(dict(root.attrs))}
    for node in nodes:
        item = root[node]
        if not isinstance(item, zarr.Array):
            attributes[node] = capitals(dict(item.attrs))
        else:
            arrays.append(_array(item, node))
    return Tree(arrays, attributes)


def _array(item: Any, path: str) -> Array:
    """An array of numbers or texts, or of something else."""
    kind, shape, said = item.dtype.kind, tuple(item.shape), capitals(dict(item.attrs))
    if 0 in shape or kind not in "biufSUTO":
        return Array(path, shape, "other")
    number = kind in "biuf"
    load = number_loader(item, shape, said) if number else text_loader(item, shape)
    return Array(path, shape, "number" if number else "text", load, said)
