"""Columns of Arrow tables as arrays: lists, structures, and structures of lists or in lists."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gasnet3.io.generic.tree import capitals

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Leaf:
    """One array of a table: a column, or a field in it.

    Attributes
    ----------
    column, steps : str, tuple of str
        The column, and the fields on the way, from the outside.
    listed : bool
        Whether each row has a list of values.
    said : mapping
        Metadata of its field, by names in capitals.
    """

    column: str
    steps: tuple[str, ...]
    listed: bool
    said: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """``flux``, or ``spectrum.flux``."""
        return ".".join((self.column, *self.steps))


def leaves(schema: pa.Schema) -> list[Leaf]:
    """All arrays of a table; those of types that no role has are left out."""
    return [leaf for column in schema for leaf in _below(column, column.name, (), False)]


def said_in(metadata: Mapping[bytes, bytes] | None) -> dict[str, Any]:
    """Metadata by names in capitals."""
    return capitals({key.decode("utf-8", "replace"): v for key, v in (metadata or {}).items()})


def _below(one: pa.Field, column: str, steps: tuple[str, ...], listed: bool) -> Iterator[Leaf]:
    import pyarrow as pa

    kind, depth = one.type, 0
    while _is_list(kind):
        kind, depth = kind.value_type, depth + 1
    if pa.types.is_struct(kind) and depth + listed < 2:
        for inner in kind:
            yield from _below(inner, column, (*steps, inner.name), listed or depth > 0)
        return
    listed = listed or depth > 0
    number = _is_number(kind)
    # A second list must have one element: arrays of shape (pixels, 1).
    if depth < 3 and (number or (not listed and not pa.types.is_nested(kind))):
        yield Leaf(column, steps, listed, said_in(one.metadata))


def _is_list(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    )


def _is_number(kind: pa.DataType) -> bool:
    import pyarrow as pa

    tests = (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean, pa.types.is_decimal)
    return any(test(kind) for test in tests)


def rows_of(column: pa.ChunkedArray, leaf: Leaf) -> list[NDArray[Any]]:
    """The list of values of each row, empty where there is none; ValueError if they are lists."""
    return [row for chunk in column.chunks for row in _rows_of_chunk(chunk, leaf)]


def _rows_of_chunk(array: pa.Array, leaf: Leaf) -> list[NDArray[Any]]:
    import pyarrow.compute as pc

    steps = list(leaf.steps)
    while not _is_list(array.type):
        array = pc.struct_field(array, steps.pop(0))
    bounds, values = _unwrapped(array)
    while steps or _is_list(values.type):
        if not _is_list(values.type):
            values = pc.struct_field(values, steps.pop(0))
            continue
        inner, flat = _unwrapped(values)
        if (np.diff(inner) != 1).any():
            raise ValueError(f"column {leaf.name} has lists of lists, not of one value a pixel")
        values = flat.slice(int(inner[0]), len(values)) if len(values) else flat.slice(0, 0)
    first, last = int(bounds[0]), int(bounds[-1])
    flat_values = _to_numpy(values.slice(first, last - first))
    valid = array.is_valid().to_numpy(zero_copy_only=False)
    edges = (bounds - first).tolist()
    empty = flat_values[:0]
    return [
        flat_values[start:stop] if good else empty
        for start, stop, good in zip(edges[:-1], edges[1:], valid, strict=True)
    ]


def _unwrapped(array: pa.Array) -> tuple[NDArray[np.int64], pa.Array]:
    """Where the lists of an array begin and end among its values, shape (rows + 1,)."""
    import pyarrow as pa

    if pa.types.is_fixed_size_list(array.type):
        size = array.type.list_size
        return (array.offset + np.arange(len(array) + 1)) * size, array.values
    return np.asarray(array.offsets.to_numpy(), np.int64), array.values


def _to_numpy(values: pa.Array) -> NDArray[Any]:
    """Numbers; where there is none NaN, and of yes or no yes (a mask's bad)."""
    import pyarrow as pa

    if pa.types.is_boolean(values.type):
        values = values.fill_null(True)
    elif pa.types.is_decimal(values.type):
        values = values.cast(pa.float64())
    found: NDArray[Any] = values.to_numpy(zero_copy_only=False)
    return found


def values_of(column: pa.ChunkedArray, leaf: Leaf, *, gaps: bool) -> NDArray[Any]:
    """One number or text a row; missing numbers are NaN, missing texts ''.

    Where any row of the file may have none (``gaps``), whole numbers are float64, and texts where
    that cannot hold all of them, whichever rows these are.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    for step in leaf.steps:
        column = pc.struct_field(column, step)
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_integer(column.type) and gaps:
        column = column.cast(pa.string() if column.type.bit_width > 32 else pa.float64())
    if _is_number(column.type):
        return _to_numpy(column.combine_chunks()) if column.num_chunks else np.zeros(0)
    if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        return np.array([value or b"" for value in column.to_pylist()], np.bytes_)
    return np.array(["" if v is None else str(v) for v in column.to_pylist()], np.str_)


def paths_of(stored: Mapping[str, str], wanted: Sequence[Leaf]) -> list[str]:
    """Which of the columns that Parquet stores make up the arrays.

    ``stored`` has paths, as ``spectrum.list.item.z``, with the column that each belongs to.
    """
    chosen = []
    for path, column in stored.items():
        for leaf in wanted:
            parts = iter(path.removeprefix(column).split("."))
            if leaf.column == column and all(step in parts for step in leaf.steps):
                chosen.append(path)
                break
    return chosen


def column_of(path: str, names: Collection[str]) -> str:
    """The column of a table that a stored path belongs to: names may have points themselves."""
    steps = path.split(".")
    heads = (".".join(steps[:count]) for count in range(len(steps), 0, -1))
    return next((head for head in heads if head in names), path)
