"""The script for SLURM: valid bash, with what was asked for, whatever the paths are called."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from gasnet3.run.slurm import Resources, job_script


def checked(script: str) -> str:
    done = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True)
    assert (done.returncode, done.stderr) == (0, "")
    return script


def test_resources_are_asked_for() -> None:
    resources = Resources(40, 2, "6G", "12:30:00", "long", "survey", "a100:1")
    script = checked(job_script("/runs/dr1", "/out/dr1.fits", resources, dialect="sdss"))
    work, merge = script.split("<<'WORK'")[1].split("<<'MERGE'")
    for option in ("array=0-39", "cpus-per-task=2", "mem=6G", "gpus=a100:1"):
        assert f"\n#SBATCH --{option}\n" in work
        assert option not in merge
    for part in (work, merge):
        for option in ("time=12:30:00", "partition=long", "account=survey"):
            assert f"\n#SBATCH --{option}\n" in part
    assert " work /runs/dr1 --device cuda\n" in work
    assert " merge /runs/dr1 -o /out/dr1.fits --dialect sdss\n" in merge


def test_what_is_not_asked_for_is_left_out() -> None:
    script = checked(job_script("/runs/100%", "/out/dr1.fits"))
    assert " work /runs/100%\n" in script
    assert "#SBATCH --output=/runs/100%%/logs/work-%A_%a.log\n" in script
    options = ("partition", "account", "gpus", "dialect", "allow-failed", "overwrite")
    assert [option for option in options if option in script] == []


def test_relative_paths_become_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    script = job_script("run", "out.csv", allow_failed=True, overwrite=True)
    assert f"merge {tmp_path}/run -o {tmp_path}/out.csv --allow-failed --overwrite\n" in script


AWKWARD = ("a b", "it's", 'x"y', "$HOME", "`date`", "back\\slash", "ä;&|", "-dash")


@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_paths_stay_what_they_are(tmp_path: Path, name: str) -> None:
    run = tmp_path / name
    script = checked(job_script(run, tmp_path / f"{name}.csv"))
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "sbatch").write_text("#!/bin/sh\ncat >/dev/null\necho '7;cluster'\n")
    (tools / "sbatch").chmod(0o755)
    done = subprocess.run(
        ["bash", "-c", script],
        env={"PATH": f"{tools}:/usr/bin:/bin"},
        text=True,
        capture_output=True,
    )
    assert done.stdout == f"work is job 7, merge is job 7; logs in {run}/logs\n", done.stderr
    assert (run / "logs").is_dir()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"array": 0}, "at least one task"),
        ({"cpus_per_task": 0}, "a task one core"),
        ({"mem": "4 G"}, "mem '4 G'"),
        ({"time": ""}, "time ''"),
        ({"partition": "a\n#SBATCH --x"}, "one word"),
    ],
)
def test_nonsense_is_refused(options: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Resources(**options)


def test_a_line_break_in_a_path_is_refused() -> None:
    with pytest.raises(ValueError, match="line break"):
        job_script("a\nb", "out.csv")
