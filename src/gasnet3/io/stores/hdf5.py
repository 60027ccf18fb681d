"""HDF5 files of spectra: those of the Multimodal Universe, of Astropy, and any other."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gasnet3.io.errors import ReadError
from gasnet3.io.generic.gaps import units_in
from gasnet3.io.generic.tree import (
    Array,
    Tree,
    TreeReader,
    capitals,
    check_number,
    number_loader,
    text_loader,
    transposed,
)

if TYPE_CHECKING:
    import h5py

MAGIC = b"\x89HDF\r\n\x1a\n"
_DEEPEST = 6
_COLUMN_META = "__table_column_meta__"
# Deflate, the best of the usual filters, cannot shrink by more.
_MOST_COMPRESSED = 1100


class Hdf5Reader(TreeReader):
    """HDF5 files with arrays called flux, wave, ivar and so on, in the root or in a group.

    That is the layout of the Multimodal Universe (``spectrum_flux``, ``spectrum_lambda``,
    ``object_id``, ...: The Multimodal Universe Collaboration 2024, arXiv:2412.02527), of the
    tables that Astropy writes, of MATLAB 7.3 and netCDF 4, and of many people's own files. The
    file is opened for each read and only the rows asked for are read.
    """

    name = "hdf5"

    def matches(self, path: Path, head: bytes) -> bool:
        """Whether HDF5's signature is where it may be: at 0, 512, 1024, 2048, ..."""
        at = 0
        while at < len(head):
            if head.startswith(MAGIC, at):
                return True
            at = max(512, 2 * at)
        return False

    @contextmanager
    def tree(self, path: Path) -> Iterator[Tree]:
        """The datasets of the file, while it is open."""
        try:
            import h5py
        except ImportError:
            raise ReadError(path, "HDF5 needs h5py: pip install 'gasnet3[hdf5]'") from None
        # Open for one read only: neither threads nor forked processes may share it.
        with h5py.File(path, "r", locking=False) as file:
            arrays: list[Array] = []
            attributes: dict[str, dict[str, Any]] = {}
            _collect(file, "", arrays, attributes)
            yield Tree(arrays, attributes)


def _collect(
    group: h5py.Group, path: str, arrays: list[Array], attributes: dict[str, dict[str, Any]]
) -> None:
    """Datasets of a group and of those in it; links to other files are not followed."""
    import h5py

    attributes[path] = _said(group)
    for name in group:
        check_number(arrays)
        if isinstance(group.get(name, getlink=True), h5py.ExternalLink):
            continue
        item = group.get(name)
        inside = f"{path}/{name}" if path else name
        if isinstance(item, h5py.Dataset):
            arrays += _arrays(item, inside)
        elif isinstance(item, h5py.Group) and inside.count("/") < _DEEPEST:
            _collect(item, inside, arrays, attributes)


def _arrays(dataset: h5py.Dataset, path: str) -> list[Array]:
    """The array of a dataset, or those of the fields of a table."""
    try:
        dtype, shape = dataset.dtype, dataset.shape
    except TypeError:
        # Of a type that numpy does not have, as times.
        return [Array(path, (), "other")]
    said = _said(dataset)
    if dataset.is_virtual or dataset.external:
        # Its numbers lie in other files, which a file must not make us open.
        return [Array(path, (), "other")]
    if dtype.names is None or len(shape) != 1:
        return [_array(dataset, path, dtype, shape, said, dataset)]
    units = _astropy_units(dataset)
    return [
        _array(
            dataset,
            f"{path}/{name}",
            dtype[name].base,
            shape + dtype[name].shape,
            {**said, "UNIT": units.get(name, "")},
            dataset.fields(name),
        )
        for name in dtype.names
    ]


def _said(item: h5py.Group | h5py.Dataset) -> dict[str, Any]:
    """Attributes, but for those of types that numpy does not have."""
    found = {}
    for name in item.attrs:
        with contextlib.suppress(TypeError):
            found[name] = item.attrs[name]
    return capitals(found)


def _array(
    dataset: h5py.Dataset,
    path: str,
    dtype: np.dtype[Any],
    shape: tuple[int, ...] | None,
    said: dict[str, Any],
    view: Any,
) -> Array:
    """An array of numbers, texts or rows, or of something else."""
    import h5py

    inner = h5py.check_vlen_dtype(dtype)
    if shape is None or 0 in shape:
        return Array(path, shape or (), "other")
    if h5py.check_string_dtype(dtype) is not None:
        return Array(path, shape, "text", text_loader(view, shape), said)
    if inner is not None and inner.kind in "biuf" and len(shape) == 1:
        return Array(path, shape, "rows", lambda part: list(view[part]), said)
    if dtype.kind not in "biuf" or said.get("MATLAB_CLASS") in ("char", "cell"):
        return Array(path, shape, "other")
    load = number_loader(view, shape, said)
    array = Array(path, shape, "number", load, said, _is_stored(dataset))
    return transposed(array) if "MATLAB_CLASS" in said and len(shape) == 2 else array


def _is_stored(dataset: h5py.Dataset) -> bool:
    """Whether so many elements can have been written: damage must not claim a billion rows."""
    stored = dataset.id.get_storage_size()
    return bool(dataset.nbytes <= max(stored * _MOST_COMPRESSED, 1 << 16))


def _astropy_units(dataset: h5py.Dataset) -> dict[str, str]:
    """Units of the columns of a table that Astropy wrote."""
    beside = dataset.parent.get(f"{dataset.name.rpartition('/')[2]}.{_COLUMN_META}")
    if beside is None:
        return {}
    return units_in([line.decode("utf-8", "replace") for line in beside[()]])
