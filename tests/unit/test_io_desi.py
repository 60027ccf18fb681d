"""DESI coadd and spectra files: arms, masks, exposures, flags, key columns."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from astropy.io import fits

from gasnet3 import ZWarn
from gasnet3.io import ReadError, count_rows, find_reader, read, read_rows
from gasnet3.io.survey.desi import DesiReader
from gasnet3.io.targets import FiberMask
from gasnet3.spectra.lattice import OBSERVED
from gasnet3.spectra.resample import rebin
from gasnet3.spectra.target import onto
from mock_surveys import ARMS, desi

IDS = [39627866878511337, -2713437, 616088619186127404]
LINE = (OBSERVED.wave > 5560) & (OBSERVED.wave < 5595)


@pytest.fixture(autouse=True)
def on_what_it_covers():
    """Read onto the paper's lattice: the arms cover the whole of it."""
    with onto(OBSERVED):
        yield


def grid(arm, step=8.0):
    first, last = ARMS[arm]
    return np.arange(first, last + step / 2, step)


def test_a_coadd(tmp_path):
    path = desi(tmp_path / "x.fits")
    assert find_reader(path).name == "desi"
    spectra = read(path)
    assert spectra.ids.tolist() == [str(number) for number in IDS]
    assert spectra.zwarn.tolist() == [0, 0, 0]
    assert not spectra.classes.any()
    assert np.isnan(spectra.z).all()
    seen = spectra.ivar > 0
    assert (seen | LINE).all()
    for row, flux in enumerate(spectra.flux):
        np.testing.assert_allclose(flux[seen[row]], row + 1, rtol=1e-6)
    meta = {name: column.tolist() for name, column in spectra.meta.items()}
    assert set(meta.pop("resolution_sigma")) <= {0.37, 0.41, 0.63}
    assert meta == {
        "targetid": IDS,
        "ra": [150.0, 150.1, 150.2],
        "dec": [2.0] * 3,
        "coadd_fiberstatus": [0] * 3,
        "objtype": ["TGT"] * 3,
        "survey": ["sv3"] * 3,
        "program": ["dark"] * 3,
        "healpix": [26065] * 3,
        "file": ["x.fits"] * 3,
        "arm_join_1": [5780.0] * 3,
        "arm_join_2": [7568.0] * 3,
    }
    assert spectra.meta["targetid"].dtype == np.int64


def test_arms_are_rebinned_and_joined_by_weight(tmp_path):
    """In one arm what the rebinning gives, in two arms their mean weighted by ivar."""
    rng = np.random.default_rng(3)
    images = {}
    for arm in ARMS:
        pixels = grid(arm).size
        images[f"{arm}_FLUX"] = rng.normal(size=(3, pixels)).astype(np.float32)
        images[f"{arm}_IVAR"] = rng.uniform(1, 9, (3, pixels)).astype(np.float32)
    spectra = read(desi(tmp_path / "x.fits", images=images))
    total, weight = np.zeros(OBSERVED.n), np.zeros(OBSERVED.n)
    for arm in ARMS:
        wave = grid(arm)
        flux, ivar = (images[f"{arm}_{kind}"][1].astype(float) for kind in ("FLUX", "IVAR"))
        ivar[(wave >= 5572) & (wave <= 5582)] = 0
        one, one_ivar, _ = rebin(flux, ivar, wave, OBSERVED, log=False)
        total, weight = total + one * one_ivar, weight + one_ivar
    np.testing.assert_allclose(spectra.ivar[1], weight, rtol=1e-6)
    good = weight > 0
    np.testing.assert_allclose(
        spectra.flux[1][good], (total / np.where(good, weight, 1))[good], rtol=1e-5, atol=1e-6
    )


def test_masked_pixels_are_left_out(tmp_path):
    wave = grid("R")
    mask = np.zeros((3, wave.size), np.int32)
    bad = (wave > 6500) & (wave < 6600)
    mask[1, bad] = 2
    flux = np.ones((3, wave.size), np.float32)
    flux[1, bad] = 1e6
    spectra = read(desi(tmp_path / "x.fits", images={"R_MASK": mask, "R_FLUX": flux}))
    hidden = (OBSERVED.wave > 6510) & (OBSERVED.wave < 6590)
    assert not spectra.ivar[1, hidden].any()
    assert spectra.ivar[0, hidden].all()
    assert spectra.flux[1].max() < 3


