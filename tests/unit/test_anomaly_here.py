"""Scores of a catalog compared with what is ordinary among its own spectra."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.table import Table
from hypothesis import given
from hypothesis import strategies as st

from gasnet3.anomaly.here import (
    FEWEST,
    RECORD,
    instruments,
    normal_quantiles,
    of_several,
    ordinary_here,
    scores_of,
)
from gasnet3.anomaly.ranking import RankingError, strangest
from gasnet3.catalog import make_catalog
from gasnet3.catalog.schema import ANOMALY_KINDS
from gasnet3.flags import Notes

ROWS = 400


def catalog(rows: int = ROWS, shift: float = 2.4, scale: float = 1.2, **keys: list) -> Table:
    """A survey whose defects are all strange, as normal quantiles; other kinds are ordinary."""
    rng = np.random.default_rng(3)
    kinds = {kind: scores_of(rng.standard_normal(rows)) for kind in ANOMALY_KINDS}
    kinds["defect"] = scores_of(shift + scale * rng.standard_normal(rows))
    kinds["ambiguous"][::2] = np.nan
    return made(kinds, keys)


def made(kinds: dict, keys: dict) -> Table:
    rows, score = len(kinds["defect"]), of_several(kinds)
    names = list(ANOMALY_KINDS)
    largest = np.nan_to_num(np.stack([kinds[name] for name in names]), nan=-1.0).argmax(axis=0)
    strange = score >= 2
    told = np.array([ANOMALY_KINDS[names[i]] for i in largest])
    columns = {
        "id": [f"s{i:03d}" for i in range(rows)],
        "class": np.full(rows, "GALAXY"),
        "z": np.linspace(0.1, 1.0, rows),
        "znum": np.zeros(rows, int),
        "notes": np.where(strange, 3, 2),
        "anomaly_score": score,
        "anomaly_kind": np.where(strange, told, ""),
        "anomaly_reason": np.where(score >= 1, np.char.add("said of ", told), ""),
        "anomaly_wave": np.where(score >= 1, 6000.0, np.nan),
        "z_second": np.where(kinds["second"] >= 2, 0.5, np.nan),
        **{f"anomaly_{name}": values for name, values in kinds.items()},
    }
    return make_catalog(columns, keys, {"gasnet3": "test"})


def strange(table: Table) -> float:
    return float(np.mean(np.asarray(table["anomaly_score"]) >= 2))


@given(st.floats(0.01, 19.9))
def test_scores_are_what_their_quantiles_say(score: float) -> None:
    assert scores_of(normal_quantiles(np.array([score])))[0] == pytest.approx(score, rel=1e-6)


def test_what_most_of_a_survey_have_is_not_strange() -> None:
    before = catalog()
    after = ordinary_here(before)
    assert strange(before) > 0.3
    assert strange(after) < 0.03
    (group,) = after.meta["gasnet3"][RECORD]
    assert (group["group"], group["n"]) == ("all", ROWS)
    assert group["shift"]["defect"] == pytest.approx(2.4, abs=0.2)
    assert group["scale"]["defect"] == pytest.approx(1.2, abs=0.2)
    assert group["strange_before"] == round(strange(before) * ROWS)
    assert group["strange"] == round(strange(after) * ROWS)
    assert before.meta["gasnet3"] == {"gasnet3": "test"}


def test_what_stands_out_goes_on_standing_out() -> None:
    rng = np.random.default_rng(5)
    kinds = {kind: scores_of(rng.standard_normal(ROWS)) for kind in ANOMALY_KINDS}
    kinds["defect"] = scores_of(2.5 + rng.standard_normal(ROWS))
    out = np.arange(0, ROWS, 20)  # one in twenty is truly strange
    kinds["defect"][out[::2]] = scores_of(np.full(10, 7.5))
    kinds["second"][out[1::2]] = 5.0
    after = ordinary_here(made(kinds, {}))
    score = np.asarray(after["anomaly_score"])
    assert set(np.argsort(-score)[: len(out)]) == set(out)
    assert (score[out] >= 3).all()
    assert np.mean(np.delete(score, out) >= 2) < 0.03
    assert (np.argsort(kinds["defect"]) == np.argsort(after["anomaly_defect"])).all()


def test_ordinary_spectra_stay_as_they_are() -> None:
    before = catalog(shift=-0.2, scale=1.0)
    for kind in ANOMALY_KINDS:
        before[f"anomaly_{kind}"] = np.asarray(before[f"anomaly_{kind}"]) * 0.7
    after = ordinary_here(before)
    assert after.meta["gasnet3"][RECORD][0]["shift"] == {}
    for name in before.colnames:
        np.testing.assert_array_equal(before[name], after[name])


def test_few_spectra_stay_as_they_are_and_it_is_recorded() -> None:
    few, many = ["A"] * (FEWEST - 1), ["B"] * (ROWS - FEWEST + 1)
    before = catalog(telescope=few + many)
    after = ordinary_here(before)
    first, second = after.meta["gasnet3"][RECORD]
    assert (first["group"], first["n"], first["shift"]) == ("A", FEWEST - 1, {})
    assert second["shift"]
    for name in before.colnames:
        np.testing.assert_array_equal(before[name][: len(few)], after[name][: len(few)])
    assert strange(after[len(few) :]) < 0.03


def test_no_row_depends_on_the_order() -> None:
    before = catalog(telescope=["A", "B"] * (ROWS // 2))
    order = np.random.default_rng(1).permutation(ROWS)
    first, second = ordinary_here(before)[order], ordinary_here(before[order])
    for name in before.colnames:
        np.testing.assert_array_equal(first[name], second[name])


def test_all_columns_follow_the_score() -> None:
    before = catalog()
    after = ordinary_here(before)
    score = np.asarray(after["anomaly_score"])
    notes, kind = np.asarray(after["notes"]), np.asarray(after["anomaly_kind"])
    assert ((notes & Notes.ANOMALY != 0) == (score >= 2)).all()
    assert (notes & Notes.CLASS_AMBIGUOUS != 0).all()
    assert ((kind != "") == (score >= 2)).all()
    reason, wave = np.asarray(after["anomaly_reason"]), np.asarray(after["anomaly_wave"])
    assert ((reason != "") == (score >= 1)).all()
    kept = np.char.startswith(reason, "said of ")
    assert np.array_equal(np.isfinite(wave), kept)
    assert (reason[kept] == np.asarray(before["anomaly_reason"])[kept]).all()
    other = (score >= 1) & ~kept
    assert other.any()
    assert np.char.endswith(reason[other], ", beside the others of its group").all()
    strange_others = other & (score >= 2)
    assert np.char.startswith(reason[strange_others], kind[strange_others]).all()
    assert (after["anomaly_wave"].unit, after["notes"].dtype) == ("Angstrom", np.int64)
    assert (np.asarray(strangest(after)["anomaly_score"]) >= 2).all()


def test_further_solutions_and_unknown_scores_stay() -> None:
    before = catalog()
    before["znum"][7], before["anomaly_score"][7] = 1, 5.0
    before["anomaly_score"][8] = np.nan
    after = ordinary_here(before)
    for row in (7, 8):
        assert after[row]["anomaly_defect"] == before[row]["anomaly_defect"]
        assert after[row]["notes"] == before[row]["notes"]
    assert after.meta["gasnet3"][RECORD][0]["n"] == ROWS - 2


def test_instruments_are_told_by_what_the_catalog_has() -> None:
    keys = {
        "targetid": ["39627", "", "", "", ""],
        "obsid": [np.nan, 5.0, np.nan, np.nan, np.nan],
        "plate": [np.nan, np.nan, 266.0, np.nan, np.nan],
        "SURVEY": ["main", "", "", "", "VIPERS"],
        "file": list("abcde"),
    }
    table = catalog(rows=5, **keys)
    assert list(instruments(table)) == ["DESI main", "LAMOST", "SDSS", "all", "VIPERS"]
    assert list(instruments(table, "file")) == list("abcde")


@pytest.mark.parametrize("lacks", ["anomaly_defect", "notes", "z_second"])
def test_what_cannot_be_compared_is_refused(lacks: str) -> None:
    table = catalog()
    with pytest.raises(RankingError, match="no column 'field' to group by"):
        ordinary_here(table, "field")
    with pytest.raises(RankingError, match="already"):
        ordinary_here(ordinary_here(table))
    table.remove_column(lacks)
    with pytest.raises(RankingError, match=f"no column {lacks}: classify"):
        ordinary_here(table)
