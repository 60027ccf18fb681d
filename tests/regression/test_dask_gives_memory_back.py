"""Dask's workers gave the memory of every array back at once: three times slower than ranks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gasnet3.run import dask


def test_a_task_keeps_freed_memory_before_it_works(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    done: list[str] = []

    class NoPlan:
        config: dict[str, Any] = {"models": "encoder"}  # noqa: RUF012

    monkeypatch.setattr(dask, "keep_freed_memory", lambda: done.append("kept"))
    monkeypatch.setattr(dask, "planned", lambda directory: NoPlan)
    monkeypatch.setattr(dask, "work_part", lambda *call: done.append("worked"))
    dask._task(str(tmp_path), 0, None)
    assert done == ["kept", "worked"]
