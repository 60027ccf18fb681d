"""Spectra made faint, and what is measured on them."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

sys.path.insert(0, str(Path(__file__).parents[2] / "recipes"))

from faint import beside_redrock, measures, page
from faint.measures import Said
from faint.sets import TWO_SURVEYS, real_sets
from mock_survey.faint import made_faint
from mock_survey.library import Survey

from gasnet3.spectra.batch import Spectra
from gasnet3.spectra.lattice import OBSERVED


def said(p_z, right, delta_chi2=None):
    """Stars at rest; a wrong one is believed at 0.1."""
    right, p = np.array(right, bool), np.array(p_z, float)
    star, zero = np.full(len(p), "STAR"), np.zeros(len(p))
    far = zero if delta_chi2 is None else np.array(delta_chi2, float)
    return Said(
        ids=np.array([f"row {i}" for i in range(len(p))]), true=star, true_z=zero, cls=star,
        z=np.where(right, 0.0, 0.1), class_right=right, right=right, z_right=right, clean=p > 0.5,
        p_class=p, p_z=p, delta_chi2=far,
    )  # fmt: skip


def labelled(classes, z):
    """Spectra of a flat level with these labels."""
    flux = np.ones((len(z), OBSERVED.n))
    return Spectra.from_arrays(
        flux, flux, loglam=OBSERVED.loglam, classes=np.array(classes), z=np.array(z, float)
    )


def test_spectra_made_faint_have_the_wanted_signal(shared_dir):
    survey = Survey(shared_dir)
    rows = survey.labelled(validation=True)[:12]
    few = Survey(shared_dir)
    few.__dict__["rows"] = [
        row if row["role"] == "sky" or i in rows else row | {"role": "unlabelled"}
        for i, row in enumerate(survey.rows)
    ]
    spectra = made_faint(few, 2.0, validation=True, seed=1)
    assert len(spectra) == 12
    # The noise itself moves the median a little.
    np.testing.assert_allclose(spectra.sn_median, 2.0, atol=0.4)
    assert (spectra.flux[spectra.ivar == 0] == 0).all()
    assert set(spectra.classes) <= {"STAR", "GALAXY", "QSO"}
    again = made_faint(few, 2.0, validation=True, seed=1)
    np.testing.assert_array_equal(spectra.flux, again.flux)


def test_a_third_of_the_objects_of_the_real_sets_is_held_out(shared_dir):
    rest, held_out = (real_sets(shared_dir, validation=flag) for flag in (False, True))
    counts = [sum(map(len, sets.values())) for sets in (rest, held_out)]
    assert 0.25 < counts[1] / sum(counts) < 0.42
    assert not any(set(some.ids) & set(rest[name].ids)
                   for name, some in held_out.items() if name in rest)  # fmt: skip
    # The same objects by two surveys.
    assert len(held_out["desi_clagn"]) == len(held_out["sdss_clagn"]) < len(rest["desi_clagn"])


def test_completeness_is_what_may_be_kept_with_one_wrong_in_a_hundred():
    p_z = np.linspace(1.0, 0.5, 200)
    right = np.ones(200, bool)
    right[[150, 160, 170]] = False
    # 150 right, one wrong, nine right; the second wrong one makes it 2 of 161.
    assert measures.complete(right, p_z) == pytest.approx(160 / 200)
    assert measures.complete(np.zeros(200, bool), p_z) == 0.0


def test_completeness_does_not_depend_on_the_order_of_rows_or_the_scale_of_their_sureness(rng):
    p_z, right = rng.uniform(size=300), rng.uniform(size=300) > 0.005
    order = rng.permutation(300)
    expected = measures.complete(right, p_z)
    assert 0 < expected <= 1
    assert measures.complete(right[order], 400.0 * p_z[order]) == expected


def test_rows_of_one_probability_are_kept_together():
    assert measures.complete(np.array([True, True, True, False]), np.full(4, 0.9)) == 0.0


def test_a_row_tells_the_wrong_among_those_kept():
    row = measures.worth("x", said([0.99, 0.95, 0.8, 0.1], [True, False, True, False]))
    assert len(row) == len(measures.HEAD)
    assert row[:5] == ("x", "4", "0.500", "0.500", "0.750")
    assert row[5] == "0.333 (1)"


def test_answers_are_right_by_class_and_redshift():
    found = Table({
        "class": ["GALAXY", "GALAXY", "STAR", "QSO", "GALAXY"],
        "z": [0.1, 0.1, 0.0, 2.005, 0.3],
        "zwarn": [0, 0, 4, 0, 0],
        "p_star": [0.0, 0.1, 0.8, 0.0, 0.2],
        "p_galaxy": [1.0, 0.9, 0.2, 0.1, 0.8],
        "p_qso": [0.0, 0.0, 0.0, 0.9, 0.0],
        "p_z": [0.9, 0.8, np.nan, 0.7, 0.6],
    })  # fmt: skip
    spectra = labelled(["GALAXY", "QSO", "GALAXY", "QSO", "SN"], [0.1, 0.1, 0.0, 2.0, 0.5])
    answers = Said.of(found, spectra)
    assert answers.class_right.tolist() == [True, False, False, True, True]
    assert answers.right.tolist() == [True, True, False, True, False]
    assert answers.z_right.tolist() == [True, True, True, True, False]
    assert answers.clean.tolist() == [True, True, False, True, True]
    assert answers.p_class.tolist() == [1.0, 0.9, 0.8, 0.9, 0.8]
    # What a catalog does not know is 0: the surest are sorted to the front.
    assert answers.p_z.tolist() == [0.9, 0.8, 0.0, 0.7, 0.6]
    assert answers.delta_chi2.tolist() == [0.0] * 5


def test_reliability_is_told_by_bin_with_n():
    sure, unsure = said([0.96, 0.92, 0.98, 0.94], [1, 1, 1, 0]), said([0.25, 0.91], [0, 1])
    rows = measures.by_bin({"a": sure, "b": unsure}, "z")
    assert rows == [
        ("0.2 to 0.3", "", "0.250: 0.000 (1)"),
        ("0.9 to 1.0", "0.950: 0.750 (4)", "0.910: 1.000 (1)"),
    ]


def test_redrock_is_judged_by_its_own_rule():
    ours = said([0.99, 0.95, 0.8, 0.1], [1, 1, 1, 0])
    theirs = said([0.9, 0.9, 0.9, 0.1], [1, 0, 1, 1], [30.0, 12.0, 26.0, 40.0])
    row = dict(zip(beside_redrock.HEAD, beside_redrock.compared("x", ours, theirs), strict=True))
    assert row["n"] == "4"
    assert (row["right"], row["redrock right"]) == ("0.750", "0.750")
    # The last has a warning; the second is wrong, with a Δχ² of 12.
    assert (row["redrock Δχ² > 9"], row["redrock Δχ² > 25"]) == ("0.750", "0.500")
    assert (row["wrong of Δχ² > 9"], row["wrong of Δχ² > 25"]) == ("0.333 (1)", "0.000 (0)")
    assert (row["complete at 1 % wrong"], row["redrock complete"]) == ("0.750", "0.750")


def test_redrock_is_asked_the_same_spectra_that_we_are_judged_on():
    made = labelled(["STAR"] * 70 + ["GALAXY"] * 3 + ["QSO"] * 2, np.arange(75) / 1e6)
    real = labelled(["STAR"] * 20, np.zeros(20))
    sets = dict.fromkeys(beside_redrock.ASKED, made) | dict.fromkeys(TWO_SURVEYS, real)

    def ask(spectra):
        return Table({
            "class": spectra.classes, "z": spectra.z, "zwarn": np.zeros(len(spectra), int),
            "delta_chi2": np.full(len(spectra), 20.0),
        })  # fmt: skip

    mine = {name: Said.of(ask(spectra), spectra) for name, spectra in sets.items()}
    rows = beside_redrock.beside(sets, mine, ask)
    named = {row[0]: row for row in rows}
    assert [row[0] for row in rows[:4]] == ["S/N 1", "S/N 1 STAR", "S/N 1 GALAXY", "S/N 1 QSO"]
    assert [named[f"S/N 2{cls}"][1] for cls in ("", " STAR", " GALAXY", " QSO")] == [
        "65", "60", "3", "2",
    ]  # fmt: skip
    assert named["DESI + BOSS"][1] == "60"
    assert {row[2:4] for row in rows} == {("1.000", "1.000")}
    assert {row[5:7] for row in rows} == {("1.000", "0.000")}


def test_unflagged_answers_that_differ_from_the_label_are_shown_the_surest_first():
    answers = said([0.6, 0.9, 0.99, 0.3], [0, 0, 1, 0], [12.0, 25.0, 80.0, 3.0])
    spectra = labelled(["STAR"] * 4, np.zeros(4))

    def ask(some):
        return Table({
            "class": ["STAR", "GALAXY"], "z": [0.1, 0.5], "zwarn": [0, 4],
            "delta_chi2": [31.0, 5.0],
        })[: len(some)]  # fmt: skip

    told, rows = page.against_labels(answers, spectra, ask)
    assert told == (
        "2 of 3 unflagged; redrock finds our redshift 1 times, that of the label 0 times."
    )
    assert rows == [
        ("row 1", "STAR 0.0000", "STAR 0.1000", "+0.0953", "0.9000", "25", "STAR 0.1000 (Δχ² 31)"),
        ("row 0", "STAR 0.0000", "STAR 0.1000", "+0.0953", "0.6000", "12",
         "GALAXY 0.5000 (Δχ² 5, flagged)"),
    ]  # fmt: skip
    assert {len(row) for row in rows} == {len(page.LABELS_HEAD)}
    told, rows = page.against_labels(answers, spectra, None)
    assert told == "2 of 3 unflagged."
    assert [row[-1] for row in rows] == ["", ""]
    none = replace(answers, clean=np.zeros(4, bool))
    assert page.against_labels(none, spectra, ask) == ("0 of 0 unflagged.", [])


def test_a_page_has_rows_by_class_and_of_sets_together():
    one = said([0.9, 0.8], [1, 1])
    everything = {"S/N 1": one, "S/N 5": one, "bright": one} | dict.fromkeys(TWO_SURVEYS, one)
    found = {name: len(answers) for name, answers in page.parts_of(everything)}
    assert found["S/N 5 STAR"] == 2
    assert found["S/N 5 QSO"] == 0
    assert found["S/N 1 to 5"] == 4
    assert found["DESI + BOSS"] == 2 * len(TWO_SURVEYS)


def test_without_redrock_the_page_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    monkeypatch.setattr("peers.with_redrock.installed", lambda: False)
    assert "pip install" in beside_redrock.ask_redrock(tmp_path)
