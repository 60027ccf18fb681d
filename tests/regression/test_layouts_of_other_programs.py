"""Layouts that were refused, or read without their masks: PypeIt, UVES_popler, rows, DESI."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from gasnet3.io import ReadError, ReadOptions, count_rows, read_file

WAVE = np.linspace(4000.0, 8000.0, 2000)
FLUX = WAVE / 1e3
ERROR = np.full(WAVE.size, 0.1)
BAD = (np.arange(WAVE.size) // 100) == 3


def check(spectra):
    good = spectra.ivar[0] > 0
    assert good.sum() > 2000
    np.testing.assert_allclose(spectra.flux[0][good], spectra.lattice.wave[good] / 1e3, rtol=1e-3)


def test_pypeit(tmp_path):
    flux = np.where(BAD, 900.0, FLUX)
    ivar = np.where(BAD, 0.0, 100.0)
    columns = {
        "BOX_WAVE": WAVE, "BOX_COUNTS": FLUX * 9, "OPT_COUNTS": FLUX * 8,
        "OPT_COUNTS_IVAR": ivar / 64, "OPT_WAVE": WAVE, "OPT_FLAM": flux, "OPT_FLAM_IVAR": ivar,
        "BOX_MASK": ~BAD, "OPT_MASK": ~BAD,
    }  # fmt: skip
    Table(columns).write(tmp_path / "spec1d.fits")
    check(read_file(tmp_path / "spec1d.fits"))


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("said", [False, True])
def test_rows_of_wavelength_flux_and_error(turned, said, tmp_path):
    wiggles = 1 + 4e-4 * (-1.0) ** np.arange(WAVE.size)  # what rises all along are wavelengths
    image = np.array([WAVE, FLUX * wiggles, ERROR])
    fits.PrimaryHDU(image.T.copy() if turned else image).writeto(tmp_path / "x.fits")
    columns = ["wave=ROW1", "flux=ROW2", "error=ROW3"] if said else []
    check(read_file(tmp_path / "x.fits", ReadOptions.parse(columns=columns)))


def test_uves_popler(tmp_path):
    hdu = fits.PrimaryHDU(np.array([FLUX, ERROR, ERROR, FLUX, ERROR]))
    names = [
        "Normalized flux spectrum",
        "Normalized error",
        "Norm. expected",
        "Continuum",
        "Status",
    ]
    cards = {f"ARRAY{at}": name for at, name in enumerate(names, start=1)}
    hdu.header.update({**cards, "CRVAL1": WAVE[0], "CDELT1": WAVE[1] - WAVE[0], "CRPIX1": 1.0})
    hdu.writeto(tmp_path / "x.fits")
    check(read_file(tmp_path / "x.fits"))


def test_what_cannot_be_read_is_not_counted(tmp_path):
    hdu = fits.PrimaryHDU(np.array([FLUX, ERROR]))
    hdu.header.update({"ARRAY1": "this", "ARRAY2": "that", "CRVAL1": 4000.0, "CDELT1": 2.0})
    hdu.writeto(tmp_path / "x.fits")
    with pytest.raises(ReadError, match="which array is the flux"):
        count_rows(tmp_path / "x.fits")


def test_compressed_masks_of_desi(tmp_path):
    table = fits.BinTableHDU(Table({"TARGETID": [9], "COADD_FIBERSTATUS": [0]}), name="FIBERMAP")
    found = []
    for kind in (fits.ImageHDU, fits.CompImageHDU):
        parts = [fits.PrimaryHDU(), table, fits.ImageHDU(WAVE, name="B_WAVELENGTH")]
        parts += [fits.ImageHDU(np.where(BAD, 900.0, FLUX)[None], name="B_FLUX")]
        parts += [fits.ImageHDU(np.full((1, WAVE.size), 100.0), name="B_IVAR")]
        parts += [kind(BAD[None].astype(np.int32), name="B_MASK")]
        fits.HDUList(parts).writeto(tmp_path / "coadd.fits", overwrite=True)
        found.append(read_file(tmp_path / "coadd.fits"))
    np.testing.assert_array_equal(found[0].ivar, found[1].ivar)
    np.testing.assert_array_equal(found[0].flux, found[1].flux)
    check(found[1])


def test_spplate_of_flux_alone(tmp_path):
    hdu = fits.PrimaryHDU(np.ones((5, 500), np.float32))
    hdu.header.update({"COEFF0": 3.6, "COEFF1": 1e-4, "PLATEID": 1, "MJD": 55555})
    hdu.writeto(tmp_path / "spPlate.fits")
    for function in (count_rows, read_file):
        with pytest.raises(ReadError, match="no images of ivar and and-mask"):
            function(tmp_path / "spPlate.fits")


def test_a_file_that_says_vacuum_is_not_air(tmp_path):
    hdu = fits.BinTableHDU(Table({"wave": WAVE, "flux": FLUX, "err": ERROR}))
    hdu.header["VACUUM"] = True
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(tmp_path / "x.fits")
    plain = read_file(tmp_path / "x.fits")
    told = read_file(tmp_path / "x.fits", ReadOptions(air=True))
    forced = read_file(tmp_path / "x.fits", ReadOptions(force_air=True))
    np.testing.assert_array_equal(told.flux, plain.flux)
    assert not np.array_equal(forced.flux, plain.flux)
