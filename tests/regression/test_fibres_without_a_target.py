"""Sky and broken fibres were classified as objects, where no survey's reader knew the file."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from gasnet3.flags import ZWarn
from gasnet3.io import read_file
from gasnet3.io.targets import flags_of_keys

WAVE = np.linspace(3700.0, 9000.0, 1000)


def images(path, table, rows, name="FIBERMAP"):
    flux = np.ones((rows, WAVE.size)) if rows > 1 else np.ones(WAVE.size)
    parts = [
        fits.PrimaryHDU(flux), fits.ImageHDU(flux * 4, name="IVAR"),
        fits.ImageHDU(WAVE, name="WAVELENGTH"), fits.BinTableHDU(Table(table), name=name),
    ]  # fmt: skip
    fits.HDUList(parts).writeto(path)
    return read_file(path)


def test_a_frame_of_desi(tmp_path):
    table = {"TARGETID": [1, 2, 3], "OBJTYPE": ["TGT", "SKY", "TGT"], "FIBERSTATUS": [0, 0, 4]}
    spectra = images(tmp_path / "cframe.fits", table, 3)
    assert spectra.zwarn.tolist() == [0, ZWarn.SKY, ZWarn.UNPLUGGED]


@pytest.mark.parametrize("rows", [1, 2])
def test_fibres_of_aaomega(rows, tmp_path):
    table = {"NAME": ["t0", "t1"][:rows], "RA": [0.5, 1.0][:rows], "DEC": [0.1, 0.2][:rows]}
    table["TYPE"] = ["S", "P"][:rows]
    spectra = images(tmp_path / "x.fits", table, rows, "FIBRES")
    assert spectra.ids.tolist() == ["t0", "t1"][:rows]
    assert spectra.zwarn.tolist() == [int(ZWarn.SKY), 0][:rows]
    assert spectra.meta["ra"][0] == pytest.approx(np.degrees(0.5))


def test_types_of_pfs():
    keys = {"targettype": np.array([1, 2, 5, 1]), "fiberstatus": np.array([1, 1, 1, 2])}
    expected = [0, ZWarn.SKY, ZWarn.BAD_TARGET, ZWarn.UNPLUGGED]
    assert flags_of_keys(keys, 4).tolist() == expected
