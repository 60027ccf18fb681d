"""Ranks, cores, memory and locks: what a run finds out about where it is."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from gasnet3.machine.cores import allotted_cores, default_threads
from gasnet3.machine.lock import LockError, locked
from gasnet3.run.memory import (
    BASE,
    LEAST_ROWS,
    ROW,
    THREAD,
    MemoryLimitError,
    parse_size,
    share_memory,
)
from gasnet3.run.ranks import Rank, find_rank, local_device

ARRAY = {
    "SLURM_ARRAY_TASK_ID": "7",
    "SLURM_ARRAY_TASK_MIN": "1",
    "SLURM_ARRAY_TASK_MAX": "10",
    "SLURM_ARRAY_TASK_COUNT": "4",
    "SLURM_ARRAY_TASK_STEP": "3",
}


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, (0, 1, 0)),
        ({"RANK": "3", "WORLD_SIZE": "8", "LOCAL_RANK": "1"}, (3, 8, 1)),
        ({"OMPI_COMM_WORLD_RANK": "2", "OMPI_COMM_WORLD_SIZE": "4"}, (2, 4, 0)),
        ({"PMI_RANK": "1", "PMI_SIZE": "2"}, (1, 2, 0)),
        ({"SLURM_PROCID": "5", "SLURM_NTASKS": "6", "SLURM_LOCALID": "2"}, (5, 6, 2)),
        (ARRAY, (2, 4, 0)),
        ({**ARRAY, "SLURM_PROCID": "1", "SLURM_NTASKS": "2"}, (5, 8, 0)),
    ],
)
def test_the_launcher_tells_the_rank(
    environment: dict[str, str], expected: tuple[int, int, int]
) -> None:
    assert find_rank(environment=environment) == Rank(*expected)


def test_every_rank_of_an_array_of_tasks_is_there_once() -> None:
    ranks = [
        find_rank(
            environment={
                **ARRAY,
                "SLURM_ARRAY_TASK_ID": str(element),
                "SLURM_PROCID": str(task),
                "SLURM_NTASKS": "3",
            }
        )
        for element in (1, 4, 7, 10)
        for task in range(3)
    ]
    assert [rank.rank for rank in ranks] == list(range(12))
    assert {rank.world for rank in ranks} == {12}


def test_options_come_before_the_environment() -> None:
    assert find_rank(1, 3, {"RANK": "3", "WORLD_SIZE": "8", "LOCAL_RANK": "1"}) == Rank(1, 3, 1)


@pytest.mark.parametrize(
    ("rank", "world", "environment", "words"),
    [
        (1, None, {}, "both --rank and --world"),
        (3, 3, {}, "rank 3 of 3"),
        (None, None, {"RANK": "one", "WORLD_SIZE": "2"}, "RANK is 'one'"),
        (None, None, {"SLURM_ARRAY_TASK_ID": "1"}, "the size of the array is not"),
        (None, None, {**ARRAY, "SLURM_ARRAY_TASK_COUNT": "3"}, "has gaps"),
    ],
)
def test_ranks_that_cannot_be_told(
    rank: int | None, world: int | None, environment: dict[str, str], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        find_rank(rank, world, environment)


def test_cards_are_shared_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 4)
    assert local_device("cuda", Rank(9, 16, 5)) == "cuda:1"
    assert local_device("cuda", Rank()) == "cuda"
    assert local_device("cuda:2", Rank(9, 16, 5)) == "cuda:2"
    assert local_device("cpu", Rank(9, 16, 5)) == "cpu"


def test_cores_are_those_allotted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    assert allotted_cores({}, tmp_path) == 8
    assert allotted_cores({"SLURM_CPUS_PER_TASK": "3"}, tmp_path) == 3
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert allotted_cores({}, tmp_path) == 8
    (tmp_path / "cpu.max").write_text("150000 100000\n")
    assert allotted_cores({}, tmp_path) == 2
    (tmp_path / "cpu.max").unlink()
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("-1\n")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert allotted_cores({}, tmp_path) == 8
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("400000\n")
    assert allotted_cores({}, tmp_path) == 4


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2GB", 2 * 10**9),
        ("500 MB", 5 * 10**8),
        ("1.5GiB", 3 * 2**29),
        ("4096", 4096),
        ("8k", 8000),
    ],
)
def test_sizes(text: str, expected: int) -> None:
    assert parse_size(text) == expected


@pytest.mark.parametrize("text", ["", "much", "2 XB", "-1GB", "GB"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(ValueError, match="2GB or 500MB"):
        parse_size(text)


def test_what_is_shared_out_keeps_below_the_limit() -> None:
    assert share_memory(None, 1, threads=3) == (0, 256, 3)
    assert share_memory(None, 4, threads=3) == (4, 256, 1)
    for limit in range(BASE + LEAST_ROWS * ROW, 20 * BASE, BASE // 7):
        workers, rows, _ = share_memory(limit, 6, 10_000)
        assert workers <= 6
        assert rows >= LEAST_ROWS
        processes = workers + 1 if workers else 1
        busy = workers or 1
        assert processes * BASE + busy * rows * ROW <= limit
        for wished in (1, 2, 8):
            alone, rows, threads = share_memory(limit, 1, 256, wished)
            assert alone == 0
            assert 1 <= threads <= wished
            assert BASE + rows * ROW + (threads - 1) * THREAD <= limit
    assert share_memory(20 * BASE, 6, 100) == (6, 100, 1)
    assert share_memory(20 * BASE, 1, 100, 8) == (0, 100, 8)


def test_a_limit_below_what_one_worker_needs_is_refused() -> None:
    with pytest.raises(MemoryLimitError, match=r"a limit of 100 MB is too low.*raise the limit"):
        share_memory(parse_size("100MB"), 1)


def test_a_lock_is_held_once_and_let_go(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with locked(path, "out.csv"):
        assert json.loads(path.read_text())["pid"] == os.getpid()
        again = locked(path, "out.csv")
        with pytest.raises(LockError, match=rf"out\.csv: .* \(process {os.getpid()} on "), again:
            raise AssertionError
    assert not path.exists()
    path.write_text("left by a process that was killed")
    with locked(path, "out.csv"):
        pass


def test_a_file_system_without_locks_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(stream: object, operation: int) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("fcntl.flock", refuse)
    words = r"gives no locks.*local or another shared file system"
    with pytest.raises(LockError, match=words), locked(tmp_path / "lock", "out.csv"):
        raise AssertionError


@pytest.mark.parametrize(
    ("said", "threads"), [("1", 1), ("1,4", 1), ("", None), ("many", None), ("0", None)]
)
def test_fewer_threads_where_the_environment_says_so(said: str, threads: int | None) -> None:
    assert default_threads({"OMP_NUM_THREADS": said}) == (threads or allotted_cores({}))
    assert default_threads({"OMP_NUM_THREADS": "10000"}) == allotted_cores({})
