"""Batches solved side by side, each by one thread of its own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def side_by_side(
    function: Callable[[Item], Result], items: Sequence[Item], threads: int
) -> Iterator[Result]:
    """Results of a function for several items, in their order, by so many threads at once.

    PyTorch's own threads wait for one another at every one of the many small steps of a batch:
    another program that takes one of the cores makes all of it ten times slower. Threads that have
    a batch each wait for nobody. Most of the function's time should be without Python's lock, as in
    PyTorch and NumPy. As many results as threads are held at most.
    """
    if threads == 1 or len(items) < 2:
        yield from map(function, items)
        return
    torch = sys.modules.get("torch")  # where it runs the networks it has been imported
    before = torch.get_num_threads() if torch else 1
    alone = (lambda: torch.set_num_threads(1)) if torch else None
    try:
        with ThreadPoolExecutor(threads, initializer=alone) as pool:
            for start in range(0, len(items), threads):
                yield from pool.map(function, items[start : start + threads])
    finally:
        if torch:  # some of its libraries have one number for all threads
            torch.set_num_threads(before)
