"""Runs too short for a rate warned of a legend without entries."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from speed.pictures import draw_workers


def test_runs_without_a_rate_are_drawn_without_a_warning(tmp_path):
    runs = [
        {"solver": "hybrid", "inputs": "shards", "cores": cores, "rows": 4, "seconds": 3.0}
        for cores in (1, 2)
    ]
    assert draw_workers(runs, tmp_path / "workers.png").stat().st_size > 0
