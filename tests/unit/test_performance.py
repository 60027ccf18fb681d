"""The benchmark of speed: its bounds are what they say, its verdicts are computed."""

from __future__ import annotations

import json
import sys
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from peers.with_redrock import DIAGONALS, resolution_matrix
from speed import floor
from speed.big import DASK, RANKS
from speed.goals import goals, scan_over_floor
from speed.page import write_page
from speed.turns import Job, least_times
from speed.whole import QUICK, SHARDS, SPECS, Run, Sizes, runs_wanted, steady

from gasnet3 import CLASSES
from gasnet3.machine.files import write_json
from gasnet3.solve.batching import fast_length
from gasnet3.solve.curves import scan_amortised
from gasnet3.spectra.lattice import OBSERVED, ShiftRange

SHIFTS = ShiftRange(3, 60)
SOLVERS = ("amortised", "hybrid", "exact")


@pytest.fixture
def batch(rng):
    flux, ivar = torch.from_numpy(rng.uniform(0.5, 2, (2, 5, OBSERVED.n))).float()
    rest = torch.from_numpy(rng.normal(size=(5, SHIFTS.rest_lattice(OBSERVED).n))).float()
    return rest, flux, ivar


def test_direct_form_is_the_amortised_scan(batch):
    rest, flux, ivar = batch
    direct = floor.scan_direct(rest, flux, ivar, SHIFTS)
    torch.testing.assert_close(direct, scan_amortised(rest, flux, ivar, SHIFTS), rtol=1e-4, atol=1)


def test_floor_is_five_transforms_a_spectrum_and_nothing_else(batch, monkeypatch):
    run = floor.bare_transforms(*batch, together=2)
    rows = []

    def noted(transform):
        def noting(values, length):
            assert length == fast_length(batch[0].shape[1])
            rows.append(values[..., 0].numel())
            return transform(values, length)

        return noting

    for name in ("rfft", "irfft"):
        monkeypatch.setattr(torch.fft, name, noted(getattr(torch.fft, name)))
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        run()
    assert sum(rows) == 5 * len(batch[0])
    arithmetic = {event.key for event in profile.key_averages()} & {"aten::mul", "aten::add"}
    assert arithmetic == set()


def test_jobs_take_turns_and_the_least_round_counts():
    order, ticks = [], count()
    spent = {"a": iter((9, 4, 6)), "b": iter((9, 8, 7))}
    now = [0.0]

    def job(name):
        def run():
            order.append((name, next(ticks)))
            now[0] += next(spent[name])

        return Job(name, run, rows=2)

    least = least_times([job("a"), job("b")], rounds=2, clock=lambda: now[0])
    assert [name for name, _ in order] == ["a", "b"] * 3
    assert least == {"a": 2000.0, "b": 3500.0}


def test_steady_rate_is_what_start_up_leaves():
    runs = [
        {"solver": "hybrid", "inputs": SHARDS, "cores": 2, "rows": rows, "seconds": 3 + rows / 500}
        for rows in (100, 400, 1000)
    ]
    assert steady(runs, "hybrid", SHARDS, 2) == pytest.approx((500.0, 3.0))
    assert np.isnan(steady(runs, "hybrid", SPECS, 2)).all()
    busy = [run | {"seconds": 9.0 - run["rows"] / 500} for run in runs]
    assert np.isnan(steady(busy, "hybrid", SHARDS, 2)).all()


def test_runs_use_no_more_cores_than_there_are():
    turns, once = runs_wanted(Sizes(), 1)
    assert {run.cores for run in [*turns, *once]} == {1}
    turns, once = runs_wanted(Sizes(), 6)
    assert {run.cores for run in turns} == {1, 2, 4}
    assert {run.rows for run in once} == set(Sizes().numbers)
    assert {(run.solver, run.inputs) for run in turns} == {
        (solver, inputs) for solver in SOLVERS for inputs in (SHARDS, SPECS)
    }
    assert not {run for run in once if run in turns}
    assert all(run.rows % QUICK.shard_rows == 0 for runs in runs_wanted(QUICK, 2) for run in runs)


def test_resolution_matrix_spreads_light_and_keeps_it():
    matrix = resolution_matrix(50)
    assert len(matrix.offsets) == DIAGONALS
    total = np.asarray(matrix.sum(axis=1)).ravel()
    np.testing.assert_allclose(total[DIAGONALS:-DIAGONALS], 1.0)
    assert matrix.tocsr()[20, 20] > matrix.tocsr()[20, 21] > 0