@pytest.mark.parametrize("kind", [np.uint32, np.int16])
def test_masks_of_other_types(tmp_path, kind):
    mask = np.zeros((3, grid("B").size), kind)
    mask[0] = 1
    spectra = read(desi(tmp_path / "x.fits", images={"B_MASK": mask}))
    blue = OBSERVED.wave < 5700
    assert not spectra.ivar[0, blue].any()
    assert (spectra.ivar[1, blue] > 0).sum() > 1900


def test_one_joined_arm_and_no_mask(tmp_path):
    arms = {"BRZ": (3600.0, 9824.0)}
    spectra = read(desi(tmp_path / "x.fits", arms=arms, images={"BRZ_MASK": None}))
    assert (spectra.ivar[2] > 0)[~LINE].all()
    np.testing.assert_allclose(spectra.flux[2][spectra.ivar[2] > 0], 3, rtol=1e-6)


def test_an_arm_that_is_not_there_is_not_covered(tmp_path):
    arms = {arm: ARMS[arm] for arm in "BZ"}
    spectra = read(desi(tmp_path / "x.fits", arms=arms))
    red = (OBSERVED.wave > 5850) & (OBSERVED.wave < 7480)
    assert not spectra.ivar[:, red].any()


def test_ranges_zipped_and_fibermap_last_are_the_same(tmp_path):
    path = desi(tmp_path / "x.fits")
    whole = read(path)
    zipped = tmp_path / "x.fits.gz"
    zipped.write_bytes(gzip.compress(path.read_bytes(), 1))
    last = desi(tmp_path / "last.fits", fibermap_last=True)
    for other in (zipped, last):
        assert find_reader(other).name == "desi"
        assert count_rows(other) == 3
        assert read(other).flux.tobytes() == whole.flux.tobytes()
        for start in range(4):
            for stop in range(start, 4):
                part = read_rows(other, start, stop)
                assert part.ids.tolist() == whole.ids[start:stop].tolist()
                assert part.flux.tobytes() == whole.flux[start:stop].tobytes()
                assert part.ivar.tobytes() == whole.ivar[start:stop].tobytes()
    with pytest.raises(ReadError, match="rows 1 to 4 were asked for, it has 3"):
        read_rows(path, 1, 4)


def exposures(path, **more):
    """Three targets in five exposures, not in order; flux 1 to 5, the third with ivar 12."""
    wave = grid("B")
    ivar = np.full((5, wave.size), 4, np.float32)
    ivar[2] = 12
    target = [IDS[0], IDS[1], IDS[0], IDS[2], IDS[1]]
    return desi(path, target, spectra=True, images={"B_IVAR": ivar}, **more)


def test_exposures_of_a_target_are_averaged(tmp_path):
    path = exposures(tmp_path / "x.fits")
    assert count_rows(path) == 3
    spectra = read(path)
    assert spectra.ids.tolist() == [str(number) for number in IDS]
    assert spectra.meta["coadd_numexp"].tolist() == [2, 2, 1]
    assert spectra.meta["ra"].tolist() == [150.0, 150.1, 150.3]
    blue, red = OBSERVED.wave < 5500, OBSERVED.wave > 6000
    for row, (in_blue, in_red) in enumerate([((1 * 4 + 3 * 12) / 16, 2), (3.5, 3.5), (4, 4)]):
        np.testing.assert_allclose(spectra.flux[row, blue], in_blue, rtol=1e-6)
        np.testing.assert_allclose(spectra.flux[row, red], in_red, rtol=1e-6)
    np.testing.assert_allclose(spectra.ivar[0, blue] / spectra.ivar[2, blue], 4, rtol=1e-5)
    for start, stop in ((0, 1), (1, 3), (2, 3)):
        part = read_rows(path, start, stop)
        assert part.flux.tobytes() == spectra.flux[start:stop].tobytes()
        assert part.meta["coadd_numexp"].tolist() == [2, 2, 1][start:stop]


def test_bad_exposures_are_left_out_where_there_are_others(tmp_path):
    bad, poor = int(FiberMask.BROKENFIBER), int(FiberMask.POORPOSITION)
    status = {"FIBERSTATUS": ("J", [0, bad, bad, poor, bad | poor])}
    spectra = read(exposures(tmp_path / "x.fits", columns=status))
    assert spectra.meta["coadd_numexp"].tolist() == [1, 2, 1]
    assert spectra.meta["coadd_fiberstatus"].tolist() == [0, bad, poor]
    assert spectra.zwarn.tolist() == [0, ZWarn.UNPLUGGED, ZWarn.POORDATA]
    np.testing.assert_allclose(spectra.flux[0][spectra.ivar[0] > 0], 1, rtol=1e-6)


