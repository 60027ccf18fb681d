"""The pictures of docs/performance.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gasnet3.report.figures import save_figure
from speed.goals import MEMORY
from speed.whole import SHARDS, SPECS, steady

COLORS = {"amortised": "#0072B2", "hybrid": "#D55E00", "exact": "#009E73"}
"""Of the solvers; told apart with every common kind of colour vision."""

MARKERS = {SHARDS: "o", SPECS: "s"}

Runs = Sequence[Mapping[str, Any]]


def draw_numbers(runs: Runs, path: Path) -> Path:
    """Seconds and memory against the number of spectra, shards, at most two cores.

    The broken line is the memory that the goal allows.
    """
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    panels = figure.subplots(1, 2)
    cores = min(2, max(run["cores"] for run in runs))
    for solver, color in COLORS.items():
        of = [r for r in runs if (r["solver"], r["inputs"], r["cores"]) == (solver, SHARDS, cores)]
        of.sort(key=lambda run: run["rows"])
        rows = [run["rows"] for run in of]
        for axis, field in zip(panels, ("seconds", "memory"), strict=True):
            values = [run[field] if run[field] is not None else float("nan") for run in of]
            axis.plot(rows, values, "o-", color=color, label=solver)
    _label(panels[0], "seconds, start-up included")
    _label(panels[1], "greatest memory of all processes (MB)")
    panels[0].set_yscale("log")
    panels[1].axhline(MEMORY, color="0.5", ls="--")
    panels[1].set_ylim(bottom=0)
    panels[0].legend(frameon=False)
    return save_figure(figure, path)


def _label(axis: Axes, what: str) -> None:
    axis.set(xscale="log", xlabel="spectra", ylabel=what)
    axis.grid(alpha=0.3)


def draw_workers(runs: list[dict[str, Any]], path: Path) -> Path:
    """Spectra a second against the number of workers, a core each."""
    figure = Figure(figsize=(6.5, 4.2), layout="constrained")
    axis = figure.subplots()
    counts = sorted({run["cores"] for run in runs})
    for solver, color in COLORS.items():
        for inputs, marker in MARKERS.items():
            rates = [steady(runs, solver, inputs, count)[0] for count in counts]
            if any(rate == rate for rate in rates):
                line = "-" if inputs == SHARDS else "--"
                label = f"{solver}, {inputs}"
                axis.plot(counts, rates, ls=line, color=color, marker=marker, label=label)
    axis.set(xlabel="workers, a core each", ylabel="spectra/s", yscale="log", xticks=counts)
    axis.grid(alpha=0.3)
    if axis.lines:  # runs too short for a rate leave none
        figure.legend(loc="outside right center", frameon=False, fontsize=8)
    return save_figure(figure, path)
