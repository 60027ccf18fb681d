"""Probabilities became NaN where only one class is tried and its prior lies far from all minima."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gasnet3 import samples
from gasnet3.io import read
from gasnet3.pipeline.choices import Choices
from gasnet3.pipeline.pipeline import Pipeline


def test_the_only_class_has_a_probability_of_one(tmp_path: Path) -> None:
    spectra = read(samples.paths())
    table = tmp_path / "priors.csv"
    table.write_text("id,z,sigma\n" + "".join(f"{name},1.2,0.0001\n" for name in spectra.ids))
    found = Pipeline.load(choices=Choices.parse(["galaxy"], priors=table)).run(spectra)
    np.testing.assert_array_equal(found["p_galaxy"], 1.0)
