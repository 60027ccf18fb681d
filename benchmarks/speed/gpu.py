"""The same path on a GPU, where there is one."""

from __future__ import annotations

import time

import torch

from gasnet3.nets.registry import load_models
from gasnet3.pipeline.pipeline import Pipeline
from gasnet3.solve.solvers import SOLVERS
from gasnet3.train.mock import draw
from speed.turns import Job, least_times

DEVICE = "cuda"


def device_name() -> str:
    """Name of the GPU; '' where there is none."""
    return torch.cuda.get_device_name(DEVICE) if torch.cuda.is_available() else ""


def measure_gpu(rows: int, rounds: int) -> dict[str, float]:
    """Spectra a second of each solver, from spectra in memory to a catalog in memory."""
    spectra = draw(load_models("encoder"), rows, seed=1)
    jobs = []
    for name in SOLVERS:
        pipeline = Pipeline.load("encoder", name, DEVICE)
        jobs.append(Job(name, lambda run=pipeline.run: run(spectra), rows))  # type: ignore[misc]
    # The clock's time: the processor waits while the GPU computes.
    times = least_times(jobs, rounds, time.perf_counter)
    return {name: 1e3 / value for name, value in times.items()}
