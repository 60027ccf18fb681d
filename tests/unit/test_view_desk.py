"""What the page of the app is answered, without a browser."""

from __future__ import annotations

import base64
import json
import math
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from astropy.table import Table
from hypothesis import given
from hypothesis import strategies as st

from gasnet3.evaluate.judgements import Judgement, JudgementError, JudgementFile
from gasnet3.view.desk import PAGE, Desk
from gasnet3.view.listing import STRANGEST, Listing
from gasnet3.view.payload import FIRST, KEYS_OF_LINES, WINDOWS, packed, within
from gasnet3.view.says import differs, of_row, why
from gasnet3.view.shared import Shared
from inspected import Known, catalog, closeup

FLOATS = st.lists(st.floats(allow_nan=False, width=32), max_size=50)


@pytest.fixture
def file(tmp_path: Path) -> JudgementFile:
    return JudgementFile(tmp_path / "mine.csv", "anna")


def desk(file: JudgementFile, table: Table | None = None, *colleagues: Judgement) -> Desk:
    known = catalog()[1] if table is None else Known({})
    made = Listing(catalog()[0] if table is None else table)
    return Desk(Shared(made, cast(Any, known), file, "test", colleagues))


def listed(answer: dict[str, Any]) -> list[str]:
    return [row["id"] for row in answer["rows"]]


@given(FLOATS)
def test_arrays_are_sent_as_they_are(values: list[float]) -> None:
    array = np.array(values, np.float32)
    sent = np.frombuffer(base64.b64decode(packed(array)), "<f4")
    np.testing.assert_array_equal(sent, array)


def test_a_model_ends_where_the_data_do() -> None:
    model = within(np.ones(6), slice(2, 4))
    assert np.isnan(model).tolist() == [True, True, False, False, True, True]


def test_every_answer_is_json(file: JudgementFile) -> None:
    one = desk(file)
    for name, asked in (
        ("start", {}),
        ("alive", {}),
        ("list", {"chosen": {}}),
        ("spectrum", {"row": 0}),
        ("said", {"id": "spec-000"}),
        ("model", {"id": "spec-000", "cls": "QSO", "z": 1.0}),
        ("judge", {"id": "spec-000", "quality": 4, "cls": "QSO", "z": 1.0}),
    ):
        json.dumps(one.answer(name, asked), allow_nan=False)


def test_a_spectrum_comes_with_all_that_is_said_of_it(file: JudgementFile) -> None:
    table, _ = catalog(z_lo=np.full(6, 0.09), z_hi=np.full(6, 0.11), zwarn=[4, 0, 0, 0, 0, 0])
    told = Desk(Shared(Listing(table), cast(Any, catalog()[1]), file, "test")).answer(
        "spectrum", {"row": 0}
    )
    assert (told["id"], told["z_lo"], told["z_hi"]) == ("spec-000", 0.09, 0.11)
    assert told["flags"][0]["name"] == "SMALL_DELTA_CHI2"
    assert "another redshift fits almost as well" in told["flags"][0]["why"]
    seen = told["seen"]
    assert [one["cls"] for one in seen["solutions"]] == ["GALAXY", "QSO", "STAR"]
    assert seen["curves"]["STAR"]["range"] == [-0.004, 0.004]
    assert seen["curves"]["GALAXY"]["share"] == pytest.approx(0.95)
    assert seen["curves"]["QSO"]["share"] == 0
    ivar = np.frombuffer(base64.b64decode(seen["ivar"]), "<f4")
    assert not ivar[:20].any()
    model = np.frombuffer(base64.b64decode(seen["solutions"][0]["model"]), "<f4")
    assert np.isnan(model[:20]).all()
    assert np.isfinite(model[20:]).all()


def test_why_names_the_rival() -> None:
    text = why(closeup("a", 0.1))
    assert text.startswith("GALAXY at z = 0.10000: p(GALAXY) = 0.900, p(z) = 0.950")
    assert "next is QSO at z = 1.25000 (χ² larger by 90)" in text


def test_another_answer_than_the_catalogs_is_told() -> None:
    assert differs(closeup("a", 0.1), "GALAXY", 0.1003) == ""
    for cls, z in (("GALAXY", 0.102), ("QSO", 0.1), ("", None)):
        assert "not what the catalog says" in differs(closeup("a", 0.1), cls, z)


