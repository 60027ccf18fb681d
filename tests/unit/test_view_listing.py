"""The rows of the app: filtered, ordered, a page at a time."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.table import Table
from hypothesis import given
from hypothesis import strategies as st

from gasnet3 import CLASSES, Notes, ZWarn
from gasnet3.view.listing import SORTS, STRANGEST, Filter, Listing


def listing(n: int = 6) -> Listing:
    classes = [CLASSES[i % 3] for i in range(n)]
    return Listing(
        Table(
            {
                "id": [f"Plate-{i}" for i in range(n)],
                "class": classes,
                "z": np.arange(n) / 10,
                "zwarn": [0, 0, int(ZWarn.SKY)] * (n // 3),
                "notes": [0, int(Notes.ANOMALY), 0] * (n // 3),
                "sn_median": np.where(np.arange(n) == 4, np.nan, np.arange(n)),
                "anomaly_score": np.where(np.arange(n) == 0, np.nan, np.arange(n) % 5),
                "anomaly_kind": ["", "defect", ""] * (n // 3),
            }
        )
    )


@pytest.mark.parametrize(
    ("chosen", "rows"),
    [
        (Filter(), [0, 1, 2, 3, 4, 5]),
        (Filter(classes=("QSO", "STAR")), [0, 2, 3, 5]),
        (Filter(kinds=("defect",)), [1, 4]),
        (Filter(flags=("SKY", "NODATA")), [2, 5]),
        (Filter(flags=("ANOMALY",)), [1, 4]),
        (Filter(flags=("SKY", "ANOMALY")), [1, 2, 4, 5]),
        (Filter(clean=True), [0, 1, 3, 4]),
        (Filter(sn=(3, np.inf)), [3, 5]),
        (Filter(z=(0.1, 0.3)), [1, 2, 3]),
        (Filter(score=(2, np.inf)), [2, 3, 4]),
        (Filter(text=" PLATE-3 "), [3]),
        (Filter(judged=True), [1]),
        (Filter(judged=False, classes=("GALAXY",)), [4]),
        (Filter(text="elsewhere"), []),
        (Filter(disputed=True), [2, 4]),
    ],
)
def test_what_passes_a_filter(chosen: Filter, rows: list[int]) -> None:
    assert (
        listing().rows(chosen, judged=["Plate-1"], disputed=["Plate-2", "Plate-4", "gone"]).tolist()
        == rows
    )


@given(st.sampled_from(list(SORTS)), st.sets(st.sampled_from(CLASSES)))
def test_an_order_moves_rows_and_loses_none(sort: str, classes: set[str]) -> None:
    rows = listing().rows(Filter(classes=tuple(classes)), sort)
    assert sorted(rows) == listing().rows(Filter(classes=tuple(classes))).tolist()


def test_what_is_not_known_comes_last() -> None:
    assert listing().rows(Filter(), STRANGEST).tolist() == [4, 3, 2, 1, 5, 0]


def test_only_the_best_solutions_are_listed() -> None:
    table = Table({"id": ["a", "a", "b"], "class": ["QSO"] * 3, "z": [1.0, 2, 3]})
    table["znum"] = [0, 1, 0]
    assert Listing(table).ids.tolist() == ["a", "b"]


def test_a_catalog_may_lack_what_is_not_required() -> None:
    bare = Listing(Table({"id": ["a"], "class": ["QSO"], "z": [1.0]}))
    assert np.isnan(bare.value(0, "anomaly_score"))
    assert bare.value(0, "anomaly_reason") == ""
    assert bare.value(0, "zwarn") == 0
    assert bare.value(0, "notes") == 0
    assert bare.rows(Filter(score=(1, np.inf))).tolist() == []


def test_notes_in_words_are_somebody_elses() -> None:
    table = Table({"id": ["a"], "class": ["QSO"], "z": [1.0], "notes": ["nice"]})
    assert Listing(table).bits("notes").tolist() == [0]
    assert Listing(table).rows(Filter(flags=("ANOMALY",))).tolist() == []
