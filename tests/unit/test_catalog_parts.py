"""A catalog written part by part is the file that the whole table gives, to the byte."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from weakref import ref

import numpy as np
import pytest
from astropy.table import Table
from hypothesis import given, settings
from hypothesis import strategies as st

from gasnet3.catalog import layout, make_catalog, read_catalog, write_catalog, write_parts

FORMS = [
    (ending, dialect)
    for ending in ("parquet", "fits", "csv", "vot")
    for dialect in ("native", "sdss", "redrock")
]


def table(rows: int, ids: str = "") -> Table:
    columns = {
        "id": [f"{ids}{row}" for row in range(rows)],
        "class": (["QSO", "", "GALAXY"] * rows)[:rows],
        "z": np.linspace(0.0, 3.0, rows),
        "coeff": np.arange(2.0 * rows).reshape(rows, 2),
        "delta_chi2": np.where(np.arange(rows) % 2, np.nan, 3.0),
        "dof": np.arange(rows),
    }
    keys = {
        "plate": np.arange(rows),
        "name": ["é" * (row % 4) for row in range(rows)],
        "good": np.arange(rows) % 2 == 0,
        "mag": np.ones((rows, 5), np.float32) / 3,
    }
    return make_catalog(columns, keys, {"version": "0.1.0", "solver": "hybrid"})


def pieces(whole: Table, cuts: list[int]) -> list[Table]:
    edges = [0, *sorted(cuts), len(whole)]
    return [whole[start:stop] for start, stop in pairwise(edges)]


@settings(max_examples=40)
@given(
    form=st.sampled_from(FORMS),
    ids=st.sampled_from(["", "spec-"]),
    rows=st.integers(0, 12),
    block=st.integers(1, 13),
    data=st.data(),
)
def test_bytes_do_not_depend_on_the_parts(
    tmp_path: Path, form: tuple[str, str], ids: str, rows: int, block: int, data: st.DataObject
) -> None:
    whole = table(rows, ids)
    cuts = data.draw(st.lists(st.integers(0, rows), max_size=5))
    one, many = (tmp_path / f"{name}.{form[0]}" for name in ("one", "many"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layout.Layout.blocks, "__defaults__", (block,))
        write_catalog(whole, one, form[1])
        write_parts(pieces(whole, cuts), many, form[1])
    assert many.read_bytes() == one.read_bytes()


def keyed(**keys: object) -> Table:
    columns = {"id": ["a"], "class": ["QSO"], "z": [1.0]}
    return make_catalog(columns, {name: [value] for name, value in keys.items()})


BIG = 39627640566453451


@pytest.mark.parametrize("ending", ["parquet", "fits", "csv", "vot"])
def test_key_columns_of_unlike_parts_are_united(tmp_path: Path, ending: str) -> None:
    parts = [
        keyed(plate=5, field="a", n=np.int16(1), target=BIG, mixed=2.5),
        keyed(plate="x", n=BIG, ra=1.5, mixed=BIG),
        keyed(plate=7.5, field="b", n=True, target=-BIG, mixed=1, few=3),
    ]
    path = tmp_path / f"out.{ending}"
    write_parts(parts, path)
    got = read_catalog(path)
    assert got.colnames[3:] == ["plate", "field", "n", "target", "mixed", "ra", "few"]
    assert got["plate"].tolist() == ["5", "x", "7.5"]
    assert got["field"].tolist() == ["a", "", "b"]
    assert got["n"].tolist() == [1, BIG, 1]
    assert got["target"].tolist() == [str(BIG), "", str(-BIG)]
    assert got["mixed"].tolist() == ["2.5", str(BIG), "1"]
    np.testing.assert_array_equal(got["ra"], [np.nan, 1.5, np.nan])
    np.testing.assert_array_equal(got["few"], [np.nan, np.nan, 3])


def test_a_column_of_two_shapes_is_named(tmp_path: Path) -> None:
    parts = [keyed(mag=[1.0, 2.0]), keyed(mag=1.0)]
    with pytest.raises(ValueError, match="'mag': it has one value a row in one place and 2 values"):
        write_parts(parts, tmp_path / "out.csv")
    assert list(tmp_path.iterdir()) == []


def test_nothing_to_write_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no table"):
        write_parts([], tmp_path / "out.csv")


def test_provenance_tells_all_that_differs(tmp_path: Path) -> None:
    parts = [make_catalog(dict(keyed()), provenance={"torch": v, "n": 1}) for v in ("2", "3", "2")]
    write_parts(parts, tmp_path / "out.parquet")
    assert read_catalog(tmp_path / "out.parquet").meta["gasnet3"] == {"torch": ["2", "3"], "n": 1}


def test_parts_are_held_one_at_a_time(tmp_path: Path) -> None:
    alive: list[ref[Table]] = []
    held: list[int] = []

    class Parts:
        def __iter__(self) -> Iterator[Table]:
            for _ in range(5):
                part = table(3)
                held.append(sum(one() is not None for one in alive))
                alive.append(ref(part))
                yield part

    write_parts(Parts(), tmp_path / "out.fits")
    assert max(held) <= 2
    assert len(held) == 15  # columns, widths of the text, rows
    assert len(read_catalog(tmp_path / "out.fits")) == 15
