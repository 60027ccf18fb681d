"""Columns of Arrow from NumPy's and back are those that pyarrow itself makes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from gasnet3.machine.arrow import arrow_column, numbers_of, text_items

COLUMNS = [
    np.array(["a", "é", "", "long €"]),
    np.array([], np.str_),
    np.arange(5, dtype=np.int32),
    np.array([1.5, np.inf, -2.0]),
    np.zeros(0),
    np.array([True, False, True] * 7),
    np.zeros(0, np.bool_),
]


@pytest.mark.parametrize("values", COLUMNS, ids=lambda v: f"{v.dtype}-{len(v)}")
def test_there_and_back(values: NDArray[Any]) -> None:
    made = arrow_column(values)
    made.validate(full=True)
    assert made.type == pa.array(values).type
    assert made.equals(pa.array(values))
    twice = pa.chunked_array([made, made])
    for some in (twice, twice.slice(1), twice.slice(1, 2), twice.slice(len(values))):
        if values.dtype.kind == "U":
            assert text_items(some) == some.to_pylist()
        else:
            back = numbers_of(some)
            assert back.dtype == values.dtype
            np.testing.assert_array_equal(back, some.to_numpy())


def test_what_is_no_number_may_be_nothing() -> None:
    values = np.array([1.0, np.nan, 3.0])
    assert arrow_column(values, nan_is_null=True).equals(pa.array(values, from_pandas=True))
    assert arrow_column(values).null_count == 0


def test_several_numbers_a_row_and_the_order_of_bytes() -> None:
    values = np.arange(6.0).reshape(3, 2)
    assert arrow_column(values).to_pylist() == values.tolist()
    assert arrow_column(values.astype(">f8")).to_pylist() == values.tolist()


def test_no_text_is_empty_text() -> None:
    assert text_items(pa.chunked_array([["a", None], [None, "é"]])) == ["a", "", "", "é"]
    assert text_items(pa.chunked_array([], pa.string())) == []
    assert text_items(pa.chunked_array([pa.array(["x", "y"], pa.large_string())])) == ["x", "y"]
