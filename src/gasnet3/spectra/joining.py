"""A column of several batches becomes one, whatever its type in each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

EXACT = 2**53
"""Integers up to here are whole as float64; a DESI TARGETID is not."""


@dataclass
class JoinedType:
    """The type that holds a column of all batches, found one batch after the other.

    Text where one batch has text; otherwise numpy's common type. Integers become float64 where
    the column is missing in a batch (NaN) or holds other floats, and text if that would change
    one of them.
    """

    dtypes: set[np.dtype[Any]] = field(default_factory=set)
    shape: tuple[int, ...] | None = None
    rows: int = 0
    largest: int = 0

    def see(self, data: NDArray[Any]) -> None:
        """Take note of the column of one batch, shape (rows,) or (rows, k).

        ValueError if an earlier batch has another number of values a row.
        """
        if self.shape not in (None, data.shape[1:]):
            raise ValueError(
                f"it has {_values(data.shape[1:])} a row in one place and {_values(self.shape)} "
                "in another; give it one shape in all files"
            )
        self.shape = data.shape[1:]
        self.dtypes.add(data.dtype)
        self.rows += len(data)
        if data.dtype.kind in "iu" and data.size:
            self.largest = max(self.largest, int(data.max()), -int(data.min()))

    def dtype(self, rows: int) -> np.dtype[Any]:
        """The type that holds all batches of ``rows`` rows in all."""
        types = {np.dtype(np.float64)} if self.rows < rows else set()
        if all(known.kind in "biuf" for known in self.dtypes):
            joined = np.result_type(*self.dtypes, *types)
            changed = joined.kind == "f" and self.largest > EXACT
            return np.dtype(np.str_) if changed else joined
        if len({known.kind for known in self.dtypes}) > 1 or types:
            return np.dtype(np.str_)
        return np.result_type(*self.dtypes)

    def cast(self, data: NDArray[Any] | None, rows: int, dtype: np.dtype[Any]) -> NDArray[Any]:
        """The column of one batch in the joint type; NaN or '' in all rows where it is None."""
        text = dtype.kind == "U"
        if data is None:
            return np.full((rows, *(self.shape or ())), "" if text else np.nan, dtype)
        if not text:
            return data.astype(dtype, copy=False)
        if data.dtype.kind == "S":
            return np.char.decode(data, "utf-8", "replace")
        if data.dtype.kind == "f":
            # Where a value is missing integers have become floats, and must not show it: the
            # text would depend on which batches were joined first.
            whole = [item.removesuffix(".0") for item in data.astype(np.str_).ravel()]
            return np.where(np.isnan(data), "", np.reshape(np.array(whole, np.str_), data.shape))
        return data.astype(np.str_)


def join_column(parts: Sequence[NDArray[Any] | None], rows: Sequence[int]) -> NDArray[Any]:
    """One column of several batches, filled with NaN or '' where a batch lacks it (None).

    ``rows`` are the lengths of the batches; see :class:`JoinedType` for the type. ValueError if
    batches have different numbers of values a row.
    """
    joined = JoinedType()
    for part in parts:
        if part is not None:
            joined.see(part)
    dtype = joined.dtype(sum(rows))
    return np.concatenate(
        [joined.cast(part, length, dtype) for part, length in zip(parts, rows, strict=True)]
    )


def _values(shape: tuple[int, ...] | None) -> str:
    return "one value" if not shape else f"{'x'.join(map(str, shape))} values"
