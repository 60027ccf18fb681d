"""The order of strange spectra, and how marks change it."""

from __future__ import annotations

import builtins

import numpy as np
import pytest
from astropy.table import Table
from hypothesis import given
from hypothesis import strategies as st

from gasnet3.anomaly.labels import Labels, LabelsError, expected_marks, features, interest
from gasnet3.anomaly.ranking import RankingError, strangest
from gasnet3.catalog import make_catalog
from gasnet3.catalog.schema import ANOMALY_KINDS
from gasnet3.evaluate.judgements import Judgement, JudgementFile


def catalog(rows: int = 60, seed: int = 0) -> Table:
    """A catalog half of whose spectra are strange, of all kinds in turn."""
    rng = np.random.default_rng(seed)
    score = np.where(np.arange(rows) % 2 == 0, rng.uniform(2, 6, rows), rng.uniform(0, 2, rows))
    names = list(ANOMALY_KINDS)
    which = (np.arange(rows) // 2) % len(names)
    strange = score >= 2
    own = {
        f"anomaly_{name}": np.where((which == i) & strange, score, rng.uniform(0, 1.5, rows))
        for i, name in enumerate(names)
    }
    kinds = np.array([ANOMALY_KINDS[names[i]] for i in which])
    columns = {
        "id": [f"s{i:03d}" for i in range(rows)],
        "class": np.array(["STAR", "GALAXY", "QSO"])[rng.integers(0, 3, rows)],
        "z": rng.uniform(0, 1, rows),
        "znum": np.zeros(rows, int),
        "rchi2": rng.uniform(0.9, 3, rows),
        "robustness": rng.uniform(0, 1, rows),
        "sn_median": rng.uniform(3, 50, rows),
        "anomaly_score": score,
        "anomaly_kind": np.where(strange, kinds, ""),
        "anomaly_reason": np.where(strange, "it is strange at 6000 Å", ""),
        "anomaly_wave": np.where(strange, 6000.0, np.nan),
        "z_second": np.full(rows, np.nan),
        **own,
    }
    return make_catalog(columns, provenance={"gasnet3": "test"})


def marks(**told: float) -> Labels:
    return Labels(np.array(list(told)), np.array(list(told.values()), float))


def test_the_strangest_comes_first_and_ordinary_ones_not_at_all():
    table = catalog()
    found = strangest(table)
    score = np.asarray(found["anomaly_score"])
    assert (np.diff(score) <= 0).all()
    assert len(found) == (np.asarray(table["anomaly_score"]) >= 2).sum()
    assert found.meta["gasnet3"] == {"gasnet3": "test"}


def test_equal_scores_keep_the_order_of_the_catalog():
    table = catalog()
    table["anomaly_score"] = 3.0
    assert list(strangest(table)["id"]) == list(table["id"])


def test_unknown_scores_and_further_solutions_are_left_out():
    table = catalog()
    top = strangest(table)["id"][0]
    place = list(table["id"]).index(top)
    table["anomaly_score"][place] = np.nan
    assert top not in list(strangest(table)["id"])
    table = catalog()
    table["znum"][place] = 1
    assert top not in list(strangest(table)["id"])


@pytest.mark.parametrize("kind", [*ANOMALY_KINDS, *ANOMALY_KINDS.values()])
def test_one_kind_alone_by_either_name(kind):
    found = strangest(catalog(), [kind])
    assert len(found) == 6
    assert set(found["anomaly_kind"]) == {ANOMALY_KINDS.get(kind, kind)}


def test_what_cannot_be_ranked_is_told():
    table = catalog()
    with pytest.raises(ValueError, match="unknown kind 'odd': choose of defect"):
        strangest(table, ["odd"])
    # Catalogs of older versions have a score in other units, and no reason.
    table.remove_column("anomaly_reason")
    with pytest.raises(RankingError, match="no column anomaly_reason: classify the spectra again"):
        strangest(table)
    table = catalog()
    table.remove_column("id")
    with pytest.raises(RankingError, match="no column id"):
        strangest(table, labels=marks(s000=1))


def test_no_rows_are_no_trouble():
    assert len(strangest(catalog()[:0])) == 0
    assert len(strangest(catalog(), min_score=99.0, labels=marks(s000=1))) == 0


def test_spectra_like_the_marked_ones_go_up_and_down():
    table = catalog(300)
    kind = np.asarray(table["anomaly_kind"])
    yes, no = (np.asarray(table["id"])[kind == k][:4] for k in ("second redshift", "defect"))
    labels = Labels(np.concatenate([yes, no]), np.repeat([1.0, 0.0], 4))
    before, after = strangest(table), strangest(table, labels=labels)
    assert sorted(before["id"]) == sorted(after["id"])

    def mean_place(found: Table, kind: str) -> float:
        other = ~np.isin(np.asarray(found["id"]), labels.ids)
        return float(np.flatnonzero((np.asarray(found["anomaly_kind"]) == kind) & other).mean())

    assert mean_place(after, "second redshift") < mean_place(before, "second redshift") - 20
    assert mean_place(after, "defect") > mean_place(before, "defect") + 20
    told = dict(zip(after["id"], after["mark"], strict=True))
    assert [told[name] for name in yes] == ["yes"] * 4
    assert [told[name] for name in no] == ["no"] * 4
    assert (np.diff(np.asarray(after["interest"])) <= 0).all()


def test_without_marks_that_apply_the_score_stays():
    table = catalog()
    np.testing.assert_array_equal(interest(table, marks(other=1)), table["anomaly_score"])
    np.testing.assert_array_equal(
        strangest(table, labels=marks(other=1))["id"], strangest(table)["id"]
    )


def test_a_row_unlike_the_marked_one_keeps_its_score():
    table = catalog()
    own = [f"anomaly_{k}" for k in ANOMALY_KINDS]
    for name in ("class", "anomaly_kind", "sn_median", "rchi2", "robustness", *own):
        table[name][1:] = table[name][1]  # all alike, but the first
    expected = expected_marks(table, marks(s001=0))
    assert expected[0] == pytest.approx(0.5, abs=1e-3)
    assert (expected[1:] < 0.1).all()


@given(st.lists(st.tuples(st.integers(0, 70), st.booleans()), max_size=25))
def test_any_marks_give_numbers_between_zero_and_twice_the_score(told):
    table = catalog()
    names = np.array([f"s{i:03d}" for i, _ in told], dtype=np.str_)
    labels = Labels(names, np.array([float(mark) for _, mark in told]))
    first = interest(table, labels)
    score = np.asarray(table["anomaly_score"])
    assert np.isfinite(first).all()
    assert (first >= 0).all()
    assert (first <= 2 * score + 1e-9).all()
    np.testing.assert_array_equal(first, interest(table, labels))


def test_contradictory_marks_cancel():
    labels = Labels(np.array(["s000", "s000"]), np.array([0.0, 1.0]))
    assert expected_marks(catalog(), labels)[0] == pytest.approx(0.5)
    assert list(labels.of(np.array(["s000", "s001"]))) == ["both", ""]


def test_features_do_without_columns_and_values():
    table = catalog()
    table["rchi2"] = np.nan
    table.remove_columns(["robustness", "anomaly_second"])
    x = features(table)
    assert x.shape[0] == len(table)
    assert np.isfinite(x).all()
    assert np.sqrt(2 * x.var(axis=0).sum()) == pytest.approx(1.0)
    assert (features(table[:1]) == features(table[:1])).all()


def test_marks_are_read_in_every_spelling(tmp_path):
    path = tmp_path / "my.csv"
    path.write_text("id,comment,interesting\n0012,a,yes\n2,b,No\n3,,\n4,c,TRUE\n2,d,y\n")
    labels = Labels.read(path)
    assert list(labels.ids) == ["0012", "2", "4", "2"]
    assert list(labels.marks) == [1, 0, 1, 1]
    assert labels.unknown(np.array(["2", "4"])) == ["0012"]
    for text in ("id,mark\na,1\nb,0\n", "id,label\na,1.0\nb,\nc,0.0\n", "ID,Mark\na,1\nb,0\n"):
        path.write_text(text)
        assert list(Labels.read(path).marks) == [1, 0]


def test_comments_of_judgements_are_marks(tmp_path):
    path = tmp_path / "judged.csv"
    file = JudgementFile(path, "me")
    file.record(Judgement("a", quality=4, comment="Interesting: two redshifts"))
    file.record(Judgement("b", quality=2, issue="S"))
    file.record(Judgement("c", quality=3, comment="not interesting"))
    file.record(Judgement("d", quality=3, comment="uninteresting"))
    labels = Labels.read(path)
    assert dict(zip(labels.ids, labels.marks, strict=True)) == {"a": 1, "b": 0, "c": 0, "d": 0}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,kind\na,defect\n", "it needs id and interesting"),
        ("name,interesting\na,yes\n", "it needs id and interesting"),
        ("id,interesting\na,yes\nb,perhaps\n", "row 2, column interesting: perhaps is no mark"),
        ("id,mark\na,0.5\nb,1\n", "row 1, column mark: 0.5 is no mark"),
    ],
)
def test_a_bad_file_of_marks_is_told(tmp_path, text, message):
    path = tmp_path / "my.csv"
    path.write_text(text)
    with pytest.raises(LabelsError, match=message):
        Labels.read(path)


def test_without_scikit_learn_the_error_names_the_extra(monkeypatch):
    real = builtins.__import__

    def missing(name, *arguments, **keywords):
        if name.startswith("sklearn"):
            raise ModuleNotFoundError(name)
        return real(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ModuleNotFoundError, match=r"gasnet3\[anomalies\]"):
        expected_marks(catalog(), marks(s000=1))
