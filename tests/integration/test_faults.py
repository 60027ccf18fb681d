"""Whatever goes wrong, nothing is lost, nothing is doubled, and the message says what to do."""

from __future__ import annotations

import multiprocessing
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import gasnet3
from gasnet3 import ZWarn, io
from gasnet3.catalog import read_catalog
from gasnet3.pipeline.request import Request
from gasnet3.run.config import make_config
from gasnet3.run.merge import MergeError, merge
from gasnet3.run.plan import Plan, make_plan
from gasnet3.run.work import Settings, work
from toy import save_toys, toy_model, toy_spectra
from warm import run

COMMAND = Path(sys.executable).with_name("gasnet3")
FILES, ROWS = 3, 256
KILLS = 20


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a toy model of galaxies."""
    return save_toys(tmp_path_factory.mktemp("models"), ["GALAXY"])


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of spectra, enough for some seconds of work."""
    directory = tmp_path_factory.mktemp("night")
    few = toy_spectra(toy_model("GALAXY"), np.linspace(0.01, 0.09, 16))
    spectra = few[np.arange(ROWS) % len(few)]
    for number in range(FILES):
        io.write_shard(directory / f"{number}.arrow", spectra)
    return directory


@pytest.fixture
def plan(tmp_path: Path, models: Path) -> Plan:
    """A run of three files of 8 spectra in parts of 6, of which nothing is done."""
    (tmp_path / "in").mkdir()
    for number in range(3):
        spectra = toy_spectra(toy_model("GALAXY"), np.linspace(0.01, 0.09, 8), seed=number)
        io.write_npz(tmp_path / "in" / f"{number}.npz", spectra)
    config = make_config(Request(str(models), "amortised"))
    return make_plan(io.expand(tmp_path / "in"), tmp_path / "run", config, part_rows=6)


def listening() -> None:
    """Ctrl-C is heard even where the tests run in the background of a shell, which ignores it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def started(*arguments: object, **options: object) -> subprocess.Popen[str]:
    """A command in a process group of its own."""
    return subprocess.Popen(
        [COMMAND, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **({"preexec_fn": listening} | options),  # type: ignore[call-overload]
    )


def ended(process: subprocess.Popen[str], status: int = 0) -> str:
    """What a command says on stderr until its end, never a traceback."""
    out, err = process.communicate(timeout=120)
    assert "Traceback" not in err, err
    assert process.returncode == status, out + err
    return err


def wait_for(condition: Callable[[], object], process: subprocess.Popen[str]) -> None:
    while not condition():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)


def parts(plan: Plan) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in plan.part_path(0).parent.glob("part-*")}


@pytest.mark.slow
def test_a_worker_killed_twenty_times_changes_no_byte(plan: Plan, tmp_path: Path) -> None:
    work(plan)
    merge(plan, tmp_path / "whole.parquet")
    whole, made = (tmp_path / "whole.parquet").read_bytes(), parts(plan)
    for name in made:
        (plan.directory / "parts" / name).unlink()
    # Workers forked from a process that has imported all there is start in no time.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["gasnet3.run.work"])
    delays = random.Random(5)
    killed = 0
    while killed < KILLS:
        worker = context.Process(target=work, args=(plan,))
        worker.start()
        worker.join(delays.uniform(0.0, 0.4))
        worker.kill()
        worker.join()
        killed += worker.exitcode == -signal.SIGKILL
        there = parts(plan)
        assert there.items() <= made.items(), "a part is complete or absent"
        if len(there) == len(made):
            for name in there:
                (plan.directory / "parts" / name).unlink()
    work(plan)
    merge(plan, tmp_path / "again.parquet")
    assert (tmp_path / "again.parquet").read_bytes() == whole


@pytest.mark.slow
def test_a_killed_worker_of_classify_is_started_again(
    tmp_path: Path, night: Path, models: Path
) -> None:
    arguments = (night, "--models", models, "--solver", "amortised", "-q")
    ended(started("classify", *arguments, "-o", tmp_path / "a.parquet", "--workers", 1))
    process = started("classify", *arguments, "-o", tmp_path / "b.parquet", "--workers", 2)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    if not children.parent.is_dir():
        pytest.skip("no /proc: the workers cannot be found")
    wait_for(lambda: children.read_text().split(), process)
    os.kill(int(children.read_text().split()[0]), signal.SIGKILL)
    err = ended(process)
    assert "was killed by signal 9, as it is when memory runs out; started again" in err
    assert (tmp_path / "b.parquet").read_bytes() == (tmp_path / "a.parquet").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.parquet", "b.parquet"]


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_that_is_interrupted_is_gone_on_with(
    tmp_path: Path, night: Path, models: Path, workers: int
) -> None:
    output = tmp_path / "c.csv"
    arguments = ("classify", night, "-o", output, "--models", models, "--solver", "amortised")
    process = started(*arguments, "--workers", workers)
    wait_for(lambda: list(tmp_path.glob("c.csv.run/parts/part-*")), process)
    os.killpg(process.pid, signal.SIGINT)
    err = ended(process, 130)
    assert err == (
        "gasnet3: stopped; run the same command again to go on, what is finished is kept\n"
    )
    assert not output.exists()
    err = ended(started(*arguments, "--workers", workers))
    assert "going on with the run in" in err
    assert len(read_catalog(output)) == FILES * ROWS
    assert list(tmp_path.iterdir()) == [output]


def test_parts_of_other_settings_are_not_taken(tmp_path: Path, night: Path, models: Path) -> None:
    output = tmp_path / "c.csv"
    paths = sorted(night.iterdir())[:1]
    config = make_config(Request(str(models), "amortised"))
    other = make_plan(paths, tmp_path / "c.csv.run", {**config, "n_best": 2})
    work(other)
    said: list[str] = []
    gasnet3.classify_files(paths, output, models=models, solver="amortised", on_message=said.append)
    assert "1 parts of another run" in said[0]
    assert len(read_catalog(output)) == ROWS


@pytest.mark.slow
def test_two_runs_on_one_output(tmp_path: Path, night: Path, models: Path) -> None:
    output = tmp_path / "c.csv"
    arguments = ("classify", night, "-o", output, "--models", models, "--solver", "amortised", "-q")
    first = started(*arguments)
    wait_for(lambda: list(tmp_path.glob("c.csv.run/plan.json")), first)
    first.send_signal(signal.SIGSTOP)  # or it may be done before the second looks
    try:
        err = ended(started(*arguments), 2)
    finally:
        first.send_signal(signal.SIGCONT)
    assert f"another gasnet3 is at work on it (process {first.pid} on " in err
    assert "wait for it, or end it" in err
    assert ended(first) == ""
    assert len(read_catalog(output)) == FILES * ROWS


def small_files() -> None:
    """As a full disk: no file may grow beyond a few blocks."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))


