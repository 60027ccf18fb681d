"""A file that cannot be read kept ``plot`` from drawing all the others."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from gasnet3 import samples
from gasnet3.cli import app


@pytest.mark.parametrize("choice", [["--gallery"], ["--row", "1"]])
def test_the_others_are_drawn_and_the_broken_one_is_named(
    tmp_path: Path, choice: list[str]
) -> None:
    night, picture = tmp_path / "night", tmp_path / "night.png"
    night.mkdir()
    for i, path in enumerate(samples.paths()[:2]):
        (night / f"{2 * i}.fits").symlink_to(path)
    (night / "1.fits").write_bytes(samples.paths()[2].read_bytes()[:20000])
    call = ["plot", str(night), "-o", str(picture), "--solver", "amortised", *choice]
    done = CliRunner().invoke(app, call)
    assert done.exit_code == 1, done.output
    assert "1 of 3 files could not be read" in done.output
    assert "1.fits" in done.output
    assert picture.stat().st_size > 10_000


def test_nothing_to_draw_is_bad_usage(tmp_path: Path) -> None:
    (tmp_path / "a.fits").write_bytes(b"SIMPLE")
    call = ["plot", str(tmp_path / "a.fits"), "-o", str(tmp_path / "a.png")]
    done = CliRunner().invoke(app, call)
    assert done.exit_code == 2
    assert "a.fits" in done.output
    assert "no spectrum to draw" in done.output
    assert not (tmp_path / "a.png").exists()
