"""Batches solved side by side: in order, few at once, and without a trace."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import torch

from gasnet3.machine.threads import side_by_side


@pytest.fixture
def two_threads() -> Iterator[None]:
    """PyTorch with two threads, whatever it has elsewhere."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_results_keep_their_order_and_every_thread_is_alone(two_threads: None) -> None:
    meeting = threading.Barrier(3, timeout=20)  # broken unless three are at it at once

    def work(item: int) -> tuple[int, int]:
        meeting.wait()
        return item, torch.get_num_threads()

    assert list(side_by_side(work, range(6), 3)) == [(i, 1) for i in range(6)]
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize(("items", "threads"), [([1], 4), ([1, 2, 3], 1), ([], 2)])
def test_what_needs_no_thread_gets_none(two_threads: None, items: list[int], threads: int) -> None:
    me = threading.get_ident()
    done = list(side_by_side(lambda item: (threading.get_ident(), item), items, threads))
    assert done == [(me, item) for item in items]
    assert torch.get_num_threads() == 2


def test_no_more_results_are_held_than_there_are_threads() -> None:
    begun: list[int] = []
    results = side_by_side(begun.append, range(100), 2)
    next(results), next(results)
    assert sorted(begun) == [0, 1]
    results.close()


def test_errors_come_out_and_the_threads_of_torch_are_back(two_threads: None) -> None:
    def fail(item: int) -> int:
        raise OSError(f"item {item}")

    with pytest.raises(OSError, match="item 0"):
        list(side_by_side(fail, range(4), 2))
    assert torch.get_num_threads() == 2
