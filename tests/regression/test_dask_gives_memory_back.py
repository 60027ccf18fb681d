"""Dask's workers gave the memory of every array back at once: three times slower than ranks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gasnet3.machine.allocator import TRIM
from gasnet3.pipeline.request import Request
from gasnet3.run import dask, hats


def test_a_task_keeps_freed_memory_before_it_works(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    done: list[str] = []

    class NoPlan:
        request = Request()

    monkeypatch.setattr(dask, "keep_freed_memory", lambda: done.append("kept"))
    monkeypatch.setattr(dask, "planned", lambda directory: NoPlan)
    monkeypatch.setattr(dask, "work_part", lambda *call: done.append("worked"))
    dask._task(str(tmp_path), 0, None)
    assert done == ["kept", "worked"]


@pytest.mark.parametrize("in_worker", [False, True])
def test_partitions_keep_it_in_workers_only(
    monkeypatch: pytest.MonkeyPatch, in_worker: bool
) -> None:
    done: list[str] = []
    monkeypatch.setattr(hats, "keep_freed_memory", lambda: done.append("kept"))
    monkeypatch.delenv(TRIM, raising=False)
    if in_worker:
        monkeypatch.setenv(TRIM, "65536")
    row = {"flux": [np.ones(9)], "ivar": [np.ones(9)], "loglam": [np.linspace(3.6, 3.7, 9)]}
    assert len(hats.PartitionClassifier(solver="amortised")(pd.DataFrame(row))) == 1
    assert done == ["kept"] * in_worker
