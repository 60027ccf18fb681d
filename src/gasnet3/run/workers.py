"""Worker processes of this machine that share a run, restarted when they die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from gasnet3.errors import GasnetError
from gasnet3.machine.progress import Message, Progress, silent
from gasnet3.run.plan import Plan
from gasnet3.run.work import Settings

RESTARTS = 3
"""How often a worker that dies is started again."""

POLL = 0.1
"""Seconds between two looks at the workers."""

PATIENCE = 10.0
"""Seconds that workers have to end before they are killed."""

BAD_USAGE = 2
"""Exit status of a worker that says itself what is wrong: another try would not help."""


class WorkersError(GasnetError):
    """The workers cannot finish the run. The message says why and what to do."""


@dataclass
class _Worker:
    """One rank of a run, and the process that it is now."""

    plan: Plan
    rank: int
    world: int
    settings: Settings
    restarts: int = 0
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        return self.plan.directory / f"worker-{self.rank}.log"

    def start(self) -> None:
        command = [
            sys.executable, "-m", "gasnet3", "work", str(self.plan.directory),
            "--rank", str(self.rank), "--world", str(self.world), "--threads", "1", "--quiet",
            "--device", self.settings.device, "--batch-size", str(self.settings.batch_rows),
            "--parent", str(os.getpid()),
        ]  # fmt: skip
        # Nothing of the current directory is imported; a "cuda" is shared out card by card.
        more = {"PYTHONSAFEPATH": "1", "OMP_NUM_THREADS": "1", "LOCAL_RANK": str(self.rank)}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command,
                env={**os.environ, **more},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )

    def look(self, note: Message) -> bool:
        """Whether the worker is still at work; it is started again if it has died."""
        status = None if self.process is None else self.process.poll()
        if status is None:
            return True
        missing = self.plan.missing(self.rank, self.world, retry=False)
        if status in (0, 1) and not missing:
            return False
        if status == BAD_USAGE:
            raise WorkersError(self._said().removeprefix("gasnet3: "))
        why = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        if status == -signal.SIGKILL:
            why += ", as it is when memory runs out"
        if self.restarts == RESTARTS:
            raise WorkersError(
                f"worker {self.rank} {why}, and so {RESTARTS + 1} times ({self._said()}); with "
                "little memory use fewer --workers or set --max-memory; run the same command "
                "again to go on, what is finished is kept"
            )
        self.restarts += 1
        note(f"worker {self.rank} {why}; started again, {len(missing)} of its parts are missing")
        self.start()
        return True

    def _said(self) -> str:
        """The last line that the worker wrote."""
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"


def work_with_workers(
    plan: Plan,
    workers: int,
    settings: Settings,
    on_progress: Progress | None = None,
    on_message: Message | None = None,
) -> None:
    """Make the missing parts of a run by so many processes of one thread each.

    A line is said when a worker is started again; WorkersError if one says that it cannot go on, or
    dies again and again.
    """
    ranks = [_Worker(plan, rank, workers, settings) for rank in range(workers)]
    busy = [worker for worker in ranks if plan.missing(worker.rank, workers)]
    try:
        for worker in busy:
            worker.start()
        while busy:
            time.sleep(POLL)
            busy = [worker for worker in busy if worker.look(on_message or silent)]
            if on_progress:
                on_progress(plan.rows_in(plan.finished()), plan.rows)
    finally:
        _end([worker.process for worker in ranks if worker.process is not None])


def _end(processes: list[subprocess.Popen[bytes]]) -> None:
    """End the processes that still run, and wait until they have."""
    until = time.monotonic() + PATIENCE
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
    for process in processes:
        try:
            process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
