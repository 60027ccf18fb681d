"""The benchmark of the readers runs, and its tables name every format."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import readers
from peers.shard_formats import CANDIDATES

from gasnet3 import samples


def test_tables_have_a_number_for_every_format(capsys):
    readers.main(["--rows", "2", "--shard-rows", "8", "--rounds", "1", str(samples.DIRECTORY)])
    lines = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines()]
    numbers = {cells[0]: cells[1:] for cells in lines if len(cells) > 1}
    labels = {one.label for one in CANDIDATES}
    assert labels < numbers.keys()
    assert {"shard", "`.npz`, compressed", "Parquet, lists", "gasnet3"} < numbers.keys()
    for label in labels:
        assert all(float(value) >= 0 for value in numbers[label])


@pytest.mark.parametrize("one", CANDIDATES, ids=lambda one: one.label)
def test_every_candidate_gives_its_rows_back(tmp_path, one):
    rng = np.random.default_rng(2)
    flux, ivar = rng.normal(size=(2, 700, 5)).astype(np.float32)
    one.write(tmp_path / "x", flux, ivar)
    for start, stop in ((0, 700), (3, 4), (200, 513), (256, 512)):
        pair = one.read(tmp_path / "x", start, stop)
        np.testing.assert_array_equal(pair, (flux[start:stop], ivar[start:stop]))
