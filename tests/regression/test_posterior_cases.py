"""Wrong answers of the least χ² that the posterior has to get right, or flag."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gasnet3 import io
from gasnet3.pipeline.pipeline import Pipeline
from gasnet3.spectra.batch import Spectra
from gasnet3.spectra.lattice import OBSERVED


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return Pipeline.load()


def case(shared_dir: Path, number: str) -> Spectra:
    found = sorted((shared_dir / "cases").glob(f"{number}-*/*.fits"))
    if not found:
        pytest.skip(f"case {number} is absent")
    return io.read(found)


def test_bright_emission_lines_are_those_of_a_galaxy(shared_dir: Path, pipeline: Pipeline) -> None:
    """It was a star of twice the χ²."""
    row = pipeline.run(case(shared_dir, "05"))[0]
    assert row["class"] == "GALAXY"
    assert abs(row["z"] - 0.0472) < 1e-3


def test_galaxies_beyond_the_range_are_flagged(shared_dir: Path, pipeline: Pipeline) -> None:
    """Lyα was [O II] of z = 0.044 without a doubt."""
    table = pipeline.run(case(shared_dir, "24"))
    assert (table["zwarn"] != 0).all()


def test_noise_without_features_has_no_sure_redshift(
    pipeline: Pipeline, rng: np.random.Generator
) -> None:
    """Of 80 like these, 84 % had p_z above 0.9."""
    flux = 10.0 + rng.standard_normal((20, OBSERVED.n))
    table = pipeline.run(Spectra.from_arrays(flux, np.ones_like(flux), loglam=OBSERVED.loglam))
    assert (table["p_z"] < 0.9).all()
    assert (table["zwarn"] != 0).all()
