"""A misspelt file of ids was taken for an id, and an empty catalog written over the old one."""

from __future__ import annotations

from pathlib import Path

import pytest

from gasnet3 import samples
from gasnet3.run.local import classify_files


def test_a_run_without_any_of_the_ids_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "a.csv"
    out.write_text("the old one")
    with pytest.raises(ValueError, match=r"no spectrum has one of the 1 ids \(absent.txt\)"):
        classify_files(samples.paths()[:2], out, ids=["absent.txt"])
    assert out.read_text() == "the old one"
