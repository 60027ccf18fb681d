"""Commands run as a user runs them: how long they take, and how much memory."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

COMMAND = (sys.executable, "-m", "gasnet3")

NOT_KEPT = "PYTHONDONTWRITEBYTECODE"

SAMPLE = 0.05
"""Seconds from one look at the memory to the next."""


@dataclass(frozen=True)
class Cost:
    """What commands run at once cost.

    Parameters
    ----------
    seconds : float
        From the start to the end of the last.
    memory : float
        Greatest resident memory of all their processes together, MB; what processes share is
        counted in each. NaN where the system does not tell.
    """

    seconds: float
    memory: float


def run_gasnet3(
    *calls: Sequence[str],
    cores: int | None = None,
    environments: Sequence[Mapping[str, str]] = (),
) -> Cost:
    """Run gasnet3 commands at once, on some of the cores, and wait for all.

    Parameters
    ----------
    calls : sequences of str
        Arguments of each command.
    cores : int, optional
        How many cores they share; all by default. Where processes cannot be tied to cores
        they are not.
    environments : sequence of mapping, optional
        Environment variables of each, beside those of this process.

    Raises
    ------
    RuntimeError
        If one of them fails, with what it said.
    """
    # Python may keep what it compiles, as it does where gasnet3 is installed.
    kept = {name: value for name, value in os.environ.items() if name != NOT_KEPT}
    given = [dict(more) for more in environments] or [{} for _ in calls]
    began = time.perf_counter()
    with _tied_to(cores):
        started = [
            subprocess.Popen(
                [*COMMAND, *call],
                env={**kept, **more},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            for call, more in zip(calls, given, strict=True)
        ]
    with _watched([process.pid for process in started]) as peak:
        said = [process.communicate()[1] for process in started]
        seconds = time.perf_counter() - began
    for call, process, text in zip(calls, started, said, strict=True):
        if process.returncode:
            raise RuntimeError(f"gasnet3 {' '.join(call)}: status {process.returncode}\n{text}")
    return Cost(seconds, max(peak, default=float("nan")))


@contextmanager
def _tied_to(cores: int | None) -> Iterator[None]:
    """Tie processes started in the block to the first of the allowed cores."""
    if cores is None or not hasattr(os, "sched_setaffinity"):
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(allowed)[:cores])
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


@contextmanager
def _watched(roots: Sequence[int]) -> Iterator[list[float]]:
    """A list that grows by the memory of processes and their children while the block runs, MB."""
    seen: list[float] = []
    done = threading.Event()

    def watch() -> None:
        while not done.wait(SAMPLE):
            megabytes = sum(_resident(number) for root in roots for number in _family(root)) / 1e6
            if megabytes:
                seen.append(megabytes)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()


def _family(root: int) -> list[int]:
    """A process and all its descendants."""
    found = [root]
    for number in found:
        for listed in Path(f"/proc/{number}/task").glob("*/children"):
            try:
                found += [int(child) for child in listed.read_text().split()]
            except OSError:
                continue  # it has ended
    return found


def _resident(number: int) -> int:
    """Resident memory of a process in bytes; 0 if it has ended."""
    try:
        pages = int(Path(f"/proc/{number}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
