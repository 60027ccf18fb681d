"""Numbers that other programs had masked came back as what lies under the mask, or rounded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.table import MaskedColumn, Table

from gasnet3.catalog import read_catalog, read_table
from gasnet3.view.listing import Filter, Listing
from gasnet3.view.says import of_row

BIG = 39627866878514741
"""Rounded as a float."""


@pytest.mark.parametrize("ending", ["parquet", "fits", "vot", "csv"])
def test_what_is_masked_is_not_known(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"all.{ending}"
    gone = [False, True]
    table = Table({"id": ["a", "b"], "class": ["QSO", "STAR"]})
    table["z"] = MaskedColumn([1.0, 2.0], mask=gone)
    table["zwarn"] = MaskedColumn([4, 8], mask=gone)
    table["targetid"] = MaskedColumn([BIG, 7], mask=gone)
    table.write(path, format="votable" if ending == "vot" else None)
    read = read_catalog(path)
    np.testing.assert_array_equal(read["z"], [1.0, np.nan])
    np.testing.assert_array_equal(read["zwarn"], [4.0, np.nan])
    assert read["targetid"].tolist() == [str(BIG), ""]
    assert not any(name.endswith(".mask") for name in read.colnames)
    listing = Listing.read(path)
    assert listing.rows(Filter(clean=True)).tolist() == [1]
    told = of_row(listing, 1)
    assert (told["id"], told["z"], told["flags"]) == ("b", None, [])


def test_columns_of_blanks_are_numbers_where_they_should_be(tmp_path: Path) -> None:
    path = tmp_path / "all.csv"
    path.write_text("id,class,z,sn_median,note\na,QSO,1.0,,\nb,STAR,,,\n", encoding="utf-8")
    read = read_table(path)
    assert np.isnan(read["sn_median"]).all()
    assert read["note"].tolist() == ["", ""]
    assert len(Listing.read(path)) == 2
