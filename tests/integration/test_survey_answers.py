"""Every file that surveys deliver is read, and its answer right or the difference explained."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXPLAINED = re.compile(r"^(?:- )?\*\*(.+?)\*\*:", re.MULTILINE)


def test_each_difference_is_explained(
    shared_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "recipes"))
    import surveys

    page = tmp_path / "page.md"
    raw = shared_dir / "data" / "raw"
    monkeypatch.setattr(sys, "argv", ["surveys.py", "--raw", str(raw), "--page", str(page)])
    surveys.main()
    text = page.read_text()
    assert "not looked at yet" not in text
    assert "0 got a redshift without a warning" in text
    # All answers of LAMOST, and its files in all layouts.
    assert "| lamost | lamost | 22 of 22 | 22 | 22 | 22 | 21 of 21 |" in text
    written = (ROOT / "docs" / "raw-truth.md").read_text()
    assert EXPLAINED.findall(text) == EXPLAINED.findall(written), "write docs/raw-truth.md anew"
