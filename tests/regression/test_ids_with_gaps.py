"""Integers of a table with a gap are floats: 7 became the id '7.0', which no spectrum has."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.table import MaskedColumn, Table

from gasnet3.anomaly.labels import Labels
from gasnet3.evaluate.truth import read_truth
from gasnet3.run.selection import read_ids
from gasnet3.solve.priors import Priors, PriorsError


def _table(ids: list[int], mask: list[bool]) -> Table:
    return Table({"targetid": MaskedColumn(ids, mask=mask), "z": [0.1] * len(ids)})


@pytest.mark.parametrize("ending", ["fits", "parquet", "csv", "ecsv"])
@pytest.mark.parametrize("largest", [9, 2**60 + 1])
def test_ids_of_a_table_with_a_gap(tmp_path: Path, ending: str, largest: int) -> None:
    _table([7, 8, largest], [False, True, False]).write(tmp_path / f"ids.{ending}")
    assert read_ids(str(tmp_path / f"ids.{ending}")) == ["7", str(largest)]


def test_priors_of_float_ids(tmp_path: Path) -> None:
    table = Table({"id": [7.0, 8.5], "z": [0.1, 0.2], "sigma": [0.1, 0.1]})
    table.write(tmp_path / "p.fits")
    assert list(Priors.read(tmp_path / "p.fits").place) == ["7", "8.5"]


def test_priors_without_an_id_are_named(tmp_path: Path) -> None:
    table = _table([7, 8], [False, True])
    table["sigma"] = 0.1
    table.write(tmp_path / "p.csv")
    with pytest.raises(PriorsError, match="row 2: it has no targetid"):
        Priors.read(tmp_path / "p.csv")


def test_truth_of_float_ids(tmp_path: Path) -> None:
    table = Table({"id": [7.0, 8.0], "class": ["STAR", "QSO"], "z": [0.0, np.float64(1)]})
    table.write(tmp_path / "truth.fits")
    assert read_truth(tmp_path / "truth.fits").keys["id"].tolist() == ["7", "8"]


def test_marks_of_float_ids(tmp_path: Path) -> None:
    table = Table({"id": [7.0, 8.5], "interesting": ["yes", "no"]})
    table.write(tmp_path / "marks.fits")
    assert Labels.read(tmp_path / "marks.fits").ids.tolist() == ["7", "8.5"]


def test_a_list_of_ids_with_the_mark_of_utf8(tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_bytes(b"\xef\xbb\xbfone\r\ntwo\r\n")
    assert read_ids(str(tmp_path / "ids.txt")) == ["one", "two"]