@pytest.mark.parametrize(
    ("status", "flag"),
    [
        (FiberMask.UNASSIGNED, ZWarn.BAD_TARGET),
        (FiberMask.BADPOSITION, ZWarn.BAD_TARGET),
        (FiberMask.BROKENFIBER, ZWarn.UNPLUGGED),
        (FiberMask.BADFIBER, ZWarn.UNPLUGGED),
        (FiberMask.POORPOSITION, ZWarn.POORDATA),
        (FiberMask.BADFLAT, ZWarn.POORDATA),
        (1 << 1, 0),
        (1 << 3, 0),
        (1 << 22, 0),
    ],
)
def test_status_of_a_fibre(tmp_path, status, flag):
    columns = {"COADD_FIBERSTATUS": ("J", [0, int(status), 0])}
    assert read(desi(tmp_path / "x.fits", columns=columns)).zwarn.tolist() == [0, flag, 0]


def test_sky_fibres_and_bad_objects_are_flagged(tmp_path):
    columns = {"OBJTYPE": ("3A", ["SKY", "TGT", "BAD"])}
    spectra = read(desi(tmp_path / "x.fits", columns=columns))
    assert spectra.zwarn.tolist() == [ZWarn.SKY, 0, ZWarn.BAD_TARGET]


def test_pixels_that_are_no_numbers_are_masked_and_flagged(tmp_path):
    for name, spoil in (("coadd.fits", False), ("spectra.fits", True)):
        flux = np.ones((3, grid("Z").size), np.float32)
        flux[1, 40:60] = np.nan
        spectra = read(desi(tmp_path / name, spectra=spoil, images={"Z_FLUX": flux}))
        assert np.isfinite(spectra.flux).all()
        assert spectra.zwarn.tolist() == [0, ZWarn.POORDATA, 0]


def test_tile_files_tell_their_tile(tmp_path):
    keys = {"TILEID": 80605, "SPGRP": "cumulative"}
    meta = read(desi(tmp_path / "x.fits", keywords=keys)).meta
    assert meta["tileid"].tolist() == [80605] * 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": {"R_IVAR": None}}, "arm R lacks its IVAR"),
        ({"images": {"Z_MASK": None}}, "arm Z lacks its MASK"),
        ({"arms": {}}, "arm B, R, Z lacks its FLUX, IVAR, WAVELENGTH"),
        ({"images": {"B_FLUX": np.ones((2, 276), np.float32)}}, r"B_FLUX has the shape \(2, 276\)"),
        ({"images": {"B_FLUX": np.ones((3, 5), np.float32)}}, "images of arm B differ in shape"),
        ({"images": {"B_WAVELENGTH": np.ones(276)}}, "B_WAVELENGTH: wavelengths must rise"),
        ({"columns": {"TARGETID": ("D", [1, 2, 3])}}, "no whole numbers TARGETID"),
    ],
)
def test_files_that_lack_something(tmp_path, change, message):
    path = desi(tmp_path / "x.fits", **change)
    with pytest.raises(ReadError, match=message):
        DesiReader().read(path)


@pytest.mark.parametrize("name", ["REDSHIFTS", "ZBEST"])
def test_answers_of_redrock_are_told_from_spectra(tmp_path, name):
    columns = [fits.Column("TARGETID", "K", array=[1]), fits.Column("Z", "D", array=[0.1])]
    table = fits.BinTableHDU.from_columns(columns, name=name)
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(tmp_path / "x.fits")
    with pytest.raises(ReadError, match="redshifts that redrock found, no spectra"):
        count_rows(tmp_path / "x.fits")


def test_what_was_understood(tmp_path):
    told = DesiReader().explain(exposures(tmp_path / "x.fits"))
    assert ("flux", "image R_FLUX") in told.used
    assert ("ra", "column TARGET_RA of FIBERMAP [deg]") in told.used
    assert any("5 exposures are averaged to 3 targets" in text for text in told.assumed)
    assert "B_RESOLUTION: not used" in told.ignored