def test_what_surveys_say_is_beside_ours(file: JudgementFile) -> None:
    table = Table(
        {
            "id": ["a", "b"], "class": ["QSO", "STAR"], "z": [1.0, 0.0], "z_err": [0.1, 0.1],
            "z_label": [1.0001, np.nan], "class_label": ["QSO", ""],
            "Z_RR": [0.5, 0.0], "SPECTYPE_RR": ["GALAXY", "STAR"], "z_second": [0.3, 0.3],
        }
    )  # fmt: skip
    told = of_row(Listing(table), 0)["others"]
    assert [(one["who"], one["cls"], one["differs"]) for one in told] == [
        ("label", "QSO", False), ("rr", "GALAXY", True),
    ]  # fmt: skip
    assert told[0]["dv"] == pytest.approx(299_792.458 * 0.0001 / 2)
    assert [one["who"] for one in of_row(Listing(table), 1)["others"]] == ["rr"]


@pytest.mark.parametrize("value", ["1e9", "inf", "nan"])
def test_what_nobody_can_mean_is_sent_as_none(file: JudgementFile, value: str) -> None:
    table = Table({"id": ["a"], "class": ["<script>"], "z": [float(value)]})
    told = desk(file, table).answer("spectrum", {"row": 0})
    assert told["z"] == (1e9 if value == "1e9" else None)
    assert told["cls"] == "<script>"
    assert "no spectrum 'a'" in told["missing"]
    json.dumps(told, allow_nan=False)


def test_a_catalog_with_scores_begins_with_the_strangest(file: JudgementFile) -> None:
    assert desk(file).answer("start", {})["sort"] == "as in the catalog"
    scored = catalog(anomaly_score=[np.nan, 1.0, 3.0, 2.0, np.nan, 0.0])[0]
    one = desk(file, scored)
    assert one.answer("start", {})["sort"] == STRANGEST
    page = one.answer("list", {"chosen": {"sort": STRANGEST}})
    assert listed(page)[:3] == ["spec-002", "spec-003", "spec-001"]


def test_a_large_catalog_is_sent_a_page_at_a_time(file: JudgementFile) -> None:
    n = 99_999
    table = Table({"id": np.arange(n).astype(str), "class": ["QSO"] * n, "z": np.arange(n) / n})
    one = desk(file, table)
    page = one.answer("list", {"chosen": {"classes": ["QSO"]}})
    assert (len(page["rows"]), page["found"], page["total"]) == (PAGE, n, n)
    page = one.answer("list", {"chosen": {"classes": ["QSO"]}, "at": PAGE + 7})
    assert (page["first"], page["place"], page["rows"][0]["id"]) == (PAGE, PAGE + 7, str(PAGE))
    assert one.answer("list", {"chosen": {}, "at": 10**9})["place"] == n - 1


def test_a_filter_keeps_what_is_chosen_if_it_passes(file: JudgementFile) -> None:
    one = desk(file)
    page = one.answer("list", {"chosen": {"classes": ["STAR"]}, "keep": 5, "fresh": True})
    assert (listed(page), page["place"], page["kept"]) == (["spec-002", "spec-005"], 1, True)
    page = one.answer("list", {"chosen": {"classes": ["GALAXY"]}, "keep": 5})
    assert (page["place"], page["kept"]) == (0, False)
    page = one.answer("list", {"chosen": {"text": "elsewhere"}, "keep": 5})
    assert (page["found"], page["rows"]) == (0, [])


def test_a_list_stays_as_it_is_while_one_judges(file: JudgementFile) -> None:
    one = desk(file)
    chosen = {"only": "not judged"}
    assert len(listed(one.answer("list", {"chosen": chosen, "fresh": True}))) == 6
    one.answer("judge", {"id": "spec-001", "quality": 3})
    page = one.answer("list", {"chosen": chosen})
    assert [row["quality"] for row in page["rows"]] == ["", "3", "", "", "", ""]
    assert "spec-001" not in listed(one.answer("list", {"chosen": chosen, "fresh": True}))


