"""A request says once what is asked, and is the same after a plan has held it as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gasnet3.io.options import ReadOptions
from gasnet3.pipeline.choices import Choices
from gasnet3.pipeline.request import SOLVERS, Request


def test_json_there_and_back() -> None:
    reading = ReadOptions(True, (("wave", "LAMBDA"),), (("wave", "nm"),))
    choices = Choices.parse(
        ["GALAXY"], ["GALAXY=0:0.8"], "priors.csv", nz="nz.csv", continuum=False
    )
    asked = Request(["a.json", Path("b.json")], "exact", 2, reading, choices, ("models", "curves"))
    again = Request.from_json(json.loads(json.dumps(asked.to_json())))
    assert again == asked
    assert hash(again) == hash(asked)
    assert again.models == ("a.json", "b.json")
    assert again.keep == ("curves", "models")


def test_what_a_plan_does_not_say_is_as_by_default() -> None:
    assert Request.from_json({}) == Request()
    assert Request.from_json({"n_best": 3, "fingerprint": {}}) == Request(n_best=3)


def test_files_of_models_are_named_for_other_directories(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("own.json").touch()
    assert Request("own.json").absolute().models == str(tmp_path / "own.json")
    assert Request(["own.json", "encoder-star"]).absolute().models == (
        str(tmp_path / "own.json"), "encoder-star",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"solver": "magic"}, "unknown solver 'magic': choose one of amortised, exact, hybrid"),
        ({"n_best": 0}, "n_best must be 1 or more, got 0"),
        ({"keep": ("spectra",)}, "'spectra' cannot be kept: choose of curves, models"),
    ],
)
def test_what_cannot_be_asked_is_refused_at_once(wrong: dict[str, object], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Request(**wrong)  # type: ignore[arg-type]


def test_solvers_are_those_there_are() -> None:
    from gasnet3.solve import solvers

    assert set(solvers.SOLVERS) == set(SOLVERS)
