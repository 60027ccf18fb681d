"""gasnet3 merge and gasnet3 slurm as a user runs them, with toy models and a SLURM of two lines."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from gasnet3.catalog import read_catalog
from gasnet3.io import write_npz
from gasnet3.pipeline.request import Request
from gasnet3.run.config import make_config
from gasnet3.run.plan import Plan, make_plan
from gasnet3.run.work import work
from toy import save_toys, toy_model, toy_spectra
from warm import run

ROWS = 8

SBATCH = """#!/bin/bash
# Runs a job at once, task after task, and prints its number.
number=$(ls jobs | wc -l)
cat > jobs/$number
echo "$@" > asked.$number
last=$(sed -n 's/^#SBATCH --array=0-//p' jobs/$number)
export SLURM_CPUS_PER_TASK=1
for task in $(seq 0 ${last:-0}); do
  if [ -n "$last" ]; then
    export SLURM_ARRAY_TASK_ID=$task SLURM_ARRAY_TASK_MIN=0
    export SLURM_ARRAY_TASK_MAX=$last SLURM_ARRAY_TASK_COUNT=$((last + 1)) SLURM_ARRAY_TASK_STEP=1
  fi
  bash jobs/$number >> log.$number 2>&1
done
echo "$number;cluster"
"""
SRUN = """#!/bin/bash
SLURM_PROCID=0 SLURM_NTASKS=1 SLURM_LOCALID=0 exec "$@"
"""


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """A run of which nothing is done."""
    model = toy_model("GALAXY")
    save_toys(tmp_path / "models", ["GALAXY"])
    write_npz(tmp_path / "a.npz", toy_spectra(model, np.linspace(0.01, 0.09, ROWS)))
    config = make_config(Request(str(tmp_path / "models"), "amortised"))
    return make_plan([tmp_path / "a.npz"], tmp_path / "run", config, part_rows=3)


def one_line(stderr: str) -> str:
    assert len(stderr.strip().splitlines()) == 1, stderr
    return stderr


def test_merge(plan: Plan, tmp_path: Path) -> None:
    output = tmp_path / "out.fits"
    _, err = run("merge", plan.directory, "-o", output, status=2)
    assert f"3 parts (0-2) of 3 missing; make them with: gasnet3 work {plan.directory}" in err
    assert one_line(err)
    work(plan)
    out, err = run("merge", plan.directory, "-o", output, "--dialect", "redrock")
    assert (out, err) == (f"{ROWS} spectra: {output}\n", "")
    assert len(read_catalog(output)) == ROWS
    _, err = run("merge", plan.directory, "-o", output, status=2)
    assert "exists already" in one_line(err)
    out, _ = run("merge", plan.directory, "-o", output, "--overwrite", "--quiet")
    assert out == ""


def test_a_file_that_vanished(plan: Plan, tmp_path: Path) -> None:
    (tmp_path / "a.npz").rename(tmp_path / "b.npz")
    work(plan)
    output = tmp_path / "out.csv"
    _, err = run("merge", plan.directory, "-o", output, status=2)
    assert "a.npz" in one_line(err)
    assert not output.exists()
    _, err = run("merge", plan.directory, "-o", output, "--allow-failed", status=1)
    assert err.startswith("1 of 1 files could not be read:\n")
    assert np.isnan(read_catalog(output)["z"]).all()
    (tmp_path / "b.npz").rename(tmp_path / "a.npz")
    work(plan)
    run("merge", plan.directory, "-o", output, "--overwrite")
    assert np.isfinite(read_catalog(output)["z"]).all()


@pytest.mark.slow
def test_slurm_from_plan_to_catalog(plan: Plan, tmp_path: Path) -> None:
    script = tmp_path / "job.sh"
    catalog = tmp_path / "dr1.parquet"
    out, _ = run("slurm", plan.directory, "-o", script, "--catalog", catalog, "--array", 2)
    assert out == f"start it with: bash {script}\n"
    tools = tmp_path / "tools"
    for name, text in (("sbatch", SBATCH), ("srun", SRUN)):
        tools.mkdir(exist_ok=True)
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    (tmp_path / "jobs").mkdir()
    done = subprocess.run(
        ["bash", script],
        cwd=tmp_path,
        env={**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )
    logs = "".join(path.read_text() for path in sorted(tmp_path.glob("log.*")))
    assert done.returncode == 0, done.stderr + logs
    assert done.stdout == (f"work is job 0, merge is job 1; logs in {plan.directory}/logs\n")
    assert (tmp_path / "asked.1").read_text() == "--parsable --dependency=afterany:0\n"
    assert len(read_catalog(catalog)) == ROWS, logs


def test_slurm_wants_a_plan_and_words(plan: Plan, tmp_path: Path) -> None:
    _, err = run("slurm", tmp_path, "-o", tmp_path / "job.sh", status=2)
    assert "gasnet3 plan" in one_line(err)
    _, err = run("slurm", plan.directory, "-o", tmp_path / "job.sh", "--mem", "4 G", status=2)
    assert "mem '4 G' is nothing SLURM takes" in one_line(err)
    assert not (tmp_path / "job.sh").exists()
