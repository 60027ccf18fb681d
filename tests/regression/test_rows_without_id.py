"""Rows without an identifier were called '', and whole numbers kept as float '7.0'."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.table import MaskedColumn, Table

from gasnet3.io import read, read_rows


@pytest.mark.parametrize(
    ("ids", "names"),
    [
        (["a", "", "c"], ["a", "x:1", "c"]),
        ([7.0, np.nan, 2.5], ["7", "x:1", "2.5"]),
        (MaskedColumn([7, 8, 9], mask=[0, 1, 0]), ["7", "x:1", "9"]),
    ],
)
def test_every_row_has_a_name(tmp_path, ids, names):
    table = Table({"id": ids, "flux": np.ones((3, 100)), "err": np.ones((3, 100))})
    table["wave"] = np.tile(np.arange(5000.0, 5100.0), (3, 1))
    path = tmp_path / "x.fits"
    table.write(path)
    assert read(path).ids.tolist() == names
    assert [str(read_rows(path, row, row + 1).ids[0]) for row in range(3)] == names
