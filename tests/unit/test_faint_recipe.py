"""Spectra made faint, and what is measured on them."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "recipes"))

import faint
from mock_survey.faint import made_faint
from mock_survey.library import Survey


def said(p_z, right):
    right, p = np.array(right, bool), np.array(p_z, float)
    return faint.Said(np.full(len(p), "STAR"), right, right, right, p > 0.5, p, p)


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


def test_completeness_is_what_may_be_kept_with_one_wrong_in_a_hundred():
    p_z = np.linspace(1.0, 0.5, 200)
    right = np.ones(200, bool)
    right[[150, 160, 170]] = False
    # 150 right, one wrong, nine right; the second wrong one makes it 2 of 161.
    assert faint.complete(said(p_z, right)) == pytest.approx(160 / 200)
    assert faint.complete(said(p_z, np.zeros(200))) == 0.0


def test_rows_of_one_probability_are_kept_together():
    assert faint.complete(said([0.9] * 4, [True, True, True, False])) == 0.0


def test_a_row_tells_the_wrong_among_those_kept():
    row = faint.worth("x", said([0.99, 0.95, 0.8, 0.1], [True, False, True, False]))
    assert len(row) == len(faint.HEAD)
    assert row[:5] == ("x", "4", "0.500", "0.500", "0.750")
    assert row[5] == "0.333 (1)"
