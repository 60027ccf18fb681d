"""The benchmark of speed runs from end to end, as a user starts it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import performance
from speed import commands, data

from warm import environment


def run(*options: str) -> str:
    done = subprocess.run(
        [sys.executable, performance.__file__, "--quick", *options],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.mark.slow
def test_quick_run_writes_the_page(tmp_path):
    results = tmp_path / "results"
    told = run("--results", str(results), "--shared", str(tmp_path))
    page = (results / "performance.md").read_text()
    assert page.strip() == told.strip()
    kept = json.loads((results / "main.json").read_text())
    assert all(value > 0 for value in kept["ms"].values())
    assert {run["inputs"] for run in kept["runs"]} == {"shards", "spec files"}
    assert all(run["memory"] is None or run["memory"] > 100 for run in kept["runs"])
    assert "Not measured here: redrock" in page


@pytest.mark.slow
def test_large_run_gives_the_same_catalog_by_dask_and_by_ranks(tmp_path, monkeypatch, capsys):
    pytest.importorskip("distributed", reason="Dask is the extra 'dask'")
    monkeypatch.setattr(commands, "COMMAND", ("gasnet3",))
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    for name in ("OMP", "MKL", "OPENBLAS"):
        monkeypatch.setenv(f"{name}_NUM_THREADS", "1")  # as it sets them itself, but not for good
    performance.main(["--quick", "--part", "big", "--results", str(tmp_path)])
    assert "no page yet" in capsys.readouterr().out
    engines = json.loads((tmp_path / "big.json").read_text())["engines"]
    assert set(engines) == {"rank variables", "Dask"}
    assert len({engine["sha256"] for engine in engines.values()}) == 1


def test_small_runs_are_the_first_of_the_spectra(tmp_path):
    shards = data.mock_shards(tmp_path / "shards", 6, 2)
    assert [Path(p).name for p in data.first_shards(shards, 4, 2)] == [
        "shard-000000.arrow", "shard-000001.arrow",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="no whole number of shards"):
        data.first_shards(shards, 3, 2)
    before = (shards / "shard-000000.arrow").stat().st_mtime_ns
    data.mock_shards(shards, 6, 2)
    assert (shards / "shard-000000.arrow").stat().st_mtime_ns == before

    specs = data.mock_specs(tmp_path / "specs", 3)
    some = Path(data.first_specs(specs, 2)[0])
    assert sorted(p.name for p in some.iterdir()) == ["mock-1-000000.fits", "mock-1-000001.fits"]


def test_a_command_that_fails_says_why():
    with pytest.raises(RuntimeError, match=r"gasnet3 no-such x: status 2\n[^$]*'no-such'"):
        commands.run_gasnet3(["no-such", "x"])


def test_memory_of_children_is_counted():
    child = "x = bytearray(60_000_000); print('ready', flush=True); input()"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    command = [sys.executable, "-c", parent]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with commands._watched([process.pid]) as seen:
            while not seen:
                time.sleep(commands.SAMPLE)
        process.communicate(b"\n")
    assert 60 < max(seen) < 200
