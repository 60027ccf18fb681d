"""Many spectra to the end: planned, worked on by two engines, merged, and compared."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gasnet3.io.stores.manifest import SHARD_ROWS
from gasnet3.machine.cores import allotted_cores
from speed.commands import Cost, run_gasnet3
from speed.data import mock_shards
from speed.turns import tell

SOLVER = "amortised"

RANKS, DASK = "rank variables", "Dask"
"""The engines."""


def measure_engines(rows: int, directory: Path) -> dict[str, Any]:
    """The same spectra by rank variables and by Dask: cost and checksum of each catalog.

    Parameters
    ----------
    rows : int
        Mock spectra.
    directory : Path
        An empty directory for spectra, runs and catalogs.
    """
    workers = max(2, allotted_cores())
    shards = mock_shards(directory / "shards", rows, SHARD_ROWS)
    engines: dict[str, Callable[[Path], Cost]] = {
        RANKS: lambda run: _by_ranks(run, workers),
        DASK: lambda run: run_gasnet3(["work", str(run), "--dask", str(workers)]),
    }
    found = {}
    for name, work in engines.items():
        tell(f"{rows:,} spectra by {name}")
        run, catalog = directory / name.replace(" ", "-"), directory / "catalog.parquet"
        steps = [
            run_gasnet3(["plan", str(shards), "-o", str(run), "--solver", SOLVER]),
            work(run),
            run_gasnet3(["merge", str(run), "-o", str(catalog), "--overwrite"]),
        ]
        found[name] = {
            "seconds": sum(step.seconds for step in steps),
            "memory": max(step.memory for step in steps),
            "sha256": checksum(catalog),
        }
    return {"rows": rows, "solver": SOLVER, "workers": workers, "engines": found}


def _by_ranks(run: Path, workers: int) -> Cost:
    """One process a rank, told by the variables that torchrun sets."""
    ranks = [{"RANK": str(rank), "WORLD_SIZE": str(workers)} for rank in range(workers)]
    return run_gasnet3(*[["work", str(run), "--threads", "1"]] * workers, environments=ranks)


def checksum(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
