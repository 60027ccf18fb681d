"""Milliseconds a spectrum of each stage and solver, beside the direct-convolution scan.

Everything is timed in one run on mock spectra of the shipped models, round after round in turn,
so that the ratios hold on a noisy machine; the least time of all rounds counts.

    python benchmarks/solvers.py --n 64 --rounds 3

With ``--agreement`` the exact and the hybrid solver are compared instead, on the real validation
spectra of the recipes:

    python benchmarks/solvers.py --agreement
"""

from __future__ import annotations

import argparse
import platform
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch.nn import functional

from gasnet3.lattice import ShiftRange
from gasnet3.mock import draw
from gasnet3.nets.registry import load_models
from gasnet3.pipeline import Pipeline
from gasnet3.prepare import Prepared, prepare
from gasnet3.scan import scan_amortised
from gasnet3.solve import SOLVERS, Engine
from gasnet3.spectra import Spectra

SHARED = Path(__file__).resolve().parents[2] / "shared"

DIRECT_ROWS = 4
"""Rows of the direct form that are timed: it is hundreds of times slower."""


def scan_direct(rest: Tensor, flux: Tensor, ivar: Tensor, shifts: ShiftRange) -> Tensor:
    """The amortised scan as two direct convolutions (eq. 10 as the paper writes it)."""
    kernels = torch.stack([ivar, -2.0 * flux * ivar], dim=1)
    signal = torch.stack([rest**2, rest], dim=1)
    curve = torch.stack(
        [functional.conv1d(s[None], k[None])[0, 0] for s, k in zip(signal, kernels, strict=True)]
    )
    return torch.flip(curve, (1,)) + (flux**2 * ivar).sum(dim=1, keepdim=True)


def least_times(
    stages: dict[str, tuple[Callable[[], object], int]], rounds: int
) -> dict[str, float]:
    """Least milliseconds a spectrum of each stage over rounds taken in turn."""
    best = dict.fromkeys(stages, float("inf"))
    for _ in range(rounds + 1):  # the first round warms caches, and may be the least all the same
        for name, (work, rows) in stages.items():
            began = time.perf_counter()
            work()
            best[name] = min(best[name], 1e3 * (time.perf_counter() - began) / rows)
    return best


def stages_of(n: int, architecture: str) -> dict[str, tuple[Callable[[], object], int]]:
    """Every timed piece of work, with the number of spectra it handles."""
    models = load_models(architecture)
    spectra = draw(models, n, sn=20.0, seed=1)
    prepared = prepare(spectra)
    few = prepare(spectra[:DIRECT_ROWS])
    stages: dict[str, tuple[Callable[[], object], int]] = {
        "prepare": (lambda: prepare(spectra), n),
    }
    for cls, model in models.items():
        stages |= _class_stages(cls, Engine(model), prepared, few)
    for name in SOLVERS:
        pipeline = Pipeline.load(architecture, name)
        stages[f"whole pipeline, {name}"] = (partial(pipeline.run, spectra), n)
    return stages


def _class_stages(
    cls: str, engine: Engine, prepared: Prepared, few: Prepared
) -> dict[str, tuple[Callable[[], object], int]]:
    rest, _ = engine.reconstruct(prepared)
    rest_few = rest[: len(few)]
    shifts = engine.model.card.shifts
    n = len(prepared)
    return {
        f"{cls}: network": (lambda: engine.reconstruct(prepared), n),
        f"{cls}: direct-convolution scan": (
            lambda: scan_direct(rest_few, few.flux, few.ivar, shifts),
            len(few),
        ),
        f"{cls}: FFT scan, amortised": (
            lambda: scan_amortised(rest, prepared.flux, prepared.ivar, shifts),
            n,
        ),
        f"{cls}: scan, exact": (
            lambda: engine.full_scan.scan(prepared),
            n,
        ),
        f"{cls}: scan, frugal exact": (
            lambda: engine.frugal_scan.scan(prepared),
            n,
        ),
    }


def validation_spectra(shared: Path) -> Spectra:
    """The real validation spectra of the recipes."""
    root = Path(__file__).resolve().parents[1]
    sys.path.insert(0, str(root / "recipes"))
    from mock_survey.library import Survey
    from validate import spectra_of

    survey = Survey(shared)
    return spectra_of(survey, np.array(survey.labelled(validation=True)))


def agreement(spectra: Spectra, models: str) -> Table:
    """How often the hybrid solver gives the answers of the exact one, by the exact one's class."""
    exact, hybrid = (Pipeline.load(models, name).run(spectra) for name in ("exact", "hybrid"))
    table = Table(
        "class", "spectra", "same class", "χ² within 1", "both", "χ² worse", "better", "same z"
    )
    same = np.asarray(exact["class"] == hybrid["class"])
    excess = np.asarray(hybrid["chi2"] - exact["chi2"])
    close = np.abs(excess) < 1.0
    sigma = np.hypot(exact["z_err"], hybrid["z_err"])
    same_z = np.abs(np.asarray(hybrid["z"] - exact["z"])) < 0.5 * sigma
    for cls in (*sorted(set(exact["class"])), "all"):
        of = np.full(len(exact), True) if cls == "all" else np.asarray(exact["class"] == cls)
        shares = (same[of].mean(), close[of].mean(), (same & close)[of].mean())
        counts = ((excess[of] >= 1).sum(), (excess[of] <= -1).sum())
        table.add_row(
            str(cls) or "none", str(of.sum()), *(f"{100 * share:.2f} %" for share in shares),
            *(str(count) for count in counts), f"{100 * same_z[of].mean():.2f} %",
        )  # fmt: skip
    return table


def main() -> None:
    """Time all stages and print them as one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--n", type=int, default=64, help="spectra")
    parser.add_argument("--rounds", type=int, default=3, help="rounds, the least time counts")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--agreement", action="store_true", help="exact and hybrid answers")
    parser.add_argument("--models", default="encoder", help="architecture or directory")
    parser.add_argument("--shared", type=Path, default=SHARED)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.agreement:
        if (arguments.shared / "data").is_dir():
            spectra = validation_spectra(arguments.shared)
            Console(width=100).print(agreement(spectra, arguments.models))
        else:
            print(f"no real spectra: {arguments.shared} is absent, so nothing is compared")
        return
    times = least_times(stages_of(arguments.n, arguments.models), arguments.rounds)
    title = f"{platform.processor() or platform.machine()}, {arguments.threads} threads"
    table = Table("stage", "ms a spectrum", "direct scan / this", "this / amortised", title=title)
    amortised = times["whole pipeline, amortised"]
    for name, value in times.items():
        direct = times.get(f"{name.split(':')[0]}: direct-convolution scan")
        ratio = f"{direct / value:.2g}" if direct and "scan, " in name else ""
        whole = f"{value / amortised:.2f}" if "whole" in name else ""
        table.add_row(name, f"{value:.3f}", ratio, whole)
    Console(width=90).print(table)


if __name__ == "__main__":
    main()
