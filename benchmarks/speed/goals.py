"""The goals, what was measured, and whether it is enough: all computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gasnet3 import CLASSES
from speed.big import DASK, RANKS
from speed.floor import TOGETHER
from speed.whole import SHARDS

RATES = {"amortised": 1_200, "hybrid": 400}
"""Spectra a second from shards on two cores, catalog written."""

OVER_FLOOR = 1.5
"""The scan's time over that of the bare transforms."""

OVER_REDROCK = {"amortised": 600, "hybrid": 230}
"""redrock's time over ours, one core each."""

OVER_TRANSFORMS = {"amortised": 7.0, "hybrid": 17.0}
"""All that is done to a spectrum, over the bare FFTs of the amortised scan."""

OVER_TORCH = {"gasnet3 --help": 0.15, "gasnet3 classify, 12 files": 1.5}
"""Time of commands with little to do, over that of the import of PyTorch."""

EACH = {"plan": 0.1, "merge": 3.0}
"""Milliseconds a file that is planned, and a part of one spectrum that is merged."""

READS = 1_000.0
"""Memory of what is asked of a catalog of a million spectra, MB."""

OVER_RANKS = 1.1
"""Time by Dask over that by rank variables."""

MEMORY = 2_000.0
"""Greatest memory of all processes together, MB."""

FLAT = 1.1
"""Memory for the most spectra over that for the fewest that is still called flat."""

Main = Mapping[str, Any]


@dataclass(frozen=True)
class Goal:
    """A goal and how it stands.

    Parameters
    ----------
    text, measured : str
        What is wanted, and what was found.
    met : bool or None
        None where it was not measured.
    """

    text: str
    measured: str
    met: bool | None

    @property
    def verdict(self) -> str:
        """Whether it is met, in a word."""
        return {True: "yes", False: "**no**", None: "not measured"}[self.met]


def goals(main: Main, big: Mapping[str, Any] | None) -> list[Goal]:
    """All goals, from the results of ``performance.py`` and of its big run."""
    return [
        *(_rate(main, solver, least) for solver, least in RATES.items()),
        _over_floor(main),
        *(_over_transforms(main, solver, most) for solver, most in OVER_TRANSFORMS.items()),
        *(_over_redrock(main, solver, least) for solver, least in OVER_REDROCK.items()),
        _memory(main),
        *_around(main["around"]),
        *_big(big),
    ]


def floor_time(ms: Mapping[str, float], cls: str) -> float:
    """Milliseconds of the bare transforms of a class, in the batches that are fastest."""
    return min(ms[f"transforms of {together}/{cls}"] for together in TOGETHER)


def scan_over_floor(ms: Mapping[str, float]) -> float:
    """Time of the amortised scans of all classes over that of their bare transforms."""
    scan = sum(ms[f"scan, amortised/{cls}"] for cls in CLASSES)
    return scan / sum(floor_time(ms, cls) for cls in CLASSES)


def largest(runs: Sequence[Mapping[str, Any]], solver: str) -> Mapping[str, Any] | None:
    """The run of most spectra from shards on two cores; None where there are not two."""
    of = [r for r in runs if (r["solver"], r["inputs"], r["cores"]) == (solver, SHARDS, 2)]
    return max(of, key=lambda run: run["rows"], default=None)


def _rate(main: Main, solver: str, least: int) -> Goal:
    text = f"{solver} from shards on two cores, catalog written: {least:,} spectra/s"
    run = largest(main["runs"], solver)
    if run is None:
        return Goal(text, "there are not two cores", None)
    rate = run["rows"] / run["seconds"]
    return Goal(text, f"{rate:,.0f}, start-up of {run['rows']:,} included", rate >= least)


def _over_floor(main: Main) -> Goal:
    ratio = scan_over_floor(main["ms"])
    return Goal(
        f"amortised scan of three classes: {OVER_FLOOR} × the bare FFTs",
        f"{ratio:.2f} ×",
        ratio <= OVER_FLOOR,
    )


