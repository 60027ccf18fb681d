"""Curves of a narrow range passed for those of the whole: the true solution was not seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gasnet3 import samples
from gasnet3.io.saved_curves import CurvesError, SavedCurves
from gasnet3.pipeline.choices import Choices
from gasnet3.pipeline.pipeline import Pipeline
from gasnet3.run.local import classify_files
from gasnet3.spectra.lattice import z_from_shift


def test_curves_that_do_not_reach_are_refused(tmp_path: Path) -> None:
    path, catalog = tmp_path / "curves.parquet", tmp_path / "a.csv"
    narrow = Choices.parse(["galaxy"], ["GALAXY=0.2:0.3"])
    classify_files(samples.paths()[:1], catalog, choices=narrow, save_curves=path)
    same = Choices.parse(["galaxy"], ["GALAXY=0.2:0.3"], curves=path)
    assert Pipeline.load(choices=same).saved is not None
    for ranges in ([], ["GALAXY=0.1:0.3"], ["GALAXY=0.2:0.31"], ["GALAXY=0.5:0.6"]):
        with pytest.raises(CurvesError, match=r"curves of GALAXY are from z = 0.* only; give"):
            Pipeline.load(choices=Choices.parse(["galaxy"], ranges, curves=path))


def test_a_range_between_two_points_of_the_curves_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "curves.parquet"
    classify_files(samples.paths()[:1], tmp_path / "a.csv", save_curves=path)
    points = SavedCurves(path).header.grids["GALAXY"]
    between = points.shifts[100] + np.array([1.4, 1.6])  # of points 4 pixels apart
    low, high = z_from_shift(between).tolist()
    choices = Choices.parse(["galaxy"], [f"GALAXY={low}:{high}"], curves=path)
    with pytest.raises(CurvesError, match="no point of its curves of GALAXY lies within"):
        Pipeline.load(choices=choices)
