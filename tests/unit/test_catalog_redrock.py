"""The redrock dialect in FITS: laid out as redrock's own files are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table, hstack

from gasnet3 import ZWarn
from gasnet3.catalog import make_catalog, read_catalog, write_catalog

COLUMNS = (
    "TARGETID",
    "Z",
    "ZERR",
    "ZWARN",
    "CHI2",
    "COEFF",
    "NPIXELS",
    "SPECTYPE",
    "SUBTYPE",
    "NCOEFF",
    "DELTACHI2",
)


def catalog() -> Table:
    columns = {
        "id": ["39627640566453451", "39627640566453452"],
        "class": ["GALAXY", "QSO"],
        "subclass": ["", "AGN"],
        "z": [0.5, 2.0],
        "z_err": [1e-5, np.nan],
        "zwarn": [0, 4],
        "chi2": [4000.0, 4100.0],
        "delta_chi2": [50.0, 3.0],
        "coeff": [[1.0, 2.0], [3.0, np.nan]],
        "n_good": [3900, 3800],
    }
    keys = {"ra": [10.0, 11.0], "dec": [-1.0, 1.0], "file": ["coadd.fits"] * 2}
    return make_catalog(columns, keys, {"solver": "hybrid"})


def test_redshifts_and_fibermap_row_by_row(tmp_path: Path) -> None:
    path = tmp_path / "redrock.fits"
    write_catalog(catalog(), path, "redrock")
    with fits.open(path) as file:
        assert [hdu.name for hdu in file] == ["PRIMARY", "REDSHIFTS", "FIBERMAP", "GASNET3"]
        redshifts, fibermap = file["REDSHIFTS"].data, file["FIBERMAP"].data
        assert set(COLUMNS) <= set(redshifts.names)
        kinds = {name: redshifts.dtype[name].base.kind for name in COLUMNS}
        assert "".join(kinds.values()) == "iffiffiSSif"
        assert redshifts.dtype["TARGETID"].itemsize == 8
        np.testing.assert_array_equal(redshifts["TARGETID"], fibermap["TARGETID"])
        assert fibermap.names == ["TARGETID", "TARGET_RA", "TARGET_DEC", "FILE"]
    # What users of redrock do with such a file.
    both = hstack(
        [Table.read(path, hdu="REDSHIFTS"), Table.read(path, hdu="FIBERMAP")],
        table_names=["", "map"],
        uniq_col_name="{col_name}{table_name}",
        metadata_conflicts="silent",
    )
    assert both["TARGET_RA"][both["SPECTYPE"] == "QSO"] == [11.0]


def test_it_comes_back_whole(tmp_path: Path) -> None:
    write_catalog(catalog(), tmp_path / "a.fits", "redrock")
    back, table = read_catalog(tmp_path / "a.fits"), catalog()
    assert back.colnames == table.colnames
    for name in table.colnames:
        np.testing.assert_array_equal(back[name], table[name])


def test_the_inputs_own_targetid_is_in_both_tables(tmp_path: Path) -> None:
    table = make_catalog(
        {"id": ["a"], "class": ["STAR"], "z": [0.0]}, {"targetid": [7], "night": [20210510]}
    )
    write_catalog(table, tmp_path / "a.fits", "redrock")
    redshifts = Table.read(tmp_path / "a.fits", hdu="REDSHIFTS")
    fibermap = Table.read(tmp_path / "a.fits", hdu="FIBERMAP")
    assert (redshifts["TARGETID"][0], redshifts["ID"][0]) == (7, "a")
    assert fibermap.colnames == ["TARGETID", "NIGHT"]
    assert read_catalog(tmp_path / "a.fits")["targetid"][0] == 7


def test_warnings_are_numbered_as_redrocks() -> None:
    zwarning = pytest.importorskip("redrock.zwarning").ZWarningMask
    for name, value in zwarning.flags():
        if name in ZWarn.__members__ and value < 1 << 12:
            assert ZWarn[name] == value
    assert zwarning.SMALL_DELTA_CHI2 == ZWarn.SMALL_DELTA_CHI2
