"""A catalog is made of all parts of a run, each once, or not at all."""

from __future__ import annotations

import resource
from pathlib import Path

import numpy as np
import pytest

from gasnet3.catalog import make_catalog, read_catalog, write_catalog
from gasnet3.io import write_npz
from gasnet3.run.merge import MergeError, merge
from gasnet3.run.plan import Plan, PlanError, make_plan
from gasnet3.spectra.batch import Spectra
from gasnet3.spectra.lattice import OBSERVED

ROWS, PART_ROWS, N_BEST = 23, 2, 2
"""Twelve parts, the last one of one spectrum."""


def part(plan: Plan, number: int, *, rows: int | None = None, **about: object) -> None:
    """Write a part of made-up answers, as gasnet3 work does of real ones."""
    start, stop = plan.span(number)
    ids = np.repeat(np.arange(start, stop), N_BEST)[:rows]
    provenance = {"key": plan.key, "index": number, "start": start, "stop": stop, "failures": []}
    table = make_catalog(
        {"id": ids.astype(str), "class": np.full(len(ids), "QSO"), "z": ids / 7},
        {"plate": ids, "field": np.full(len(ids), "é")},
        {"solver": "none", "part": {**provenance, **about}},
    )
    write_catalog(table, plan.part_path(number))


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """A run all of whose parts are there."""
    flux = np.ones((ROWS, OBSERVED.n))
    write_npz(tmp_path / "a.npz", Spectra.from_arrays(flux, flux, loglam=OBSERVED.loglam))
    config = {"n_best": N_BEST}
    plan = make_plan([tmp_path / "a.npz"], tmp_path / "run", config, part_rows=PART_ROWS)
    for index in range(len(plan)):
        part(plan, index)
    return plan


@pytest.mark.parametrize("ending", ["parquet", "fits", "csv"])
def test_all_rows_in_their_order(plan: Plan, tmp_path: Path, ending: str) -> None:
    told: list[tuple[int, int]] = []
    output = tmp_path / f"out.{ending}"
    result = merge(plan, output, on_progress=lambda *now: told.append(now))
    assert (result.parts, result.rows, result.failures) == (12, ROWS, [])
    got = read_catalog(output)
    assert got["id"].tolist() == [str(row) for row in range(ROWS) for _ in range(N_BEST)]
    assert got["plate"].tolist() == np.repeat(np.arange(ROWS), N_BEST).tolist()
    assert got.meta["gasnet3"] == {"solver": "none"}, "nothing of the parts"
    assert len(told) >= (3 if ending == "fits" else 2)
    assert [done for done, _ in told] == sorted({done for done, _ in told})
    assert told[-1] == (told[0][1], told[0][1]), "all that there was to read"


def test_bytes_depend_on_nothing_but_the_plan(plan: Plan, tmp_path: Path) -> None:
    outputs = [tmp_path / f"{name}.parquet" for name in ("one", "two")]
    merge(plan, outputs[0])
    for index in reversed(range(len(plan))):
        part(plan, index)
    merge(plan, outputs[1])
    assert outputs[0].read_bytes() == outputs[1].read_bytes()


def refused(plan: Plan, message: str, output: str = "out.csv") -> None:
    path = plan.directory.parent / output
    with pytest.raises(MergeError, match=message) as error:
        merge(plan, path)
    assert "\n" not in str(error.value)
    assert not path.exists()


def test_missing_parts_are_named(plan: Plan) -> None:
    for index in (0, 4, 5, 6, 11):
        plan.part_path(index).unlink()
    refused(plan, r"5 parts \(0, 4-6, 11\) of 12 missing; make them with: gasnet3 work .*run")


def test_a_part_beyond_the_plan_is_refused(plan: Plan) -> None:
    path = plan.part_path(12)
    path.write_bytes(plan.part_path(11).read_bytes())
    refused(plan, rf"1 file \({path}\) beyond the 12 parts planned; remove it")


def test_parts_of_another_plan_are_no_parts(plan: Plan) -> None:
    path = plan.part_path(3)
    path.rename(path.with_name(path.name.replace(plan.key, "0" * 12)))
    refused(plan, r"1 part \(3\) of 12 missing")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"rows": 3}, "it has 3 rows, planned are 4"),
        ({"index": 3}, "it says it is .*'index': 3.*planned is .*'index': 2"),
        ({"start": 0}, "'start': 0.*planned is .*'start': 4"),
        ({"stop": 7}, "'stop': 7"),
        ({"key": "0" * 12}, "'key': '000000000000'"),
    ],
)
def test_a_part_of_other_rows_is_named(plan: Plan, wrong: dict[str, int], message: str) -> None:
    part(plan, 2, **wrong)
    name = plan.part_path(2).name
    refused(plan, rf"1 part \({name}\) damaged: .*{message}.*; remove .* run: gasnet3 work")


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.9])
def test_a_damaged_part_is_named(plan: Plan, kept: float) -> None:
    path = plan.part_path(7)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    refused(plan, rf"1 part \({path.name}\) damaged: .*; remove .* run: gasnet3 work")


def test_damage_that_only_reading_finds_is_named(plan: Plan) -> None:
    path = plan.part_path(7)
    content = bytearray(path.read_bytes())
    content[4:100] = bytes(96)  # data; the rest is as it was
    path.write_bytes(content)
    refused(plan, rf"1 part \({path.name}\) damaged")


def test_files_that_failed_are_refused_or_kept(plan: Plan, tmp_path: Path) -> None:
    for index in (3, 4):
        part(plan, index, failures=[{"path": "/gone.fits", "reason": "vanished", "rows": 2}])
    refused(plan, r"1 file \(/gone.fits \(vanished\)\) could not be read; .*--allow-failed")
    result = merge(plan, tmp_path / "out.csv", allow_failed=True)
    assert [(str(f.path), f.reason) for f in result.failures] == [("/gone.fits", "vanished")]
    assert len(read_catalog(tmp_path / "out.csv")) == ROWS * N_BEST


def test_no_place_for_the_output(plan: Plan, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is no directory .*; make it first"):
        merge(plan, tmp_path / "gone" / "out.csv")


def test_no_plan(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="gasnet3 plan FILES"):
        merge(Plan.load(tmp_path), tmp_path / "out.csv")


@pytest.mark.parametrize("ending", ["parquet", "fits", "csv"])
def test_a_full_disk_is_told_and_leaves_nothing(plan: Plan, tmp_path: Path, ending: str) -> None:
    output = tmp_path / f"out.{ending}"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))  # Python ignores the signal
    try:
        with pytest.raises(OSError, match=r"cannot write .*out\..*; make room .* merge again"):
            merge(plan, output)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert {path.name for path in tmp_path.iterdir()} == {"a.npz", "run"}
