"""Which of how many workers this process is, as the launcher that started it says."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

TASKS = (
    ("RANK", "WORLD_SIZE"),  # torchrun
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),  # Open MPI
    ("PMIX_RANK", "PMIX_SIZE"),
    ("PMI_RANK", "PMI_SIZE"),  # MPICH, Intel MPI
    ("SLURM_PROCID", "SLURM_NTASKS"),  # srun
)
"""Variables of launchers, the innermost first: torchrun and mpirun may run inside SLURM."""

LOCAL = (
    "LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID", "PMI_LOCAL_RANK",
    "SLURM_LOCALID",
)  # fmt: skip
"""Number of the task on its machine."""


@dataclass(frozen=True)
class Rank:
    """One worker: its number, from 0, of how many, and its number among those on the machine."""

    rank: int = 0
    world: int = 1
    local: int = 0


def find_rank(
    rank: int | None = None,
    world: int | None = None,
    environment: Mapping[str, str] | None = None,
) -> Rank:
    """The rank that is given, or else the one that the environment says.

    Every task of a SLURM array counts as so many workers as it has tasks itself. Of a rank given by
    hand the environment (``os.environ`` by default) counts only for ``local``. ValueError if only
    rank or world is given, the rank is not below the world, or a variable is not the number it
    should be.
    """
    environment = os.environ if environment is None else environment
    local = next((_number(environment, name) for name in LOCAL if name in environment), 0)
    if (rank is None) != (world is None):
        raise ValueError("give both --rank and --world, or neither")
    if rank is not None and world is not None:
        return _checked(rank, world, local)
    task, tasks = _task(environment)
    element, elements = _array(environment)
    return _checked(element * tasks + task, elements * tasks, local)


def _task(environment: Mapping[str, str]) -> tuple[int, int]:
    for rank, world in TASKS:
        if rank in environment and world in environment:
            return _number(environment, rank), _number(environment, world)
    return 0, 1


def _array(environment: Mapping[str, str]) -> tuple[int, int]:
    """Place in a SLURM array, from 0, and its length."""
    if "SLURM_ARRAY_TASK_ID" not in environment:
        return 0, 1
    index = _number(environment, "SLURM_ARRAY_TASK_ID")
    names = ("SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_MAX", "SLURM_ARRAY_TASK_COUNT")
    if not all(name in environment for name in names):
        raise ValueError("SLURM_ARRAY_TASK_ID is set, the size of the array is not; give --rank")
    first, last, count = (_number(environment, name) for name in names)
    step = (last - first) // (count - 1) if count > 1 else 1
    if step < 1 or (last - first) % step or (last - first) // step + 1 != count:
        raise ValueError(
            f"the array {first} to {last} with {count} tasks has gaps: the ranks are not known; "
            "use an array like 0-99, or give --rank and --world"
        )
    return (index - first) // step, count


def _number(environment: Mapping[str, str], name: str) -> int:
    try:
        return int(environment[name])
    except ValueError:
        raise ValueError(f"{name} is {environment[name]!r}, which is no number") from None


def _checked(rank: int, world: int, local: int) -> Rank:
    if not 0 <= rank < world:
        raise ValueError(f"rank {rank} of {world} is not possible: ranks run from 0 to world - 1")
    return Rank(rank, world, local)


def local_device(device: str, rank: Rank) -> str:
    """The device of one of several workers on a machine: "cuda" is shared out card by card."""
    if device != "cuda" or rank.world == 1:
        return device
    import torch

    return f"cuda:{rank.local % max(1, torch.cuda.device_count())}"
