"""How many cores this process may use, which is often fewer than the machine has."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")


def allotted_cores(environment: Mapping[str, str] | None = None, cgroup: Path = CGROUP) -> int:
    """Cores allotted to this process, at least 1.

    The least of: the cores it may run on, the quota of its control group (containers), and
    ``SLURM_CPUS_PER_TASK``.
    """
    environment = os.environ if environment is None else environment
    counts = [_affinity(), _quota(cgroup)]
    asked = environment.get("SLURM_CPUS_PER_TASK", "")
    if asked.isdecimal() and int(asked):
        counts.append(int(asked))
    return min(count for count in counts if count is not None)


def default_threads(environment: Mapping[str, str] | None = None) -> int:
    """Threads where none are asked for: the cores allotted, or ``OMP_NUM_THREADS`` if fewer."""
    environment = os.environ if environment is None else environment
    said = environment.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    cores = allotted_cores(environment)
    return min(cores, int(said)) if said.isdecimal() and int(said) else cores


def _affinity() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _quota(cgroup: Path) -> int | None:
    """Whole cores of a quota, rounded up; None where there is none."""
    try:
        quota, period = (cgroup / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            quota = (cgroup / "cpu" / "cpu.cfs_quota_us").read_text().strip()
            period = (cgroup / "cpu" / "cpu.cfs_period_us").read_text().strip()
        except OSError:
            return None
    if not (quota.isdecimal() and period.isdecimal() and int(period)):
        return None  # "max" or -1: no limit
    return max(1, math.ceil(int(quota) / int(period)))
