"""What the numbers were taken on."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from peers.page import processor, versions

from gasnet3.machine.cores import allotted_cores
from speed.gpu import device_name


def machine() -> dict[str, Any]:
    """Processor, cores, memory in GB (None where the system does not tell), GPU, versions, date."""
    return {
        "processor": processor(),
        "cores": allotted_cores(),
        "memory": _memory(),
        "gpu": device_name(),
        "versions": versions(),
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
    }


def sentence(found: dict[str, Any]) -> str:
    """The machine in one line."""
    memory = f", {found['memory']:.0f} GB of memory" if found["memory"] else ""
    cores = "one core" if found["cores"] == 1 else f"{found['cores']} cores"
    gpu = f", {found['gpu']}" if found["gpu"] else ""
    return (
        f"{found['processor']}, {cores}{memory}{gpu}; {', '.join(found['versions'])}; "
        f"{found['date']}"
    )


def _memory() -> float | None:
    """Memory of the machine in GB; None where the system does not tell."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) / 1e6 for line in lines if line.startswith("MemTotal"))
    except (OSError, StopIteration):
        return None
