"""Readers of DESI, LAMOST and spSpec beside astropy, on files as the surveys deliver them."""

from __future__ import annotations

import csv
import gzip

import numpy as np
import pytest
from astropy.io import fits

from gasnet3 import ZWarn
from gasnet3.io import count_rows, find_reader, read, read_rows
from gasnet3.io.survey.desi import SKY_LINE
from gasnet3.io.survey.lamost import RESIDUALS
from gasnet3.io.survey.sdss import MASKED_BITS
from gasnet3.spectra.resample import rebin
from gasnet3.spectra.target import STANDARD


@pytest.fixture(scope="module")
def raw(shared_dir):
    return shared_dir / "data/raw"


@pytest.fixture(scope="module")
def truth(raw):
    with (raw / "truth.csv").open() as stream:
        return {row["file"]: row for row in csv.DictReader(stream)}


def on_lattice(values, loglam):
    """Values of pixels that are on the lattice already."""
    pixel = np.rint(np.asarray(loglam, float) * 1e4).astype(int) - STANDARD.k_min
    inside = (pixel >= 0) & (pixel < STANDARD.n)
    out = np.zeros(STANDARD.n, np.float32)
    out[pixel[inside]] = values[inside]
    return out


def same(spectra, flux, ivar, loglam, name):
    expected = on_lattice(ivar, loglam)
    np.testing.assert_allclose(spectra.ivar[0], expected, rtol=1e-6, err_msg=name)
    np.testing.assert_array_equal(
        spectra.flux[0], np.where(expected > 0, on_lattice(flux, loglam), 0), err_msg=name
    )


def test_lamost(raw, truth):
    files = sorted((raw / "lamost").glob("*"))
    assert len(files) == 22
    for path in files:
        spectra = read(path)
        with fits.open(path) as hdus:
            header = hdus[0].header
            if hdus[0].data is not None:
                flux, ivar, wave, mask = hdus[0].data[:4].astype(float)
            else:
                flux, ivar, wave, mask = (
                    hdus[1].data[name][0].astype(float)
                    for name in ("FLUX", "IVAR", "WAVELENGTH", "ANDMASK")
                )
        # Where the file has wavelengths they are those of the header.
        loglam = header["COEFF0"] + header["COEFF1"] * np.arange(flux.size)
        if wave.min() > 3000:
            np.testing.assert_allclose(np.log10(wave), loglam, atol=1e-6)
        masked = (mask != 0) | (flux == 0)
        for first, last in RESIDUALS:
            masked |= (10**loglam > first) & (10**loglam < last)
        same(spectra, flux, np.where(masked, 0, ivar), loglam, path.name)
        told = truth[path.name]
        assert spectra.classes.tolist() == [told["cls"]]
        z = float(told["z"])
        assert spectra.z[0] == pytest.approx(z) if z > -9999 else np.isnan(spectra.z[0])
        name = path.name.removeprefix("spec-").split(".fits")[0]
        number = header.get("OBSID", 0)
        assert spectra.ids.tolist() == [str(number) if number > 0 else name]
        assert (spectra.meta["ra"][0], spectra.meta["dec"][0]) == (header["RA"], header["DEC"])
        assert spectra.meta["planid"].tolist() == [header["PLANID"]]
        assert spectra.zwarn.tolist() == [0]


def test_spspec(raw, truth):
    files = sorted((raw / "sdss-dr7-spSpec").glob("*"))
    assert len(files) == 3
    for path in files:
        spectra = read(path)
        with fits.open(path) as hdus:
            header, image = hdus[0].header, hdus[0].data.astype(float)
            mask = hdus[6].data["andMask"]
        with np.errstate(divide="ignore"):
            ivar = np.where(image[2] > 0, image[2] ** -2, 0)
        ivar[mask & int(MASKED_BITS) != 0] = 0
        loglam = header["COEFF0"] + header["COEFF1"] * np.arange(image.shape[1])
        same(spectra, image[0], ivar, loglam, path.name)
        told = truth[path.name]
        assert spectra.classes.tolist() == [told["cls"]]
        assert spectra.z[0] == pytest.approx(float(told["z"]))
        assert spectra.ids[0].split("-") == [
            f"{header['PLATEID']:04d}",
            str(header["MJD"]),
            f"{header['FIBERID']:04d}",
        ]
        assert spectra.meta["ra"].tolist() == [header["RAOBJ"]]


def test_desi(raw):
    for path in sorted((raw / "desi").glob("coadd*")):
        spectra = read(path)
        with fits.open(path) as hdus:
            fibermap = hdus["FIBERMAP"].data
            targets, sky = fibermap["TARGETID"].tolist(), fibermap["OBJTYPE"] == "SKY"
            row = int(np.argmax(spectra.n_good))
            total, weight = np.zeros(STANDARD.n), np.zeros(STANDARD.n)
            for arm in "BRZ":
                wave = hdus[f"{arm}_WAVELENGTH"].data.astype(float)
                flux, ivar = (
                    hdus[f"{arm}_{kind}"].data[row].astype(float) for kind in ("FLUX", "IVAR")
                )
                ivar[hdus[f"{arm}_MASK"].data[row] != 0] = 0
                ivar[(wave >= SKY_LINE[0]) & (wave <= SKY_LINE[1])] = 0
                one, one_ivar, _ = rebin(flux, ivar, wave, STANDARD, log=False)
                total, weight = total + one * one_ivar, weight + one_ivar
            ra = fibermap["TARGET_RA"].tolist()
        assert spectra.ids.tolist() == [str(target) for target in targets]
        assert spectra.meta["targetid"].tolist() == targets
        assert spectra.meta["ra"].tolist() == ra
        np.testing.assert_allclose(spectra.ivar[row], weight, rtol=1e-6)
        np.testing.assert_allclose(spectra.flux[row] * spectra.ivar[row], total, atol=1e-4)
        assert ((spectra.zwarn & ZWarn.SKY) != 0).tolist() == sky.tolist()
        # 4000 pixels: all arms; the broken fibres of the second file have none.
        assert set(spectra.n_good > 4000) == ({True} if len(spectra) == 1 else {True, False})


def test_zipped_and_by_rows_they_are_the_same(raw, tmp_path):
    for path in (*(raw / "desi").glob("coadd*"), *(raw / "sdss-dr7-spSpec").glob("*")):
        whole = read(path)
        zipped = tmp_path / f"{path.name}.gz"
        zipped.write_bytes(gzip.compress(path.read_bytes(), 1))
        assert find_reader(zipped).name == find_reader(path).name
        assert count_rows(zipped) == len(whole)
        for row in range(len(whole)):
            part = read_rows(zipped, row, row + 1)
            assert part.flux.tobytes() == whole.flux[row : row + 1].tobytes()
            assert part.ivar.tobytes() == whole.ivar[row : row + 1].tobytes()
