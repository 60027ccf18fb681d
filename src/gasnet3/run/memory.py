"""How many workers and how large batches fit into a limit of memory."""

from __future__ import annotations

import re
from typing import NamedTuple

from gasnet3.errors import GasnetError
from gasnet3.run.work import BATCH_ROWS

BASE = 620_000_000
"""Bytes of a process at work, whatever the batch: Python, PyTorch, models, what a solver holds."""

THREAD = 150_000_000
"""Bytes of one more batch that is solved at once in the same process."""

ROW = 300_000
"""Bytes a spectrum of a batch costs at most: one is read, one waits, one is solved."""

LEAST_ROWS = 16
"""Batches of fewer rows are too slow to be worth it."""

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kMGT]?)(i?)B?", re.IGNORECASE)


class MemoryLimitError(GasnetError, ValueError):
    """The limit is too low for even one worker. The message says what is needed."""


class Share(NamedTuple):
    """How a run fits into a limit.

    Attributes
    ----------
    workers : int
        Processes beside the one that starts them; 0: it does the work itself.
    batch_rows, threads : int
        Spectra that each holds at once, and its threads.
    """

    workers: int
    batch_rows: int
    threads: int


def parse_size(text: str) -> int:
    """Bytes meant by "2GB", "500 MB", "1.5GiB" or a plain number.

    ValueError if it is none of these.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no amount of memory; write it like 2GB or 500MB")
    number, prefix, binary = match.groups()
    power = "kmgt".index(prefix.lower()) + 1 if prefix else 0
    return int(float(number) * (1024 if binary else 1000) ** power)


def share_memory(
    limit: int | None, workers: int, batch_rows: int = BATCH_ROWS, threads: int = 1
) -> Share:
    """The most workers, the largest batches and the most threads that stay below a limit.

    Parameters
    ----------
    limit : int or None
        Bytes for the whole run, the process that starts the workers included; None: no limit.
    workers, batch_rows, threads : int
        What is wished for: workers beside this process (0 or 1: it does the work itself), spectra
        at once, and threads of a process without workers; a worker has one.

    Raises
    ------
    MemoryLimitError
        If the work does not fit with the smallest batches in one process.
    """
    workers = workers if workers > 1 else 0
    if limit is None:
        return Share(workers, batch_rows, 1 if workers else threads)
    least = BASE + LEAST_ROWS * ROW
    if limit < least:
        raise MemoryLimitError(
            f"a limit of {limit / 1e6:.0f} MB is too low: Python, PyTorch and the models alone "
            f"take most of the {least / 1e6:.0f} MB that the work needs; raise the limit"
        )
    fitting = min(workers, (limit - BASE) // least)
    if fitting < 2:
        rows = min(batch_rows, (limit - BASE) // ROW)
        return Share(0, rows, min(threads, 1 + (limit - BASE - rows * ROW) // THREAD))
    room = (limit - BASE) // fitting - BASE
    return Share(fitting, min(batch_rows, room // ROW), 1)