def _over_transforms(main: Main, solver: str, most: float) -> Goal:
    floor = sum(floor_time(main["ms"], cls) for cls in CLASSES)
    ratio = main["ms"][f"pipeline, {solver}"] / floor
    text = f"{solver}, from memory to a catalog: {most:g} × the bare FFTs of the amortised scan"
    return Goal(text, f"{ratio:.1f} ×", ratio <= most)


def _around(around: Mapping[str, Any]) -> list[Goal]:
    """Start-up, plan and merge, and what is asked of a catalog."""
    starts, found = around["starts"], []
    for name, most in OVER_TORCH.items():
        ratio = starts[name] / starts["import torch"]
        measured = f"{ratio:.2f} × ({starts[name]:.2f} s)"
        found.append(Goal(f"`{name}`: {most:g} × `import torch`", measured, ratio <= most))
    things = {"plan": "a file", "merge": "a part of one spectrum"}
    for name, most in EACH.items():
        ms = 1e3 * around[name] / around["parts"]
        text = f"`gasnet3 {name}`: {most:g} ms {things[name]}"
        measured = f"{ms:.3g} ms, of {around['parts']:,}"
        found.append(Goal(text, measured, ms <= most))
    text = f"`anomalies`, `evaluate` and `report` of a million spectra: {READS / 1e3:g} GB"
    reads = around["reads"]
    told = ", ".join(f"{memory:,.0f}" for memory in reads.values())
    enough = around["rows"] >= 1_000_000
    met = enough and max(reads.values()) <= READS
    return [*found, Goal(text, f"{told} MB, of {around['rows']:,}", met)]


def _over_redrock(main: Main, solver: str, least: int) -> Goal:
    text = f"{solver}: {least:,} × redrock's speed, same spectra, same run"
    ms = main["ms"]
    if "redrock" not in ms:
        return Goal(text, main["redrock"], None)
    ratio, cheapest = (
        ms[name] / ms[f"pipeline, {solver}"]
        for name in ("redrock", "redrock, no resolution matrix")
    )
    measured = f"{ratio:,.0f} × ({cheapest:,.0f} × without resolution matrices)"
    return Goal(text, measured, ratio >= least)


def _memory(main: Main) -> Goal:
    text = f"memory of all processes: under {MEMORY / 1e3:.0f} GB, whatever the number of spectra"
    runs = [run for run in main["runs"] if run["memory"] is not None]
    if not runs:
        return Goal(text, "the system does not tell it", None)
    most = max(run["memory"] for run in runs)
    told, flat = [], True
    compared = [run for run in runs if run["rows"] in main["sizes"]["numbers"]]
    for solver in RATES:
        of = [r for r in compared if (r["solver"], r["inputs"], r["cores"]) == (solver, SHARDS, 2)]
        if len({run["rows"] for run in of}) < 2:
            continue
        few, many = (f(of, key=lambda run: run["rows"]) for f in (min, max))
        ratio = many["memory"] / few["memory"]
        flat &= ratio <= FLAT
        told.append(f"{ratio:.2f} × for {many['rows'] / few['rows']:.0f} × the spectra ({solver})")
    return Goal(text, "; ".join([f"{most:,.0f} MB", *told]), most < MEMORY and flat)


def _big(big: Mapping[str, Any] | None) -> list[Goal]:
    texts = (
        "100,000 mock spectra to the end, under 2 GB",
        "the same catalog, to the byte, with Dask and with rank variables",
        f"Dask: {OVER_RANKS} × the time with rank variables",
    )
    if big is None:
        return [Goal(text, "`--part big` was not run", None) for text in texts]
    memory = max(engine["memory"] for engine in big["engines"].values())
    hashes = {engine["sha256"] for engine in big["engines"].values()}
    enough = big["rows"] >= 100_000
    ranks, dask = (big["engines"][name]["seconds"] for name in (RANKS, DASK))
    ratio = dask / ranks
    return [
        Goal(texts[0], f"{big['rows']:,}: {memory:,.0f} MB", enough and memory < MEMORY),
        Goal(texts[1], "the same" if len(hashes) == 1 else "they differ", len(hashes) == 1),
        Goal(texts[2], f"{ratio:.2f} ×", ratio <= OVER_RANKS),
    ]
