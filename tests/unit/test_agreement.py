"""Judgements of several people put together."""

from __future__ import annotations

import csv
import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table
from hypothesis import given, settings
from hypothesis import strategies as st

from gasnet3.evaluate.agreement import (
    CONFLICT_COLUMN,
    Conflict,
    Measured,
    Verdict,
    agreement,
    find_conflicts,
    measure,
    merge,
    read_signed,
    verdicts,
    write_conflicts,
)
from gasnet3.evaluate.judgements import Judgement, latest, read_judgements, write_judgements
from gasnet3.evaluate.truth import TruthError

NAN = float("nan")

drawn = st.builds(
    Judgement,
    id=st.sampled_from("abc"),
    scanner=st.sampled_from(["anna", "ben"]),
    quality=st.none() | st.integers(0, 4),
    cls=st.sampled_from(["", "STAR", "QSO"]),
    z=st.sampled_from([None, 0.1, 0.2]),
    comment=st.sampled_from(["", "x"]),
    time=st.sampled_from(["", "2026-01-01", "2026-01-02T00:00:00Z"]),
    extra=st.dictionaries(st.sampled_from(["MAG", "RA"]), st.sampled_from("12"), max_size=2),
)
lists = st.lists(drawn, max_size=6)


@given(lists, lists, lists)
def test_the_order_of_files_does_not_matter(
    one: list[Judgement], two: list[Judgement], three: list[Judgement]
) -> None:
    files = (one, two, three)
    assert all(merge(order) == merge(files) for order in itertools.permutations(files))
    assert merge([merge([one, two]), three]) == merge(files)


@given(lists, lists)
def test_merging_again_changes_nothing(one: list[Judgement], two: list[Judgement]) -> None:
    merged = merge([one, two])
    assert merge([merged]) == merged
    assert merge([merged, one]) == merged
    assert merge([two, merged, merged]) == merged


@given(lists, lists)
def test_nothing_is_lost(one: list[Judgement], two: list[Judgement]) -> None:
    merged = {(row.id, row.scanner): row for row in merge([one, two])}
    assert set(merged) == {(row.id, row.scanner) for row in one + two}
    for file in (one, two):
        for key, row in latest(file).items():
            assert merged[key].when >= row.when
    assert all(row in one + two for row in merged.values())


def test_columns_that_one_copy_has_are_kept() -> None:
    bare, full = Judgement("a", "anna", 4), Judgement("a", "anna", 4, extra={"MAG": "17"})
    assert merge([[full], [bare]]) == merge([[bare], [full]]) == [full]


@settings(max_examples=25)
@given(lists, lists)
def test_a_merged_file_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, one: list[Judgement], two: list[Judgement]
) -> None:
    path = tmp_path_factory.mktemp("merged") / "merged.csv"
    write_judgements(merge([one, two]), path)
    assert read_judgements(path) == merge([one, two])


def test_who_did_not_sign_is_called_as_the_file(tmp_path: Path) -> None:
    for name in ("anna", "ben"):
        (tmp_path / f"{name}.csv").write_text("id,VI_QUALITY\na,1\n")
    merged = merge([read_signed(tmp_path / f"{name}.csv") for name in ("anna", "ben")])
    assert [row.scanner for row in merged] == ["anna", "ben"]


def judged(name: str, **said: object) -> list[Judgement]:
    """One spectrum, and the quality, class and z that each person gave."""
    return [
        Judgement(name, who, quality, cls, z)
        for who, (quality, cls, z) in said.items()  # type: ignore[misc]
    ]


@pytest.mark.parametrize(
    ("anna", "ben", "differs"),
    [
        ((4, "QSO", 1.0), (4, "QSO", 1.006), ()),
        ((4, "QSO", 1.0), (4, "QSO", 1.007), ("redshift",)),
        ((4, "QSO", 1.0), (4, "GALAXY", 1.0), ("class",)),
        ((4, "QSO", 1.0), (2, "QSO", 1.0), ("quality",)),
        ((4, "QSO", 1.0), (3, "QSO", 1.0), ()),
        ((0, "STAR", 0.0), (4, "QSO", 2.0), ("class", "redshift", "quality")),
        ((None, "", None), (4, "QSO", 2.0), ()),
    ],
)
def test_conflicts(
    anna: tuple[object, ...], ben: tuple[object, ...], differs: tuple[str, ...]
) -> None:
    rows = judged("a", anna=anna, ben=ben)
    expected = [Conflict("a", differs, tuple(rows))] if differs else []
    assert find_conflicts(rows) == expected


