"""SDSS spPlate files: one row a fibre."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from astropy.io import fits

from gasnet3.flags import ZWarn
from gasnet3.io import ReadError, find_reader, read

FIBRES, PIXELS = 5, 300


def plate(path, *, keys=None, plugmap=True, mask=None, shape=(FIBRES, PIXELS), fibers=None):
    rng = np.random.default_rng(3)
    primary = fits.PrimaryHDU(rng.normal(size=(FIBRES, PIXELS)).astype(np.float32))
    header = {"COEFF0": 3.6, "COEFF1": 1e-4, "PLATEID": 10001, "MJD": 57000}
    primary.header.update({**header, **(keys or {})})
    mask = np.zeros(shape, np.int32) if mask is None else mask
    hdus = [
        primary,
        fits.ImageHDU(np.full(shape, 2.0, np.float32)),
        fits.ImageHDU(mask),
        fits.ImageHDU(mask),
        fits.ImageHDU(np.ones(shape, np.float32)),
    ]
    if plugmap:
        columns = [
            fits.Column("FIBERID", "J", array=fibers or np.arange(501, 501 + FIBRES)),
            fits.Column("OBJTYPE", "16A", array=["GALAXY", "SKY", "QSO", "NA", "SKY"]),
            fits.Column("RA", "D", array=np.arange(FIBRES) + 0.5),
            fits.Column("DEC", "D", array=-np.arange(FIBRES) - 0.5),
        ]
        hdus.append(fits.BinTableHDU.from_columns(columns))
    fits.HDUList(hdus).writeto(path)
    return path


def test_every_fibre_is_a_row(tmp_path):
    mask = np.zeros((FIBRES, PIXELS), np.int32)
    mask[0, 10:20] = 1 << 23
    mask[3] = 1
    path = plate(tmp_path / "x.fits", mask=mask)
    spectra = read(path)
    assert find_reader(path).name == "sdss-spplate"
    assert spectra.ids.tolist() == [f"10001-57000-{fiber:04d}" for fiber in range(501, 506)]
    assert spectra.n_good.tolist() == [290, 300, 300, 0, 300]
    assert spectra.zwarn.tolist() == [0, ZWarn.SKY, 0, ZWarn.UNPLUGGED | ZWarn.NODATA, ZWarn.SKY]
    start = 36000 - spectra.lattice.k_min
    np.testing.assert_array_equal(
        spectra.flux[1, start : start + PIXELS], fits.getdata(path)[1].astype(np.float32)
    )
    assert set(spectra.ivar[1, start : start + PIXELS]) == {2.0}
    assert spectra.meta["plate"].tolist() == [10001] * 5
    assert spectra.meta["mjd"].tolist() == [57000] * 5
    assert spectra.meta["fiberid"].tolist() == [501, 502, 503, 504, 505]
    np.testing.assert_array_equal(spectra.meta["ra"], np.arange(5) + 0.5)
    np.testing.assert_array_equal(spectra.meta["dec"], -np.arange(5) - 0.5)
    assert spectra.meta["file"].tolist() == ["x.fits"] * 5
    assert np.isnan(spectra.z).all()


def test_gzip(tmp_path):
    path = plate(tmp_path / "x.fits")
    zipped = tmp_path / "y"
    zipped.write_bytes(gzip.compress(path.read_bytes()))
    np.testing.assert_array_equal(read(zipped).flux, read(path).flux)


def test_fibres_without_a_number_have_that_of_their_row(tmp_path):
    expected = ["10001-57000-0001", "10001-57000-0002", "10001-57000-0003"]
    assert read(plate(tmp_path / "x.fits", plugmap=False)).ids.tolist()[:3] == expected
    spectra = read(plate(tmp_path / "y.fits", fibers=[-1, 2, -1, 4, 5]))
    assert spectra.ids.tolist()[:3] == expected


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"keys": {"PLATEID": "?"}}, "no usable PLATEID"),
        ({"keys": {"COEFF0": "?"}}, "COEFF0 and COEFF1 must be numbers"),
        ({"shape": (FIBRES, PIXELS - 1)}, "images of one shape"),
        ({"mask": np.zeros((FIBRES, PIXELS))}, "images of one shape"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, change, message):
    with pytest.raises(ReadError, match=rf"x\.fits: .*{message}"):
        read(plate(tmp_path / "x.fits", **change))


def test_truncated_anywhere(tmp_path):
    data = plate(tmp_path / "x.fits").read_bytes()
    broken = tmp_path / "broken.fits"
    end_of_masks = data.index(b"XTENSION", data.index(b"XTENSION", data.index(b"XTENSION") + 1) + 1)
    for size in range(2880, end_of_masks, 2880):
        broken.write_bytes(data[: size - 5])
        with pytest.raises(ReadError, match=r"broken\.fits: "):
            read(broken)


def test_a_spectrum_image_with_a_fibre_in_its_header_is_not_a_plate(tmp_path):
    path = plate(tmp_path / "x.fits", keys={"FIBERID": 3})
    assert find_reader(path).name == "fits"
