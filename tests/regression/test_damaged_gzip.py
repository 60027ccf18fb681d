"""A zipped file with a wrong byte was read as if it were sound: its checksum was not reached."""

from __future__ import annotations

import gzip
from io import BytesIO

import numpy as np
import pytest
from astropy.io import fits

from gasnet3 import samples
from gasnet3.io import ReadError, count_rows, read, read_rows


def _generic() -> bytes:
    wave = np.arange(5000.0, 5200.0)
    columns = [fits.Column(name, "D", array=wave) for name in ("wave", "flux", "err")]
    tables = [fits.PrimaryHDU(), fits.BinTableHDU.from_columns(columns)]
    tables.append(fits.ImageHDU(np.random.default_rng(1).normal(size=3000)))
    file = BytesIO()
    fits.HDUList(tables).writeto(file)
    return file.getvalue()


@pytest.mark.parametrize("survey", [True, False])
def test_one_wrong_byte(tmp_path, survey):
    plain = samples.paths()[0].read_bytes() if survey else _generic()
    # Not compressed, so that a wrong byte is one in the flux, and nothing else tells.
    data = bytearray(gzip.compress(plain, 0))
    path = tmp_path / "x.fits.gz"
    path.write_bytes(data)
    assert len(read(path)) == 1
    place = data.find(plain[8640:8660]) + 1
    assert place > 8640
    data[place] ^= 1
    path.write_bytes(data)
    for reading in (read, lambda path: read_rows(path, 0, 1)):
        with pytest.raises(ReadError, match="gzip stream is broken"):
            reading(path)


@pytest.mark.parametrize("size", [400, 3000, -100])
def test_one_that_ends_early_is_said_to(tmp_path, size):
    path = tmp_path / "x.fits.gz"
    path.write_bytes(gzip.compress(_generic())[:size])
    with pytest.raises(ReadError, match="gzip stream is broken"):
        count_rows(path)
