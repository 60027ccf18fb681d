"""Rows of a file that is lost while a run goes on had no value in the key column ``file``."""

from __future__ import annotations

from gasnet3.run.batches import batches
from gasnet3.run.plan import Unit
from gasnet3.spectra.lattice import OBSERVED


def test_blank_rows(tmp_path):
    unit = Unit(tmp_path / "gone.v2.fits", 0, 1, 1, 10, 10)
    failed: dict[Unit, str] = {}
    ((rows,),) = batches([unit], 8, failed, OBSERVED)
    assert rows.ids.tolist() == ["gone.v2"]
    assert rows.meta["file"].tolist() == ["gone.v2.fits"]
    assert "is gone" in failed[unit]
