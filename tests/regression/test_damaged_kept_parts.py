"""A damaged part of saved curves or models was an error without a file, after half was written."""

from __future__ import annotations

from pathlib import Path

import pytest

from gasnet3 import samples
from gasnet3.io import expand
from gasnet3.pipeline.request import Request
from gasnet3.run.config import make_config
from gasnet3.run.kept import kept_path
from gasnet3.run.merge import merge
from gasnet3.run.plan import make_plan
from gasnet3.run.work import work


def test_a_damaged_part_is_named_and_nothing_written(tmp_path: Path) -> None:
    config = make_config(Request(solver="amortised", keep=["curves", "models"]))
    plan = make_plan(expand(samples.paths()[:2]), tmp_path / "run", config, part_rows=1)
    work(plan)
    cut = kept_path(plan, "models", 1)
    cut.write_bytes(cut.read_bytes()[:1000])
    saved = {"save_curves": tmp_path / "c.parquet", "save_models": tmp_path / "m.fits"}
    with pytest.raises(ValueError, match=r"models of part 1 are damaged .*remove .*part-000001"):
        merge(plan, tmp_path / "a.csv", **saved)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run"]
    plan.part_path(1).unlink()
    work(plan)
    assert merge(plan, tmp_path / "a.csv", **saved).rows == 2
