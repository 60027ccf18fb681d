"""Columns of unlike batches."""

import numpy as np
import pytest

from gasnet3.spectra.joining import join_column


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (([1], [2]), [1, 2]),
        (([1], [2.5]), [1.0, 2.5]),
        (([True], None), [1.0, np.nan]),
        ((None, ["a"]), ["", "a"]),
        (([5], None, ["x"]), ["5", "", "x"]),
        (([np.nan], ["x"]), ["", "x"]),
        (([b"a"], [b"bc"]), [b"a", b"bc"]),
        (([b"a"], None), ["a", ""]),
        (([b"a"], [1]), ["a", "1"]),
        (([2**60 + 1], None), [str(2**60 + 1), ""]),
        (([2**60 + 1], [0.5]), [str(2**60 + 1), "0.5"]),
        (([2**60 + 1], [True]), [2**60 + 1, 1]),
        (([[1, 2]], None), [[1, 2], [np.nan, np.nan]]),
        (([np.datetime64("2026-01-02")], None), ["2026-01-02", ""]),
    ],
)
def test_what_holds_both(parts, expected):
    arrays = [None if part is None else np.array(part) for part in parts]
    joined = join_column(arrays, [1] * len(parts))
    assert joined.dtype.kind == np.array(expected).dtype.kind
    np.testing.assert_array_equal(joined, np.array(expected))


def test_text_does_not_depend_on_what_was_joined_first():
    parts = [np.array([5]), None, np.array(["x"]), np.array([2.5, 7.0])]
    rows = [1, 1, 1, 2]
    at_once = join_column(parts, rows)
    for middle in (1, 2, 3):
        halves = [join_column(parts[:middle], rows[:middle])]
        halves.append(join_column(parts[middle:], rows[middle:]))
        joined = join_column(halves, [sum(rows[:middle]), sum(rows[middle:])])
        assert joined.tolist() == at_once.tolist() == ["5", "", "x", "2.5", "7"]


def test_a_batch_without_rows_changes_nothing():
    assert join_column([np.array([7]), None], [1, 0]).dtype == np.int64
    assert join_column([np.array([7], np.int16)], [1]).dtype == np.int16


def test_unlike_shapes_are_told():
    with pytest.raises(ValueError, match="3 values a row in one place and one value in another"):
        join_column([np.zeros(2), np.zeros((2, 3))], [2, 2])
