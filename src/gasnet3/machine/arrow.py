"""Columns of Arrow from NumPy's and back: what pyarrow has for it would import pandas."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def arrow_column(values: NDArray[Any], *, nan_is_null: bool = False) -> Any:
    """A column as an array of Arrow; several numbers a row as lists of that many.

    Parameters
    ----------
    values : ndarray of bool, integers, floats or str, shape (rows,) or (rows, k)
        The column; text has one value a row.
    nan_is_null : bool
        Whether NaN is to count as nothing.
    """
    if values.ndim == 2:
        flat = arrow_column(np.ascontiguousarray(values).ravel(), nan_is_null=nan_is_null)
        return pa.FixedSizeListArray.from_arrays(flat, values.shape[1])
    if values.dtype.kind == "U":
        return arrow_text(values.tolist())
    known = (
        pa.py_buffer(_bits(~np.isnan(values))) if nan_is_null and values.dtype.kind == "f" else None
    )
    native = np.ascontiguousarray(values, values.dtype.newbyteorder("="))
    held = _bits(native) if values.dtype.kind == "b" else native
    return pa.Array.from_buffers(
        pa.from_numpy_dtype(values.dtype), len(values), [known, pa.py_buffer(held)]
    )


def arrow_text(items: Iterable[str]) -> Any:
    """A column of text, of less than 2 GB."""
    encoded = [item.encode() for item in items]
    ends = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
    if ends[-1] > np.iinfo(np.int32).max:
        raise ValueError(
            "a column of text has more than 2 GB in one block; write fewer rows at once"
        )
    held = pa.py_buffer(b"".join(encoded))
    return pa.StringArray.from_buffers(len(encoded), pa.py_buffer(ends.astype(np.int32)), held)


def text_items(column: Any) -> list[str]:
    """A column of text of a table of Arrow, '' for nothing; ``to_pylist`` would import pandas.

    UnicodeDecodeError if it is not UTF-8.
    """
    found: list[str] = []
    for chunk in column.chunks:
        known = chunk.fill_null("") if chunk.null_count else chunk
        _, ends, held = known.buffers()
        wide = pa.types.is_large_string(known.type)
        places = np.frombuffer(ends or b"", np.int64 if wide else np.int32)
        places = places[known.offset : known.offset + len(known) + 1].tolist()
        data = b"" if held is None else held.to_pybytes()
        found += [data[start:stop].decode() for start, stop in pairwise(places)]
    return found


def numbers_of(column: Any) -> NDArray[Any]:
    """A column of numbers or of yes and no as an array of NumPy's; NaN for no number."""
    kind = column.type
    if column.null_count or not (
        pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind)
    ):
        return np.asarray(column.to_numpy())
    parts = [np.zeros(0, kind.to_pandas_dtype())]
    for chunk in column.chunks:
        held = np.frombuffer(chunk.buffers()[1] or b"", np.uint8)
        flags = pa.types.is_boolean(kind)
        values = np.unpackbits(held, bitorder="little") if flags else held
        parts.append(values.view(parts[0].dtype)[chunk.offset : chunk.offset + len(chunk)])
    return np.concatenate(parts)


def _bits(flags: NDArray[np.bool_]) -> NDArray[np.uint8]:
    return np.packbits(flags, bitorder="little")
