"""The benchmark of speed runs from end to end, as a user starts it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "performance.py"


def performance(*options: str) -> str:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--quick", *options],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return done.stdout


def test_quick_run_writes_the_page(tmp_path):
    results = tmp_path / "results"
    told = performance("--results", str(results), "--shared", str(tmp_path))
    page = (results / "performance.md").read_text()
    assert page.strip() == told.strip()
    kept = json.loads((results / "main.json").read_text())
    assert all(value > 0 for value in kept["ms"].values())
    assert {run["inputs"] for run in kept["runs"]} == {"shards", "spec files"}
    assert all(run["memory"] is None or run["memory"] > 100 for run in kept["runs"])
    assert "Not measured here: redrock" in page


def test_large_run_gives_the_same_catalog_by_dask_and_by_ranks(tmp_path):
    pytest.importorskip("distributed", reason="Dask is the extra 'dask'")
    told = performance("--part", "big", "--results", str(tmp_path))
    assert "no page yet" in told
    engines = json.loads((tmp_path / "big.json").read_text())["engines"]
    assert set(engines) == {"rank variables", "Dask"}
    assert len({engine["sha256"] for engine in engines.values()}) == 1
