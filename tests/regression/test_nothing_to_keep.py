"""What is to be kept of no spectra hid the files that could not be read; lost parts unnamed."""

from __future__ import annotations

from pathlib import Path

import pytest

from gasnet3 import samples
from gasnet3.catalog import read_catalog
from gasnet3.io import expand
from gasnet3.pipeline.request import Request
from gasnet3.run.config import make_config
from gasnet3.run.kept import kept_path
from gasnet3.run.local import classify_files
from gasnet3.run.merge import merge
from gasnet3.run.plan import make_plan
from gasnet3.run.work import work


def test_files_that_cannot_be_read_are_told_whatever_is_to_be_saved(tmp_path: Path) -> None:
    bad, out, told = tmp_path / "bad.fits", tmp_path / "a.csv", list[str]()
    bad.write_bytes(samples.paths()[0].read_bytes()[:300])
    made = classify_files(
        bad, out, save_curves=tmp_path / "c.parquet", save_models=tmp_path / "m.fits",
        on_message=told.append,
    )  # fmt: skip
    assert [failure.path.name for failure in made.failures] == ["bad.fits"]
    assert told == ["there are no spectra: no curves and no models saved"]
    assert len(read_catalog(out)) == 0


def test_the_part_whose_models_are_gone_is_named(tmp_path: Path) -> None:
    config = make_config(Request(keep=["models"]))
    plan = make_plan(expand(samples.paths()[:2]), tmp_path / "run", config, part_rows=1)
    work(plan)
    kept_path(plan, "models", 1).unlink()
    with pytest.raises(ValueError, match=r"the models of part 1 are gone; remove .*part-000001"):
        merge(plan, tmp_path / "a.csv", save_models=tmp_path / "m.fits")
