"""Whole numbers that TNULL says are none were taken for flux: astropy leaves them as they are."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits

from gasnet3.io import read

WAVE = np.arange(5000.0, 5100.0)


@pytest.mark.parametrize("zero", [None, 3.0])
def test_null_pixels_are_masked(tmp_path, zero):
    flux = np.arange(100, dtype=np.int32) + 7
    flux[20:30] = -999
    columns = [
        fits.Column("wave", "D", array=WAVE),
        fits.Column("flux", "J", array=flux, null=-999),
        fits.Column("err", "D", array=np.ones(100)),
    ]
    table = fits.BinTableHDU.from_columns(columns)
    path = tmp_path / "x.fits"
    table.writeto(path)
    if zero is not None:
        fits.setval(path, "TZERO2", value=zero, ext=1)
        fits.setval(path, "TSCAL2", value=0.5, ext=1)
    spectra = read(path)
    seen = spectra.ivar[0] > 0
    wave = spectra.lattice.wave[seen]
    assert spectra.flux[0].min() >= 0
    assert not ((wave > 5020.6) & (wave < 5028.4)).any()
    assert ((wave > 5003) & (wave < 5019)).any()


def test_rows_whose_id_is_null_are_named(tmp_path):
    columns = [
        fits.Column("id", "J", array=np.array([8, -1]), null=-1),
        fits.Column("wave", "100D", array=np.stack([WAVE, WAVE])),
        fits.Column("flux", "100D", array=np.ones((2, 100))),
        fits.Column("err", "100D", array=np.ones((2, 100))),
    ]
    path = tmp_path / "x.fits"
    fits.BinTableHDU.from_columns(columns).writeto(path)
    spectra = read(path)
    assert spectra.ids.tolist() == ["8", "x:1"]
