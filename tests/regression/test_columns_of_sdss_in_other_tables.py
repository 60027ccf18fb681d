"""Any table with columns flux, loglam and ivar was read as SDSS's: its mask and units were not."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits

from gasnet3.io import find_reader, read

WAVE = np.arange(5000.0, 5100.0)
ONE = {"flux": np.full(100, 2.0), "loglam": np.log10(WAVE), "ivar": np.full(100, 4.0)}


def _write(path, **units):
    columns = [
        fits.Column(name, "D", array=values, unit=units.get(name)) for name, values in ONE.items()
    ]
    mask = (WAVE >= 5040) & (WAVE < 5060)
    columns.append(fits.Column("mask", "L", array=mask))
    fits.BinTableHDU.from_columns(columns).writeto(path)
    return path


def test_mask_and_unit_are_read(tmp_path):
    spectra = read(_write(tmp_path / "x.fits", flux="1e-16 erg/(s cm2 Angstrom)"))
    wave, seen = spectra.lattice.wave, spectra.ivar[0] > 0
    assert not seen[(wave > 5041) & (wave < 5058)].any()
    np.testing.assert_allclose(spectra.flux[0][seen], 20, rtol=1e-5)


@pytest.mark.parametrize("extra", [(), ("and_mask",)])
def test_one_spectrum_a_row(tmp_path, extra):
    columns = [fits.Column(n, "100D", array=np.stack([v, v, v])) for n, v in ONE.items()]
    columns += [fits.Column(name, "100J", array=np.zeros((3, 100))) for name in extra]
    path = tmp_path / "x.fits"
    fits.BinTableHDU.from_columns(columns).writeto(path)
    assert find_reader(path).name == "fits"
    assert len(read(path)) == 3
