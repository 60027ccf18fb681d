"""FITS files with a table for each spectrum: only the first table was read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table

from gasnet3.io import count_rows, find_reader, read, read_rows
from gasnet3.io.reader import ExplainingReader

WAVE = np.linspace(5000.0, 5400.0, 200)


def table(level: float, name: str, pixels: int = 200) -> fits.BinTableHDU:
    values = {"wave": WAVE[:pixels], "flux": np.full(pixels, level), "err": np.ones(pixels)}
    return fits.BinTableHDU(Table(values), name=name)


def assumed(path: Path) -> str:
    reader = find_reader(path)
    assert isinstance(reader, ExplainingReader)
    return " ".join(reader.explain(path).assumed)


def test_a_table_for_each_spectrum(tmp_path: Path) -> None:
    path = tmp_path / "x.fits"
    hdus = [table(1.0, "ONE"), table(2.0, "TWO", 150), table(9.0, "SKY"), table(9.0, "FEW", 10)]
    other = fits.BinTableHDU(Table({"line": [4861.0], "flux": [1.0]}), name="LINES")
    fits.HDUList([fits.PrimaryHDU(), *hdus, other]).writeto(path)
    spectra = read(path)
    assert count_rows(path) == len(spectra) == 2
    assert spectra.ids.tolist() == ["x:0", "x:1"]
    assert spectra.meta["extname"].tolist() == ["ONE", "TWO"]
    assert [row[row > 0].mean() for row in spectra.flux] == [1.0, 2.0]
    assert spectra.n_good[1] < spectra.n_good[0]
    assert read_rows(path, 1, 2).flux.tobytes() == spectra.flux[1:].tobytes()
    assert "HDU 1 to 2, have the same columns: a spectrum each" in assumed(path)


def test_tables_of_rows_that_are_not_read_are_told(tmp_path: Path) -> None:
    path = tmp_path / "x.fits"
    rows = {"wave": np.stack([WAVE] * 2), "flux": np.ones((2, 200)), "err": np.ones((2, 200))}
    hdus = [fits.BinTableHDU(Table(rows), name=name) for name in ("A", "B")]
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(path)
    assert count_rows(path) == 2
    assert "HDU 2 (B) has the same columns and is not read" in assumed(path)
