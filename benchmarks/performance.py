"""Speed of everything, beside its bounds and beside redrock; writes docs/performance.md.

    python benchmarks/performance.py                # all but the large run, and the page
    python benchmarks/performance.py --part big     # 100,000 spectra, by Dask and by ranks
    python benchmarks/performance.py --part gpu     # on this machine's GPU only
    python benchmarks/performance.py --quick        # few spectra: does it run?

What was measured is kept in runs/performance, a file a part, and the page is made of all parts
that are there: they may come from different machines, each of which is named. Use
``--part page`` to write it again.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from speed.whole import Sizes

ROOT = Path(__file__).resolve().parents[1]

PARTS = ("main", "big", "gpu")


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--part", choices=(*PARTS, "page"), default="main", help="what to measure")
    parser.add_argument("--quick", action="store_true", help="few spectra, numbers mean nothing")
    parser.add_argument("--numbers", type=int, nargs="+", metavar="N",
                        help="numbers of spectra whose cost is compared")  # fmt: skip
    parser.add_argument("--rounds", type=int, default=2, help="rounds of the whole path")
    parser.add_argument("--rows", type=int, default=100_000, help="spectra of the large run")
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared",
                        help="directory of redrock's templates")  # fmt: skip
    parser.add_argument("--results", type=Path, default=ROOT / "runs" / "performance",
                        help="where what was measured is kept")  # fmt: skip
    parser.add_argument("--docs", type=Path, help="where the page goes; docs, if not --quick")
    return parser.parse_args(arguments)


def sizes_of(options: argparse.Namespace) -> Sizes:
    """How much is measured."""
    from speed.whole import QUICK, Sizes

    if options.quick:
        return QUICK
    sizes = Sizes(repeats=options.rounds)
    return replace(sizes, numbers=tuple(options.numbers)) if options.numbers else sizes


def measure_main(options: argparse.Namespace) -> dict[str, Any]:
    """Stages, bounds, redrock and the whole path, in this order."""
    import torch
    from speed.around import measure_around
    from speed.data import SN
    from speed.machine import machine
    from speed.peer import redrock_jobs
    from speed.stages import stage_jobs
    from speed.turns import least_times
    from speed.whole import measure_runs

    from gasnet3.machine.allocator import keep_freed_memory
    from gasnet3.machine.cores import allotted_cores
    from gasnet3.nets.registry import load_models
    from gasnet3.train.mock import draw

    torch.set_num_threads(1)
    keep_freed_memory()  # as the commands do
    sizes = sizes_of(options)
    spectra = draw(load_models("encoder"), sizes.batch, sn=SN)
    with tempfile.TemporaryDirectory() as name:
        jobs, note = redrock_jobs(spectra, sizes.redrock, options.shared)
        ms = least_times([*stage_jobs(spectra, Path(name)), *jobs], sizes.rounds)
    with tempfile.TemporaryDirectory() as name:
        runs = measure_runs(sizes, allotted_cores(), Path(name))
    with tempfile.TemporaryDirectory() as name:
        around = measure_around(sizes.parts, sizes.catalog, sizes.rounds, Path(name))
    return {
        "machine": machine(), "sn": SN, "sizes": asdict(sizes), "ms": ms, "redrock": note,
        "runs": runs, "around": around,
    }  # fmt: skip


def measure_big(options: argparse.Namespace) -> dict[str, Any]:
    """The large run, by Dask and by rank variables."""
    from speed.big import measure_engines
    from speed.machine import machine

    rows = 64 if options.quick else options.rows
    with tempfile.TemporaryDirectory() as name:
        return {"machine": machine(), **measure_engines(rows, Path(name))}


def measure_gpu(options: argparse.Namespace) -> dict[str, Any]:
    """The pipeline on a GPU."""
    from speed import gpu
    from speed.machine import machine

    if not gpu.device_name():
        raise SystemExit("no GPU is at hand: torch.cuda.is_available() is false")
    rows = 64 if options.quick else 16_384
    return {"machine": machine(), "rows": rows, "rates": gpu.measure_gpu(rows, rounds=2)}


MEASURES: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "main": measure_main,
    "big": measure_big,
    "gpu": measure_gpu,
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is asked for, keep it, and write the page of all that was kept."""
    options = parsed(arguments)
    # Before NumPy and PyTorch are there: libraries read these when they are loaded.
    os.environ |= {f"{name}_NUM_THREADS": "1" for name in ("OMP", "MKL", "OPENBLAS")}

    from speed.gpu import device_name
    from speed.page import write_page

    from gasnet3.machine.files import write_json

    parts = [] if options.part == "page" else [options.part]
    if options.part == "main" and device_name():
        parts.append("gpu")
    options.results.mkdir(parents=True, exist_ok=True)
    for part in parts:
        write_json(options.results / f"{part}.json", MEASURES[part](options))
    kept = {part: options.results / f"{part}.json" for part in PARTS}
    results = {part: json.loads(path.read_text()) for part, path in kept.items() if path.is_file()}
    if "main" not in results:
        print(f"no page yet: it needs python {Path(__file__).name} first")
        return
    docs = options.docs or (options.results if options.quick else ROOT / "docs")
    write_page(docs, results)
    print((docs / "performance.md").read_text())


if __name__ == "__main__":
    main()