def test_judgements_are_saved_and_withdrawn(file: JudgementFile) -> None:
    one = desk(file)
    said = {"id": "spec-000", "quality": 2, "cls": "QSO", "z": 0.7, "issues": "SR", "comment": "=1"}
    assert one.answer("judge", said)["judgement"]["issues"] == "RS"
    found = file.latest()["spec-000"]
    assert (found.quality, found.cls, found.z, found.issue) == (2, "QSO", 0.7, "RS")
    assert found.comment == "=1"
    nothing = {"id": "spec-000", "quality": None, "cls": "", "z": None, "issues": "", "comment": ""}
    assert one.answer("judge", nothing)["judgement"] is None
    assert file.latest() == {}
    assert one.answer("judge", nothing)["judgement"] is None  # there is nothing to take back


def test_words_of_an_issue_are_kept(file: JudgementFile) -> None:
    file.record(Judgement("spec-001", issue="Sky is bright"))
    one = desk(file)
    assert one.answer("said", {"id": "spec-001"})["judgement"]["issues"] == ""
    one.answer("judge", {"id": "spec-001", "issues": "S"})
    assert file.latest()["spec-001"].issue == "S Sky is bright"
    one.answer("judge", {"id": "spec-001", "issues": ""})
    assert file.latest()["spec-001"].issue == "Sky is bright"


@pytest.mark.parametrize("z", [math.nan, math.inf, -1.0])
def test_redshifts_that_nobody_can_mean_are_not_saved(file: JudgementFile, z: float) -> None:
    desk(file).answer("judge", {"id": "a", "quality": 4, "z": z})
    assert file.latest()["a"].z is None


@pytest.mark.parametrize(
    "said",
    [
        {"id": ""},
        {"id": "a", "quality": 9},
        {"id": "a", "cls": "MOON"},
        {"id": "a", "quality": "x"},
    ],
)
def test_what_makes_no_sense_is_not_saved(file: JudgementFile, said: dict[str, Any]) -> None:
    with pytest.raises(JudgementError):
        desk(file).answer("judge", said)
    assert not file.path.exists()


def test_a_file_that_cannot_be_read_is_told(file: JudgementFile) -> None:
    one = desk(file)
    file.path.write_text("id,VI_SCANNER,VI_QUALITY\n1,anna,many\n")
    assert "cannot be read" in one.answer("said", {"id": "1"})["trouble"]


def test_what_a_colleague_says_is_told_after_ones_own_word(file: JudgementFile) -> None:
    ben = Judgement("spec-000", "ben", quality=1, cls="QSO", z=2.0)
    one = desk(file, None, ben, Judgement("spec-000", "anna", quality=0))
    assert one.answer("said", {"id": "spec-000"})["colleagues"] == []
    said = {"id": "spec-000", "quality": 4, "cls": "GALAXY", "z": 0.1}
    told = one.answer("judge", said)["colleagues"]
    assert [(other["who"], other["cls"]) for other in told] == [("ben", "QSO")]


def test_a_colleagues_disagreements_are_a_filter(file: JudgementFile) -> None:
    theirs = (
        Judgement("spec-000", "ben", quality=4, cls="GALAXY", z=0.1),  # as the catalog
        Judgement("spec-001", "ben", quality=4, cls="QSO", z=0.12),  # another class
        Judgement("spec-003", "ben", quality=4, cls="GALAXY", z=0.16),
        Judgement("elsewhere", "ben", quality=4, cls="GALAXY", z=0.16),
    )
    one = desk(file, None, *theirs)
    assert "disputed" in one.answer("start", {})["only"]
    assert "disputed" not in desk(file).answer("start", {})["only"]
    chosen = {"only": "disputed"}
    assert listed(one.answer("list", {"chosen": chosen, "fresh": True})) == ["spec-001"]
    one.answer("judge", {"id": "spec-003", "quality": 1, "cls": "GALAXY", "z": 0.16})
    assert listed(one.answer("list", {"chosen": chosen, "fresh": True})) == ["spec-001", "spec-003"]


def test_lines_and_windows_are_those_of_the_list(file: JudgementFile) -> None:
    told = desk(file).answer("start", {})
    names = {(line["name"], line["wave"]) for line in told["lines"]}
    assert set(KEYS_OF_LINES.values()) <= names
    assert sum(line["major"] for line in told["lines"]) == len(KEYS_OF_LINES)
    for name, (low, high) in WINDOWS.items():
        assert any(low < line["wave"] < high for line in told["lines"]), name
    assert {name for names in FIRST.values() for name in names} == set(WINDOWS)
    assert 5578 < told["sky"][2] < 5580  # in vacuum
