"""Pieces of work timed in turns, so that a busy machine slows all of them alike."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, eq=False)
class Job:
    """A piece of work.

    Parameters
    ----------
    name : str
        What it is.
    run : callable
        Does it once.
    rows : int
        Spectra it handles.
    """

    name: str
    run: Callable[[], object]
    rows: int


def least_times(
    jobs: Sequence[Job], rounds: int, clock: Callable[[], float] = time.process_time
) -> dict[str, float]:
    """Least milliseconds a spectrum of each job, over rounds in which all take their turn.

    One round more than asked for is taken: the first warms the caches.

    Parameters
    ----------
    jobs : sequence of Job
        What is timed.
    rounds : int
        Rounds, 1 or more.
    clock : callable
        Seconds; the CPU time of this process by default, in which other work counts least.
    """
    best = dict.fromkeys((job.name for job in jobs), float("inf"))
    for number in range(rounds + 1):
        tell(f"round {number} of {rounds}: {len(jobs)} pieces of work")
        for job in jobs:
            began = clock()
            job.run()
            spent = 1e3 * (clock() - began) / job.rows
            if number:
                best[job.name] = min(best[job.name], spent)
    return best


def tell(text: str) -> None:
    """Say on a terminal what is going on."""
    if sys.stderr.isatty():
        print(text, file=sys.stderr)
