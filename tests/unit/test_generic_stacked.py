"""Several spectra one below the other in a table of one pixel a row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

from gasnet3.io import ReadError, read
from gasnet3.io.generic.pieces import FEWEST_PIXELS, pieces_of

WAVE = np.arange(5000.0, 5100.0)


@pytest.mark.parametrize("order", [1, -1])
def test_pieces(order: int) -> None:
    both = np.concatenate([WAVE[::order], WAVE[:60][::order]])
    assert pieces_of(both) == [slice(0, 100), slice(100, 160)]
    assert pieces_of(WAVE[::order]) == []


def test_what_is_not_sorted_is_not_several_spectra() -> None:
    assert pieces_of(np.random.default_rng(1).permutation(WAVE)) == []
    assert pieces_of(np.repeat(WAVE, 2)) == []
    assert pieces_of(np.concatenate([WAVE, WAVE[: FEWEST_PIXELS - 1]])) == []
    assert pieces_of(WAVE[:0]) == []


def test_text(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    lines = ["star,number,wave,flux,err"]
    for at, name in enumerate("ab"):
        lines += [f"{name},{7 + at},{wave},{at + 1},0.1" for wave in WAVE[: 100 - 20 * at]]
    path.write_text("\n".join(lines))
    spectra = read(path)
    # No column is called an id: the names are those of all files with several spectra.
    assert spectra.ids.tolist() == ["x:0", "x:1"]
    assert spectra.meta["star"].tolist() == ["a", "b"]
    assert spectra.meta["number"].tolist() == [7.0, 8.0]
    assert [row[row > 0].mean() for row in spectra.flux] == [1.0, 2.0]
    assert spectra.n_good[0] > spectra.n_good[1]


def test_other_tables_are_refused_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "x.fits"
    wave = np.concatenate([WAVE, WAVE])
    Table({"wave": wave, "flux": np.ones(200), "err": np.ones(200)}).write(path)
    with pytest.raises(ReadError, match="begin anew: 2 spectra"):
        read(path)
