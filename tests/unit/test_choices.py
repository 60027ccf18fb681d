"""What a user restricts a classification to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gasnet3 import CLASSES
from gasnet3.pipeline.choices import ANYTHING, Choices


def test_texts_become_choices() -> None:
    assert Choices.parse() == ANYTHING
    assert Choices.parse(["qso,galaxy"]).classes == ("GALAXY", "QSO")
    assert Choices.parse(["QSO", "Star"]).classes == ("STAR", "QSO")
    made = Choices.parse(z_ranges=["GALAXY=0:0.8", "star=-0.001:0.001"])
    assert made.z_ranges == (("GALAXY", 0.0, 0.8), ("STAR", -0.001, 0.001))


def test_a_range_for_all_is_for_those_with_redshifts_that_are_tried() -> None:
    both = Choices.parse(z_ranges=["0.1:0.8"])
    assert both.z_ranges == (("GALAXY", 0.1, 0.8), ("QSO", 0.1, 0.8))
    assert Choices.parse(["STAR,QSO"], ["0.1:0.8"]).z_ranges == (("QSO", 0.1, 0.8),)


@pytest.mark.parametrize(
    ("classes", "ranges", "problem"),
    [
        (["NEBULA"], [], "no class 'NEBULA'"),
        ([], ["NEBULA=0:1"], "no class 'NEBULA'"),
        ([], ["QSO=1:0"], "is empty"),
        ([], ["QSO=-1:0"], "is empty"),
        ([], ["QSO=0:nan"], "is empty"),
        ([], ["QSO=0:1", "QSO=1:2"], "more than one range"),
        (["STAR"], ["QSO=0:1"], "which is not tried"),
        ([], ["QSO=0-1"], "not of the form CLASS=LOW:HIGH"),
        ([], ["=0:1"], "not of the form"),
        (["STAR"], ["0:1"], "is for galaxies and quasars, which are not tried"),
        ([], ["0:x"], "not of the form"),
    ],
)
def test_what_cannot_be_chosen_is_told(classes: list[str], ranges: list[str], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Choices.parse(classes, ranges)


@given(
    st.sets(st.sampled_from(CLASSES), min_size=1),
    st.floats(-0.9, 2.0),
    st.floats(0.001, 3.0),
    st.text(),
)
def test_choices_come_back_from_json(
    classes: set[str], low: float, width: float, priors: str
) -> None:
    tried = tuple(name for name in CLASSES if name in classes)
    choices = Choices(tried, ((tried[0], low, low + width),), priors, "c", "n", False)
    assert Choices.from_json(choices.to_json()) == choices
