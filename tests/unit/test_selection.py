"""Some spectra of many files by their ids."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

from gasnet3.io import ReadFailure, expand, finding, read_rows, write_npz
from gasnet3.io.options import DEFAULT
from gasnet3.run.inputs import Inputs, counted
from gasnet3.run.plan import Plan, make_plan
from gasnet3.run.selection import read_ids, select
from gasnet3.spectra.batch import Spectra

WAVE = np.arange(9) * 5 + 5000.0


def _write(path: Path, ids: list[str]) -> None:
    flux = np.arange(len(ids))[:, None] + np.ones((len(ids), 9))
    write_npz(path, Spectra.from_arrays(flux, flux, WAVE, ids=ids))


@pytest.fixture
def inputs(tmp_path: Path) -> Inputs:
    _write(tmp_path / "a.npz", ["one", "two", "three", "four", "five"])
    _write(tmp_path / "b.npz", ["six"])
    _write(tmp_path / "c.npz", ["seven", "two"])
    return counted(expand(tmp_path), [], None, DEFAULT)


def _ids(plan: Plan) -> list[str]:
    found = []
    for index in range(len(plan)):
        for unit in plan.units(index):
            found += read_rows(unit.path, unit.start, unit.stop).ids.tolist()
    return found


def test_ids_are_given_as_a_list_a_file_or_a_table(tmp_path: Path) -> None:
    assert read_ids("b, a,,b") == ["b", "a"]
    (tmp_path / "list.txt").write_text("b\n\na\nb\n")
    assert read_ids(str(tmp_path / "list.txt")) == ["b", "a"]
    Table({"TARGETID": [7, 8], "z": [0.1, 0.2]}).write(tmp_path / "t.fits")
    assert read_ids(str(tmp_path / "t.fits")) == ["7", "8"]
    Table({"z": [0.1]}).write(tmp_path / "t.csv")
    with pytest.raises(ValueError, match="has no column id, targetid, name; it has z"):
        read_ids(str(tmp_path / "t.csv"))
    with pytest.raises(ValueError, match="there is no id"):
        read_ids(" , ")
    (tmp_path / "zipped.csv.gz").write_bytes(b"\x1f\x8b\xff\xfe")
    with pytest.raises(ValueError, match="is no text with one id a line"):
        read_ids(str(tmp_path / "zipped.csv.gz"))


@pytest.mark.parametrize("chunk", [1, 2, 100])
def test_rows_are_found_in_the_order_of_the_files(
    inputs: Inputs, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "CHUNK", chunk)
    failures: list[ReadFailure] = []
    chosen, missing = select(inputs, ["two", "nobody", "five", "four"], DEFAULT, failures)
    assert missing == ["nobody"]
    assert not failures
    assert [Path(path).name for path in chosen.path] == ["a.npz", "a.npz", "c.npz"]
    assert chosen.skip.tolist() == [1, 3, 1]
    assert chosen.rows.tolist() == [1, 2, 1]


def test_a_plan_of_some_has_their_rows_and_says_who_is_missing(tmp_path: Path) -> None:
    _write(tmp_path / "a.npz", ["one", "two", "three", "four", "five"])
    told: list[str] = []
    plan = make_plan(
        [tmp_path / "a.npz"], tmp_path / "run", {}, part_rows=2,
        ids=["five", "two", "one", "zero"], on_message=told.append,
    )  # fmt: skip
    assert _ids(plan) == ["one", "two", "five"]
    assert told == ["1 of 4 ids are in none of the files: zero"]
    again = Plan.load(tmp_path / "run")
    assert _ids(again) == _ids(plan)
    whole = make_plan([tmp_path / "a.npz"], tmp_path / "run", {}, part_rows=2)
    assert whole.key != plan.key


def test_files_that_cannot_be_read_are_told(inputs: Inputs, tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(b"broken")
    failures: list[ReadFailure] = []
    chosen, missing = select(inputs, ["two"], DEFAULT, failures)
    assert [failure.path.name for failure in failures] == ["a.npz"]
    assert [Path(path).name for path in chosen.path] == ["c.npz"]
    assert missing == []