def results(speed: float = 1.0, flat: float = 1.0) -> dict:
    """What a run might have found, everything ``speed`` times as fast as just enough."""
    ms = {"read spec files": 0.3, "read a shard": 0.02, "write the catalog": 0.01}
    ms |= {"prepare": 0.06, "prepare, with polynomials": 0.14}
    for cls in CLASSES:
        ms |= {f"transforms of {n}/{cls}": t for n, t in ((16, 0.12), (32, 0.1), (64, 0.11))}
        ms |= {f"scan, amortised/{cls}": 0.15 / speed, f"scan, direct/{cls}": 90.0}
        ms |= {f"network/{cls}": 0.1, f"scan, hybrid/{cls}": 0.3, f"scan, exact/{cls}": 2.0}
    times = {"amortised": 1.0 / speed, "hybrid": 600 / 230 / speed, "exact": 10.0}
    ms |= {f"pipeline, {solver}": time for solver, time in times.items()}
    ms |= {f"solutions, {solver}": 0.9 * time for solver, time in times.items()}
    ms |= {"redrock": 600.0, "redrock, no resolution matrix": 300.0}
    rates = {"amortised": 1200 * speed, "hybrid": 400 * speed, "exact": 100.0}
    runs = [
        {**vars(Run(solver, inputs, cores, rows)), "memory": 500.0 * (flat if rows > 9999 else 1),
         "seconds": rows * 2 / cores / rates[solver]}
        for solver in SOLVERS for inputs in (SHARDS, SPECS) for cores in (1, 2)
        for rows in (500, 2000, 20000)
    ]  # fmt: skip
    machine = {"processor": "Abacus", "cores": 2, "memory": 8.0, "gpu": ""}
    machine |= {"versions": ["Python 3"], "date": "2026-01-01"}
    starts = {"import torch": 1.0, "gasnet3 --help": 0.15 / speed}
    starts["gasnet3 classify, 12 files"] = 1.5 / speed
    around = {"parts": 1000, "rows": 10**6, "starts": starts, "plan": 0.1 / speed}
    around |= {"merge": 3.0 / speed, "reads": {"anomalies": 500.0, "report": 1000.0 / speed}}
    main = {"machine": machine, "sn": 20.0, "sizes": vars(Sizes()), "ms": ms, "around": around}
    engines = {
        name: {"seconds": 60.0 * part, "memory": 900.0, "sha256": "ab" * 32}
        for name, part in ((RANKS, 1.0), (DASK, 1.1 / speed))
    }
    big = {"machine": machine, "rows": 100_000, "solver": "amortised", "workers": 2}
    gpu = {"machine": {**machine, "gpu": "Eniac"}, "rows": 64, "rates": {"exact": 5000.0}}
    return {
        "main": {**main, "redrock": "redrock 1", "runs": runs},
        "big": {**big, "engines": engines},
        "gpu": gpu,
    }


def verdicts(found: dict) -> list[bool | None]:
    return [goal.met for goal in goals(found["main"], found.get("big"))]


def test_goals_are_met_when_the_numbers_are_good_enough():
    assert verdicts(results(1.01)) == [True] * 16
    slow = verdicts(results(0.99))
    assert [place for place, met in enumerate(slow) if met] == [3, 4, 7, 13, 14]
    assert scan_over_floor(results()["main"]["ms"]) == pytest.approx(1.5)


def test_memory_that_grows_and_catalogs_that_differ_miss_their_goals():
    assert verdicts(results(2, flat=1.5))[7] is False
    assert verdicts(results(2, flat=5.0))[7] is False
    found = results(2)
    found["big"]["engines"][DASK] |= {"sha256": "cd" * 32, "memory": 2100.0}
    assert verdicts(found)[13:] == [False, False, True]
    found["big"]["engines"][DASK]["memory"] = 100.0
    found["big"]["rows"] = 20_000
    assert verdicts(found)[13] is False


def test_what_was_not_measured_is_neither_met_nor_missed():
    found = results(2)
    del found["big"], found["main"]["ms"]["redrock"]
    found["main"]["redrock"] = "redrock is not installed"
    found["main"]["runs"] = [r | {"memory": None} for r in found["main"]["runs"] if r["cores"] == 1]
    scans = [None, None, True, True, True, None, None, None]
    assert verdicts(found) == [*scans, *[True] * 5, *[None] * 3]


@pytest.mark.parametrize("parts", [("main",), ("main", "big", "gpu")])
def test_page_has_every_part_and_its_pictures(tmp_path, parts):
    found = {part: value for part, value in results(2).items() if part in parts}
    write_json(tmp_path / "results.json", found)
    write_page(tmp_path, json.loads((tmp_path / "results.json").read_text()))
    page = (tmp_path / "performance.md").read_text()
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line[:1] == "|"]
    assert ["hybrid", "shards", "2", "800", "2.88", "0.0"] in rows
    assert ["hybrid", "shards", "a node, 64 cores", "0.391 s", "39.1 s", "65.1 min"] in rows
    assert ["`gasnet3 classify, 12 files`", "0.75", "0.75"] in rows
    assert ["redrock", "600", "1,200", "460", "60"] in rows
    assert ["catalog columns", "0.05", "0.13", "1"] in rows
    assert ["QSO", "0.1", "0.075", "0.75", "90", "1,200"] in rows
    assert "Abacus, 2 cores, 8 GB of memory" in page
    assert ("Eniac" in page, "No GPU was at hand" in page) == ("gpu" in parts, "gpu" not in parts)
    assert ("The catalogs are the same" in page) == ("big" in parts)
    for name in ("numbers", "workers"):
        assert (tmp_path / "images" / f"performance-{name}.png").read_bytes()[:4] == b"\x89PNG"
