"""Priors whose ids no spectrum has were left out without a word."""

from __future__ import annotations

from pathlib import Path

from gasnet3 import samples
from gasnet3.pipeline.choices import Choices
from gasnet3.run.local import classify_files


def test_priors_without_a_spectrum_are_told(tmp_path: Path) -> None:
    table, told = tmp_path / "priors.csv", list[str]()
    table.write_text("id,z,sigma\nmock-7-000000,0.1,1\nelsewhere,0.1,1\n")
    choices = Choices.parse(priors=table)
    paths = samples.paths()[:1]
    classify_files(paths, tmp_path / "a.csv", choices=choices, on_message=told.append)
    assert told == ["1 prior (elsewhere) of ids that no spectrum has: not used"]
