"""A FITS file that ends in the header of its last table was read without that table's spectrum."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from gasnet3.io import ReadError, read


@pytest.mark.parametrize("zipped", [False, True])
def test_a_lost_table_is_told(tmp_path, zipped):
    table = Table({name: np.arange(5000.0, 5100.0) for name in ("wave", "flux", "err")})
    path = tmp_path / "x.fits"
    tables = [fits.BinTableHDU(table, name=f"N{at}") for at in range(3)]
    fits.HDUList([fits.PrimaryHDU(), *tables]).writeto(path)
    data = path.read_bytes()
    cut = data[: data.rfind(b"XTENSION") + 500]
    for whole, found in ((data, 3), (cut, 0)):
        path.write_bytes(gzip.compress(whole) if zipped else whole)
        if found:
            assert len(read(path)) == found
        else:
            with pytest.raises(ReadError, match="the file ends in the header of HDU 3"):
                read(path)
