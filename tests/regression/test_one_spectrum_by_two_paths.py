"""One spectrum given by two paths made two rows with one id, and nothing was said."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from gasnet3 import samples
from gasnet3.cli import app


@pytest.mark.parametrize("twice", [False, True])
def test_classify_counts_rows_of_one_id(tmp_path: Path, twice: bool) -> None:
    first, second = samples.paths()[:2]
    (tmp_path / "copy.fits").write_bytes((first if twice else second).read_bytes())
    call = ["classify", str(first), str(tmp_path / "copy.fits"), "--solver", "amortised"]
    more = ["-o", str(tmp_path / "a.parquet"), "--n-best", "2"]
    done = CliRunner().invoke(app, [*call, *more])
    assert done.exit_code == 0, done.output
    assert ("1 row has the id of another row" in done.output) == twice
