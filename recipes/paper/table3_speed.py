"""Table 3's speed: milliseconds a spectrum a core, beside the bare FFTs in the same minute.

    python recipes/paper/table3_speed.py

One thread. The whole pipeline runs from spectra in memory to the finished table; the parts are
what the paper's method is made of. Rounds are taken in turn and the least time counts, so that
the ratios hold on a machine that is busy with other things.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from experiments import REAL, Method, arguments_of, labelled, methods, write_result
from scipy.fft import next_fast_len

from gasnet3.solve.engine import Engine
from gasnet3.solve.prepare import Prepared, prepare
from gasnet3.spectra.batch import Spectra

SPECTRA = 128
ROUNDS = 3
FLOOR = "the bare FFTs"
PER_CURVE = 5
"""Transforms of one χ² curve (eq. 10): weights, weighted flux, F̂², F̂, and back."""


def bare_ffts(lengths: list[int], rows: int) -> None:
    """As many real transforms of each length as the χ² curves of ``rows`` spectra take."""
    for length in lengths:
        signal = torch.ones(rows, length)
        for _ in range(PER_CURVE - 1):
            spectrum = torch.fft.rfft(signal)
        torch.fft.irfft(spectrum, length)


def curves(engines: tuple[Engine, ...], prepared: Prepared) -> None:
    """Networks and χ² curves of all classes, without looking for minima."""
    prepared = replace(prepared)  # a copy, which does not know what networks have made of it
    with torch.inference_mode():
        for engine in engines:
            rest, _ = engine.reconstruct(prepared)
            engine.amortised_curves(rest, prepared)


def work_of(found: list[Method], spectra: Spectra) -> dict[str, Callable[[], object]]:
    """Everything that is timed, by its name in the table."""
    prepared = prepare(spectra)
    engines = found[0].pipeline().engines
    lengths = [next_fast_len(e.model.card.rest.n, real=True) for e in engines]
    work: dict[str, Callable[[], object]] = {FLOOR: partial(bare_ffts, lengths, len(spectra))}
    work["preparation"] = partial(prepare, spectra)
    for method in found:
        pipeline = method.pipeline()
        if method.solver == "amortised":
            name = f"{method.title}: networks and χ² curves alone"
            work[name] = partial(curves, pipeline.engines, prepared)
        work[f"{method.title}: whole pipeline"] = partial(pipeline.run, spectra)
    return work


def run(arguments: argparse.Namespace) -> None:
    """Time everything, round after round."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    every = labelled(REAL, arguments).spectra
    spectra = every[np.linspace(0, len(every) - 1, min(SPECTRA, len(every))).astype(int)]
    work = work_of(methods(arguments), spectra)
    best = dict.fromkeys(work, float("inf"))
    for _ in range(ROUNDS):
        for name, task in work.items():
            began = time.perf_counter()
            task()
            best[name] = min(best[name], 1e3 * (time.perf_counter() - began) / len(spectra))
    torch.set_num_threads(threads)
    result = {
        "n": len(spectra),
        "rounds": ROUNDS,
        "machine": platform.machine(),
        "floor": FLOOR,
        "ms": best,
    }
    write_result("table3_speed", result)


if __name__ == "__main__":
    run(arguments_of(__doc__).parse_args())