def test_the_limit_on_redshifts_can_be_set() -> None:
    rows = judged("a", anna=(4, "QSO", 1.0), ben=(4, "QSO", 1.007))
    assert find_conflicts(rows, dz=0.01) == []


def test_agreement_is_counted() -> None:
    rows = [
        *judged("a", anna=(4, "QSO", 1.0), ben=(3, "QSO", 1.0)),
        *judged("b", anna=(4, "QSO", 1.0), ben=(1, "STAR", 1.0)),
        *judged("c", ben=(None, "STAR", 0.0)),
    ]
    result = agreement(rows, find_conflicts(rows))
    assert result.people == {"anna": 2, "ben": 3}
    assert (result.n_spectra, result.n_common, result.n_agree) == (3, 2, 1)
    assert result.n_differ == {"class": 1, "redshift": 0, "quality": 1}
    assert result.mean_quality == 3.0
    assert math.isnan(agreement([], []).mean_quality)


def test_conflicts_are_a_file_of_judgements(tmp_path: Path) -> None:
    rows = judged("=a", anna=(4, "QSO", 1.0), ben=(1, "STAR", 1.0))
    write_conflicts(find_conflicts(rows), tmp_path / "conflicts.csv")
    found = read_judgements(tmp_path / "conflicts.csv")
    assert [(row.id, row.scanner) for row in found] == [("=a", "anna"), ("=a", "ben")]
    assert {row.extra[CONFLICT_COLUMN] for row in found} == {"class quality"}
    with (tmp_path / "conflicts.csv").open(newline="") as file:
        assert {row["id"] for row in csv.DictReader(file)} == {"'=a"}


def test_verdicts_are_what_people_agree_on() -> None:
    rows = [
        *judged("a", anna=(4, "QSO", 1.0), ben=(1, "QSO", 1.002)),
        *judged("b", anna=(4, "QSO", 1.0), ben=(4, "STAR", 0.0)),
        *judged("c", anna=(None, "", None)),
    ]
    first, third = verdicts(rows)
    assert first == Verdict("a", 2.5, "QSO", 1.001)
    assert (third.id, third.cls) == ("c", "")
    assert math.isnan(third.quality)
    assert math.isnan(third.z)


def test_the_arbiter_decides() -> None:
    rows = judged("b", anna=(4, "QSO", 1.0), ben=(3, "STAR", 0.0))
    assert verdicts(rows, arbiter="ben") == [Verdict("b", 3.0, "STAR", 0.0)]


def test_a_catalog_is_measured_by_the_sure_ones() -> None:
    catalog = Table(
        {
            "id": ["a", "b", "c", "d", "e", "a"],
            "class": ["QSO", "QSO", "STAR", "QSO", "QSO", "STAR"],
            "z": [1.001, 2.0, 0.0, 1.0, NAN, 0.0],
            "zwarn": [0, 0, 4, 0, 0, 0],
            "znum": [0, 0, 0, 0, 0, 1],
        }
    )
    sure = [Verdict("a", 4, "QSO", 1.0), Verdict("b", 3, "QSO", 1.0), Verdict("c", 4, "STAR", 0.0)]
    more = [Verdict("d", 1, "QSO", 1.0), Verdict("e", 4, "QSO", 1.0), Verdict("lost", 4, "QSO", 1)]
    found = measure(catalog, [*sure, *more])
    assert (found.n_judged, found.n_sure, found.lost) == (6, 5, ("lost",))
    measured = found.classes
    assert measured["all"] == Measured(n=4, n_right=2, n_clean=3, n_clean_right=1)
    assert measured["QSO"] == Measured(n=3, n_right=1, n_clean=3, n_clean_right=1)
    assert (measured["all"].completeness, measured["all"].purity) == (1 / 4, 1 / 3)
    assert np.isnan([measured["GALAXY"].completeness, measured["STAR"].purity]).all()
    wide = measure(catalog, sure, dz=1.0).classes
    assert wide["QSO"].n_right == 2


def test_a_catalog_without_warnings_or_ids() -> None:
    catalog = Table({"id": ["a"], "class": ["QSO"], "z": [1.0]})
    assert measure(catalog, [Verdict("a", 4, "QSO", 1.0)]).classes["all"] == Measured(1, 1, 1, 1)
    assert measure(catalog, []).classes["all"] == Measured(0, 0, 0, 0)
    catalog.remove_column("id")
    with pytest.raises(TruthError, match="has no column id to match on"):
        measure(catalog, [Verdict("a", 4, "QSO", 1.0)])
