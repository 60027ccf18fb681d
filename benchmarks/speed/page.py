"""docs/performance.md, made of what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gasnet3 import CLASSES
from gasnet3.machine.files import replacing
from speed.goals import floor_time, goals, scan_over_floor
from speed.machine import sentence
from speed.peer import CONFIGURATIONS
from speed.pictures import draw_numbers, draw_workers
from speed.whole import SHARDS, SPECS, steady

SOLVERS = ("amortised", "hybrid", "exact")

Results = Mapping[str, Any]


def write_page(docs: Path, results: Results) -> None:
    """Write performance.md and its pictures into a directory.

    Parameters
    ----------
    docs : Path
        The directory.
    results : mapping
        ``main``, and where they were run ``big`` and ``gpu``.
    """
    main, big, gpu = results["main"], results.get("big"), results.get("gpu")
    parts = [
        _head(main),
        ["## What will my spectra cost?", "", *_users(main)],
        ["## Goals", "", *_goals(main, big)],
        ["## The whole path", "", *_whole(main)],
        ["## Around it", "", *_around(main["around"])],
        ["## By stage", "", *_stages(main)],
        ["## The scan between its bounds", "", *_bounds(main["ms"])],
        ["## Beside redrock", "", *_redrock(main)],
        ["## More spectra, more workers", "", *_numbers(main)],
        ["## To the end of a large run", "", *_big(big)],
        ["## On a GPU", "", *_gpu(gpu)],
    ]
    (docs / "images").mkdir(parents=True, exist_ok=True)
    draw_numbers(main["runs"], docs / "images" / "performance-numbers.png")
    draw_workers(main["runs"], docs / "images" / "performance-workers.png")
    text = "\n\n".join("\n".join(part) for part in parts)
    with replacing(docs / "performance.md") as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def table(header: Sequence[str], rows: Sequence[Sequence[str]], texts: int = 1) -> list[str]:
    """A table whose first ``texts`` columns are words and the others numbers."""
    ruler = ["---"] * texts + ["---:"] * (len(header) - texts)
    return ["| " + " | ".join(row) + " |" for row in (header, ruler, *rows)]


def number(value: float | None) -> str:
    """Three digits, or a dash for what was not measured."""
    if value is None or value != value:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _head(main: Results) -> list[str]:
    sizes = main["sizes"]
    return [
        "# Speed",
        "",
        "This page is written by `python benchmarks/performance.py`; do not edit it.",
        "",
        f"Measured on {sentence(main['machine'])}. Mock spectra of S/N {main['sn']:.0f} on "
        "SDSS's grid, classes in turn, three classes tried for each.",
        "",
        "All that is compared was run in turns, round after round within the same minutes, and "
        f"the least of the rounds counts ({sizes['rounds']} of the stages, {sizes['repeats']} of "
        "the whole path): other machines have other times, the ratios should hold.",
    ]


def _goals(main: Results, big: Results | None) -> list[str]:
    rows = [(goal.text, goal.measured, goal.verdict) for goal in goals(main, big)]
    return [
        *table(("goal", "measured", "met?"), rows, 3),
        "",
        "Rates depend on the machine; where it is slower than the one they were set on, the "
        "ratio to the bare FFTs decides.",
    ]


PLACES = (("a laptop, 8 cores", 8), ("a node, 64 cores", 64), ("100 such nodes", 6400))
"""Where users are, and the cores there."""

COUNTS = (10_000, 1_000_000, 100_000_000)
"""Spectra that users have."""


def _users(main: Results) -> list[str]:
    """Times for the numbers of spectra that people have, where they have them."""
    most = max(run["cores"] for run in main["runs"])
    here = f"this machine, {most} core{'s' if most > 1 else ''}"
    rows = []
    for solver in SOLVERS:
        for inputs in (SHARDS, SPECS):
            cores = max((c for c in range(1, most + 1)
                         if steady(main["runs"], solver, inputs, c)[0] > 0), default=0)  # fmt: skip
            if not cores:
                continue
            rate, start = steady(main["runs"], solver, inputs, cores)
            for place, count in ((here, most), *PLACES):
                times = (max(start, 0.0) + n * cores / (rate * count) for n in COUNTS)
                rows.append((solver, inputs, place, *map(duration, times)))
    return [
        "From files to the catalog, start-up included. That of this machine is measured and "
        "drawn on in proportion; the others are what so many cores of its kind come to if each "
        "does as much, on files that are read as fast as here. What one process does at the end "
        "of a run, the merge, is shared out in them too.",
        "",
        *table(("solver", "read from", "where", *(f"{n:,} spectra" for n in COUNTS)), rows, 3),
    ]


def duration(seconds: float) -> str:
    """A time in the unit that people use for it."""
    for limit, unit, size in ((120, "s", 1), (7200, "min", 60), (172_800, "h", 3600)):
        if seconds < limit:
            return f"{number(seconds / size)} {unit}"
    return f"{number(seconds / 86_400)} days"


def _around(around: Results) -> list[str]:
    starts, reads = around["starts"], around["reads"]
    one = starts["import torch"]
    begun = [(f"`{name}`", f"{s:.2f}", f"{s / one:.2f}") for name, s in starts.items()]
    asked = [(f"`gasnet3 {name}`", number(memory)) for name, memory in reads.items()]
    plan, merge = (1e3 * around[name] / around["parts"] for name in ("plan", "merge"))
    return [
        "Commands with little to do, in turns with the import of PyTorch, which most of them need:",
        "",
        *table(("", "seconds", "/ import torch"), begun),
        "",
        f"To plan takes {number(plan)} ms a spec file, to merge {number(merge)} ms a part of one "
        f"spectrum ({around['parts']:,} of them).",
        "",
        f"What is asked of a catalog of {around['rows']:,} spectra takes memory:",
        "",
        *table(("", "MB"), asked),
    ]


def _whole(main: Results) -> list[str]:
    rows = []
    for solver in SOLVERS:
        for inputs in (SHARDS, SPECS):
            for cores in sorted({run["cores"] for run in main["runs"]}):
                rate, start = steady(main["runs"], solver, inputs, cores)
                if rate == rate:
                    hour = f"{3600 * rate / 1e6:.2f}"
                    cells = (number(rate), hour, f"{round(start, 1) + 0.0:.1f}")
                    rows.append((solver, inputs, str(cores), *cells))
    return [
        "`gasnet3 classify` as it is typed, a process of its own, catalog written. It is tied to "
        "so many cores, with a worker for each. The rate is that between a small and a large "
        "number of spectra, start-up what is left: Python, PyTorch, the models, the plan, the "
        "merge.",
        "",
        *table(
            ("solver", "read from", "cores", "spectra/s", "million an hour", "start-up, s"), rows, 2
        ),
    ]


def _stages(main: Results) -> list[str]:
    ms = main["ms"]
    columns = [_column(ms, solver) for solver in SOLVERS]
    rows = [(name, *(number(column[name]) for column in columns)) for name in columns[0]]
    sums = [sum(value for value in column.values() if value is not None) for column in columns]
    rows.append(("**sum**", *(f"**{number(value)}**" for value in sums)))
    return [
        f"CPU milliseconds a spectrum, one thread, {main['sizes']['batch']} spectra at a time, "
        "all three classes. Refinement, decision and columns are what is left of the whole.",
        "",
        *table(("", *SOLVERS), rows),
        "",
        f"From spec files, one a spectrum, reading takes {number(ms['read spec files'])} ms "
        f"instead. [Shards](shards.md) has the other formats.",
    ]


def _column(ms: Mapping[str, float], solver: str) -> dict[str, float | None]:
    """Stages of a solver, ms a spectrum."""

    def of_all(name: str) -> float:
        return sum(ms[f"{name}/{cls}"] for cls in CLASSES)

    network = of_all("network") if solver == "amortised" else None
    prepare = ms["prepare" if solver == "amortised" else "prepare, with polynomials"]
    scan, solutions = of_all(f"scan, {solver}"), ms[f"solutions, {solver}"]
    return {
        "reading a shard": ms["read a shard"],
        "preparation": prepare,
        "networks": network,
        "scans": scan,
        "minima, refinement, decision": solutions - prepare - (network or 0.0) - scan,
        "catalog columns": ms[f"pipeline, {solver}"] - solutions,
        "writing the catalog": ms["write the catalog"],
    }


def _bounds(ms: Mapping[str, float]) -> list[str]:
    rows = []
    for cls in CLASSES:
        floor, scan, direct = (
            floor_time(ms, cls), ms[f"scan, amortised/{cls}"], ms[f"scan, direct/{cls}"],
        )  # fmt: skip
        cells = (floor, scan, scan / floor, direct, direct / scan)
        rows.append((cls, *(number(value) for value in cells)))
    return [
        "The floor is the time of the Fourier transforms alone that an amortised scan cannot do "
        "without: of the weights and of the weighted flux, of the model and of its square, and "
        "one back, in float32 at the lengths used, and no other arithmetic. The direct form is "
        "the convolution that the paper writes down. CPU milliseconds a spectrum, one thread.",
        "",
        *table(("class", "floor", "scan", "scan / floor", "direct form", "direct / scan"), rows),
        "",
        f"All three classes: scan / floor = {scan_over_floor(ms):.2f}.",
    ]


def _redrock(main: Results) -> list[str]:
    ms = main["ms"]
    if "redrock" not in ms:
        return [f"Not measured here: {main['redrock']}."]
    rows = []
    for name in CONFIGURATIONS:
        ratios = [ms[name] / ms[f"pipeline, {solver}"] for solver in SOLVERS]
        rows.append((name, number(ms[name]), *(number(ratio) for ratio in ratios)))
    ours = [number(ms[f"pipeline, {solver}"]) for solver in SOLVERS]
    return [
        f"{main['redrock']} on {main['sizes']['redrock']} of the same spectra, in the same "
        "rounds, one core each, from spectra in memory to a table. CPU milliseconds a spectrum, "
        "and how many times ours that is.",
        "",
        *table(("", "ms a spectrum", *(f"/ {solver}" for solver in SOLVERS)), rows),
        "",
        f"Ours: {', '.join(f'{o} ms {s}' for o, s in zip(ours, SOLVERS, strict=True))}.",
        "",
        "redrock rebins its templates to the grid of the spectra once a run, which is not "
        "counted; its coarse scan and the refinement of three minima a template are as they "
        "come. Given spectra of SDSS it makes a resolution matrix of 9 diagonals for each and "
        "multiplies the templates with it at every redshift. With templates smoothed beforehand "
        "the matrix can be left out on this grid: the least that redrock can cost. Its templates "
        "are those at hand: stars and quasars as it has them now, but an old galaxy "
        "basis of five vectors: a larger one costs more.",
    ]


def _numbers(main: Results) -> list[str]:
    runs = [run for run in main["runs"] if run["inputs"] == SHARDS]
    most = min(2, max(run["cores"] for run in runs))
    chosen = [r for r in runs if r["cores"] == most and r["solver"] in main["sizes"]["scaled"]]
    chosen.sort(key=lambda run: (run["solver"], run["rows"]))
    rows = [
        (run["solver"], f"{run['rows']:,}", number(run["seconds"]),
         number(run["rows"] / run["seconds"]), number(run["memory"]))
        for run in chosen
    ]  # fmt: skip
    return [
        f"From shards, {most} workers with a core each, start-up included. Memory is the greatest "
        "sum over all processes, where libraries that they share are counted in each; the broken "
        "line is what the goal allows.",
        "",
        *table(("solver", "spectra", "seconds", "spectra/s", "memory, MB"), rows),
        "",
        "![Cost against the number of spectra](images/performance-numbers.png)",
        "",
        "![Rate against the number of workers](images/performance-workers.png)",
    ]


def _big(big: Results | None) -> list[str]:
    if big is None:
        return ["Not run here: `python benchmarks/performance.py --part big` does it."]
    rows = [
        (name, number(one["seconds"]), number(big["rows"] / one["seconds"]), number(one["memory"]),
         f"`{one['sha256'][:16]}`")
        for name, one in big["engines"].items()
    ]  # fmt: skip
    same = len({one["sha256"] for one in big["engines"].values()}) == 1
    return [
        f"{big['rows']:,} mock spectra, {big['solver']}, {big['workers']} workers, planned, "
        f"worked on and merged; {sentence(big['machine'])}.",
        "",
        *table(("engine", "seconds", "spectra/s", "memory, MB", "SHA-256 of the catalog"), rows),
        "",
        "The catalogs are the same, to the byte." if same else "**The catalogs differ.**",
    ]


def _gpu(gpu: Results | None) -> list[str]:
    if gpu is None:
        return ["No GPU was at hand: nothing was measured on one."]
    rows = [(solver, number(rate)) for solver, rate in gpu["rates"].items()]
    return [
        f"{gpu['rows']:,} spectra in memory to a catalog in memory; {sentence(gpu['machine'])}.",
        "",
        *table(("solver", "spectra/s"), rows),
    ]
