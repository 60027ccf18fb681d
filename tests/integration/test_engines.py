"""Dask, ranks and one process make the same catalog, to the byte, and lose nothing."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from gasnet3.io import write_npz, write_spec
from gasnet3.pipeline.request import Request
from gasnet3.run.config import make_config
from gasnet3.run.dask import DaskError, work_with_dask
from gasnet3.run.merge import merge
from gasnet3.run.plan import Plan, make_plan
from gasnet3.run.ranks import find_rank
from gasnet3.run.work import work
from toy import save_toys, toy_model, toy_spectra

PART_ROWS = 4


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_toys(tmp_path_factory.mktemp("models"), ["STAR", "GALAXY"])


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A file of many spectra, and two of one with other key columns."""
    directory = tmp_path_factory.mktemp("files")
    spectra = toy_spectra(toy_model("GALAXY"), np.linspace(0.01, 0.09, 15))
    write_npz(directory / "a.npz", spectra)
    write_spec(directory / "spec-1.fits", spectra, 3)
    write_spec(directory / "spec-2.fits", spectra, 4)
    return sorted(directory.iterdir())


def planned(directory: Path, files: list[Path], models: Path) -> Plan:
    return make_plan(
        files, directory, make_config(Request(str(models), "amortised")), part_rows=PART_ROWS
    )


CATALOGS = [("parquet", "native"), ("fits", "sdss"), ("csv", "redrock")]


def merged(plan: Plan) -> list[bytes]:
    outputs = [plan.directory / f"out.{ending}" for ending, _ in CATALOGS]
    for output, (_, dialect) in zip(outputs, CATALOGS, strict=True):
        merge(plan, output, dialect)
    return [output.read_bytes() for output in outputs]


@pytest.fixture(scope="module")
def expected(
    tmp_path_factory: pytest.TempPathFactory, files: list[Path], models: Path
) -> list[bytes]:
    """The catalogs of a run made by this process alone."""
    plan = planned(tmp_path_factory.mktemp("one") / "run", files, models)
    assert len(work(plan)) == len(plan) == 5
    return merged(plan)


LAUNCHERS: dict[str, list[dict[str, str]]] = {
    "torchrun": [{"RANK": str(rank), "WORLD_SIZE": "3"} for rank in range(3)],
    "Open MPI": [
        {"OMPI_COMM_WORLD_RANK": str(rank), "OMPI_COMM_WORLD_SIZE": "2"} for rank in range(2)
    ],
    "SLURM array": [
        {
            "SLURM_ARRAY_TASK_ID": str(task),
            "SLURM_ARRAY_TASK_MIN": "1",
            "SLURM_ARRAY_TASK_MAX": "3",
            "SLURM_ARRAY_TASK_COUNT": "3",
            "SLURM_ARRAY_TASK_STEP": "1",
            "SLURM_PROCID": "0",
            "SLURM_NTASKS": "1",
        }
        for task in (3, 1, 2)
    ],
}


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_ranks_make_the_same_catalogs(
    tmp_path: Path, files: list[Path], models: Path, expected: list[bytes], launcher: str
) -> None:
    plan = planned(tmp_path / "run", files, models)
    made: list[int] = []
    for environment in LAUNCHERS[launcher]:
        rank = find_rank(environment=environment)
        made += [part.index for part in work(plan, rank.rank, rank.world)]
    assert sorted(made) == list(range(5)), "every part by one rank"
    assert merged(plan) == expected


@pytest.mark.slow
def test_dask_makes_the_same_catalogs_though_a_worker_is_killed(
    tmp_path: Path, files: list[Path], models: Path, expected: list[bytes]
) -> None:
    plan = planned(tmp_path / "run", files, models)
    killed: list[int] = []
    told: list[tuple[int, int]] = []

    def kill_one(done: int, total: int) -> None:
        told.append((done, total))
        if not killed:
            children = psutil.Process().children(recursive=True)
            workers = [c for c in children if "spawn_main" in " ".join(c.cmdline())]
            killed.append(workers[0].pid)
            os.kill(workers[0].pid, signal.SIGKILL)

    made = work_with_dask(plan, 2, on_progress=kill_one)
    assert killed
    assert [part.index for part in made] == list(range(5))
    assert len(set(told)) == len(told) == 5, "after every part"
    assert max(told) == (plan.rows, plan.rows)
    assert sum(part.rows for part in made) == plan.rows
    assert merged(plan) == expected
    assert work_with_dask(plan, 2) == [], "nothing is missing now"


def test_a_cluster_that_runs_already_makes_what_is_missing(
    tmp_path: Path, files: list[Path], models: Path, expected: list[bytes]
) -> None:
    from distributed import LocalCluster

    plan = planned(tmp_path / "run", files, models)
    work(plan, 0, 2)
    with LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None
    ) as cluster:
        made = work_with_dask(plan, cluster.scheduler_address)
    assert [part.index for part in made] == [1, 3]
    assert merged(plan) == expected


@pytest.mark.slow
def test_a_worker_that_always_dies_is_told(
    tmp_path: Path, files: list[Path], models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dask

    plan = planned(tmp_path / "run", files, models)
    # A network whose weights the workers cannot load without dying.
    monkeypatch.setattr("gasnet3.run.dask._task", _die)
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        pytest.raises(DaskError, match=r"part \d: its worker died 1 times?, .*memory") as error,
    ):
        work_with_dask(plan, 1)
    assert "\n" not in str(error.value)


def _die(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_wrong_calls_are_told(tmp_path: Path, files: list[Path], models: Path) -> None:
    plan = planned(tmp_path / "run", files, models)
    with pytest.raises(ValueError, match="workers must be 1 or more, got 0"):
        work_with_dask(plan, 0)
    import dask

    with (
        dask.config.set({"distributed.comm.timeouts.connect": "200ms"}),
        pytest.raises(DaskError, match=r"no Dask scheduler answers at tcp://127.0.0.1:9 "),
    ):
        work_with_dask(plan, "tcp://127.0.0.1:9")
