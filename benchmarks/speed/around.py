"""What is around the solving: start-up, plan, merge, and what is asked of a finished catalog."""

from __future__ import annotations

import csv
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import gasnet3.samples
from gasnet3.catalog.files import open_catalog, write_parts
from gasnet3.catalog.rows import Rows
from speed.commands import run_gasnet3
from speed.data import first_specs, mock_specs
from speed.turns import tell

BLOCK = 50_000
"""Rows of the large catalog that are made at once."""


def measure_around(parts: int, rows: int, rounds: int, directory: Path) -> dict[str, Any]:
    """Seconds and memory of the commands that do not solve, and of solving next to nothing.

    Parameters
    ----------
    parts : int
        Spec files that are planned, and as many parts of one spectrum that are merged.
    rows : int
        Spectra of the catalog that is looked at.
    rounds : int
        Rounds of what is compared with the import of PyTorch.
    directory : Path
        An empty directory.

    Returns
    -------
    dict
        ``starts``: seconds of each; ``plan`` and ``merge``: seconds for the ``parts``, start-up
        taken off; ``reads``: memory of each command in MB for the ``rows``.
    """
    specs = mock_specs(directory / "specs", parts)
    run, catalog = directory / "run", directory / "catalog.parquet"
    found: dict[str, Any] = {"parts": parts, "rows": rows, "starts": _starts(directory, rounds)}
    tell(f"plan and merge {parts:,} parts")
    found["plan"] = _beyond(
        lambda files, to: ["plan", *files, "-o", str(to), "--part-rows", "1",
                           "--solver", "amortised"],
        [str(specs)], first_specs(specs, 1), run, directory / "one",
    )  # fmt: skip
    for planned in (run, directory / "one"):
        run_gasnet3(["work", str(planned), "--quiet"])
    found["merge"] = _beyond(
        lambda runs, to: ["merge", *runs, "-o", str(to)],
        [str(run)], [str(directory / "one")], catalog, directory / "one.parquet",
    )  # fmt: skip
    found["reads"] = _reads(catalog, rows, directory)
    return found


def _starts(directory: Path, rounds: int) -> dict[str, float]:
    """Least seconds of commands with little to do, in turns with the import of PyTorch."""
    samples = str(Path(gasnet3.samples.__file__).parent)
    output = str(directory / "samples.parquet")
    best: dict[str, float] = {}
    for number in range(rounds):
        tell(f"round {number + 1}: start-up")
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import torch"], check=True)
        spent = {
            "import torch": time.perf_counter() - began,
            "gasnet3 --help": run_gasnet3(["--help"]).seconds,
            "gasnet3 classify, 12 files": run_gasnet3(
                ["classify", samples, "-o", output, "--overwrite"]
            ).seconds,
        }
        best = {name: min(best.get(name, s), s) for name, s in spent.items()}
    return best


def _beyond(
    call: Callable[[list[str], Path], list[str]], many: list[str], one: list[str], *outputs: Path
) -> float:
    """Seconds that many take more than one."""
    few = run_gasnet3(call(one, outputs[1])).seconds
    return max(0.0, run_gasnet3(call(many, outputs[0])).seconds - few)


def _reads(catalog: Path, rows: int, directory: Path) -> dict[str, float]:
    """Memory of what is asked of a catalog of so many spectra, MB."""
    tell(f"a catalog of {rows:,} spectra")
    few = open_catalog(catalog).loaded()
    large, truth = directory / "large.parquet", directory / "truth.csv"
    write_parts(_Repeated(few, rows), large)
    with truth.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("id", "class", "z"))
        for block in _Repeated(few, rows):
            writer.writerows(zip(*(block[name] for name in ("id", "class", "z")), strict=True))
    calls = {
        "anomalies": ["anomalies", str(large)],
        "evaluate": ["evaluate", str(large), str(truth)],
        "report": ["report", str(large), "-o", str(directory / "page.html")],
    }
    return {name: run_gasnet3(call).memory for name, call in calls.items()}


class _Repeated:
    """The rows of a catalog again and again, under new identifiers, block by block."""

    def __init__(self, few: Rows, rows: int) -> None:
        self._few, self._rows = few, rows

    def __iter__(self) -> Iterator[Rows]:
        for start in range(0, self._rows, BLOCK):
            numbers = np.arange(start, min(start + BLOCK, self._rows))
            ids = np.char.add("mock-large-", numbers.astype(np.str_))
            yield self._few[numbers % len(self._few)].beside({"id": ids}, {})
