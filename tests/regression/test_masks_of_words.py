"""Masks of True and False in CSV masked every pixel, and masks of other words were not told."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from astropy.table import Table

from gasnet3.io import ReadError, ReadOptions, find_reader, read

WAVE = np.arange(5000.0, 5100.0)
BAD = (WAVE >= 5040) & (WAVE < 5060)


def _table(mask):
    return Table({"wave": WAVE, "flux": np.ones(100), "err": np.ones(100), "mask": mask})


def test_true_and_false(tmp_path):
    for name, mask in (("bad", BAD), ("all", np.zeros(100, bool))):
        _table(mask).write(tmp_path / f"{name}.csv", format="ascii.csv")
    masked, whole = read(tmp_path / "bad.csv"), read(tmp_path / "all.csv")
    gone = (whole.ivar[0] > 0) & (masked.ivar[0] == 0)
    wave = whole.lattice.wave[gone]
    assert 5038 < wave.min() < wave.max() < 5062
    assert masked.n_good[0] > 0.7 * whole.n_good[0]


@pytest.mark.parametrize("ending", ["csv", "ecsv", "fits"])
def test_other_words_are_told(tmp_path, ending):
    path = tmp_path / f"x.{ending}"
    _table(np.where(BAD, "bad", "ok")).write(path)
    assert read(path).n_good[0] > 50
    assert any(
        "mask" in text and "not used" in text for text in find_reader(path).explain(path).ignored
    )


def test_lists_of_words_are_told(tmp_path):
    lists = {name: [_table(BAD)[name].tolist()] for name in ("wave", "flux", "err")}
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({**lists, "mask": [["ok"] * 100]}), path)
    assert find_reader(path).explain(path).ignored == ["column mask has no numbers: not used"]


def test_bits_are_told(tmp_path):
    bits = fits.Column("mask", "8X", array=np.repeat(BAD[:, None], 8, axis=1))
    columns = [fits.Column(name, "D", array=_table(BAD)[name]) for name in ("wave", "flux", "err")]
    path = tmp_path / "x.fits"
    fits.BinTableHDU.from_columns([*columns, bits]).writeto(path)
    assert any("column mask" in text for text in find_reader(path).explain(path).ignored)


def test_words_of_several_spectra_are_refused(tmp_path):
    lines = [f"{wave},1,1,{'bad' if bad else 'ok'}" for wave, bad in zip(WAVE, BAD, strict=True)]
    path = tmp_path / "x.csv"
    path.write_text("\n".join(["wave,flux,err,mask", *lines, *lines]))
    with pytest.raises(ReadError, match="the mask is text"):
        read(path, ReadOptions())