@pytest.mark.slow
def test_a_full_disk_leaves_no_half_file(plan: Plan, tmp_path: Path) -> None:
    err = ended(started("work", plan.directory, preexec_fn=small_files), 2)
    assert len(err.splitlines()) == 1
    assert f"cannot write {plan.part_path(0)}: " in err
    assert "make room and run the same command again" in err
    assert list((plan.directory / "parts").iterdir()) == []
    run("work", plan.directory)
    output = tmp_path / "c.parquet"
    err = ended(started("merge", plan.directory, "-o", output, preexec_fn=small_files), 2)
    assert len(err.splitlines()) == 1
    assert f"cannot write {output}: " in err
    assert not [path for path in tmp_path.iterdir() if "c.parquet" in path.name]
    run("merge", plan.directory, "-o", output)
    assert len(read_catalog(output)) == 24


def vanish(path: Path) -> None:
    path.unlink()


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


def change(path: Path) -> None:
    shutil.copy(path.with_name("0.npz"), path)


def damage(path: Path) -> None:
    state = path.stat()
    with path.open("r+b") as stream:
        stream.seek(0)
        stream.write(b"not what it was")
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


@pytest.mark.parametrize(
    ("harm", "words"),
    [(vanish, "is gone"), (truncate, "has changed"), (change, "has changed"), (damage, "")],
)
def test_an_input_that_is_harmed_after_the_plan(
    plan: Plan, tmp_path: Path, harm: Callable[[Path], None], words: str
) -> None:
    path = tmp_path / "in" / "1.npz"
    kept, state = path.read_bytes(), path.stat()
    harm(path)
    made = work(plan, settings=Settings(batch_rows=3))
    assert [len(part.failures) for part in made] == [0, 1, 1, 0]
    assert words in made[1].failures[0].reason
    with pytest.raises(MergeError, match=r"1\.npz.*--allow-failed"):
        merge(plan, tmp_path / "c.parquet")
    result = merge(plan, tmp_path / "c.parquet", allow_failed=True)
    assert [failure.path for failure in result.failures] == [path]
    table = read_catalog(tmp_path / "c.parquet")
    failed = table["zwarn"] & int(ZWarn.NODATA) != 0
    assert list(np.flatnonzero(failed)) == list(range(8, 16))
    assert list(table["id"][8:10]) == ["1.npz:0", "1.npz:1"]
    assert np.isnan(table["z"][failed]).all()
    # Restored, it is tried again; the rest is not.
    path.write_bytes(kept)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert [part.index for part in work(plan)] == [1, 2]
    assert merge(plan, tmp_path / "c.parquet").failures == []


def test_status_says_what_is_next(plan: Plan, tmp_path: Path) -> None:
    def status(code: int) -> str:
        return "".join(run("status", plan.directory, status=code))

    text = status(1)
    assert "0 of 4 parts, 0 of 24 spectra" in text
    assert f"next: gasnet3 work {plan.directory}" in text
    work(plan, 0, 2)
    text = status(1)
    assert "2 of 4 parts, 12 of 24 spectra" in text
    assert "missing: 2 parts (1, 3)" in text
    (tmp_path / "in" / "2.npz").rename(tmp_path / "gone.npz")
    work(plan, 1, 2)
    assert "1 of 3 files could not be read" in status(1)
    (tmp_path / "gone.npz").rename(tmp_path / "in" / "2.npz")
    work(plan)
    assert f"next: gasnet3 merge {plan.directory}" in status(0)
