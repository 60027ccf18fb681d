"""Key columns that astropy had masked came with the number under the mask, and a column of it."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from astropy.table import MaskedColumn, Table

from gasnet3.io import read, read_rows

HOW = {
    "a.parquet": {},
    "a.hdf5": {"path": "spectra", "serialize_meta": True},
    "a.fits": {},
    "a.ecsv": {},
    "a.vot": {"format": "votable"},
}


@pytest.mark.parametrize("name", HOW)
def test_masked_keys_are_none_whatever_the_format_and_the_rows(tmp_path: Path, name: str) -> None:
    rows, wave = 4, np.linspace(4000.0, 9000.0, 60)
    table = Table({n: np.ones((rows, 60)) for n in ("flux", "ivar")})
    table["wave"] = np.tile(wave, (rows, 1))
    table["targetid"] = MaskedColumn([2**60, 12, 13, 14], mask=[False, True, False, False])
    table["mag"] = MaskedColumn([1.0, 2.0, 3.0, 4.0], mask=[False, False, True, False])
    table["z"] = MaskedColumn([0.1, 0.2, 0.3, 0.4], mask=[False, False, False, True])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # units and sizes that VOTable would like to know
        table.write(tmp_path / name, **HOW[name])
    spectra = read(tmp_path / name)
    assert spectra.ids.tolist() == [str(2**60), "a:1", "13", "14"]
    assert spectra.meta["targetid"].tolist() == [str(2**60), "", "13", "14"]
    np.testing.assert_array_equal(spectra.meta["mag"], [1.0, 2.0, np.nan, 4.0])
    np.testing.assert_array_equal(spectra.z, [0.1, 0.2, 0.3, np.nan])
    assert not [key for key in spectra.meta if key.endswith("mask")]
    some = read_rows(tmp_path / name, 2, 4)
    for key in ("targetid", "mag"):
        assert some.meta[key].dtype.kind == spectra.meta[key].dtype.kind
        np.testing.assert_array_equal(some.meta[key], spectra.meta[key][2:])
