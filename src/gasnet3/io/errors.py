"""What goes wrong when a file is read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gasnet3.errors import GasnetError


class ReadError(GasnetError):
    """A file that cannot be read. The message names the file, what is wrong and what to do."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(path, problem)  # as it is called again where it is unpickled
        self.path = path
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}"


@dataclass(frozen=True)
class ReadFailure:
    """One file that was left out of a run.

    Attributes
    ----------
    path : Path
        The file.
    reason : str
        What is wrong with it and what to do, without the file's name.
    """

    path: Path
    reason: str


def check_range(path: Path, start: int, stop: int, rows: int) -> None:
    """Refuse rows that a file does not have; ReadError unless ``0 <= start <= stop <= rows``."""
    if not 0 <= start <= stop <= rows:
        raise ReadError(
            path,
            f"rows {start} to {stop} were asked for, it has {rows}; if it changed after its rows "
            "were counted, count them again",
        )
