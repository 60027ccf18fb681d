"""LAMOST low-resolution files: images and tables, wavelengths, masks, keys, labels."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from gasnet3 import ZWarn
from gasnet3.io import ReadError, count_rows, find_reader, read, read_rows
from gasnet3.io.survey.lamost import LamostReader
from gasnet3.spectra.airvac import vacuum_to_air
from mock_surveys import LAMOST_KEYS, lamost

LOGLAM = 3.5682 + 1e-4 * np.arange(300)


@pytest.mark.parametrize("table", [False, True])
def test_layouts(tmp_path, table):
    path = lamost(tmp_path / "x.fits", table=table)
    assert find_reader(path).name == "lamost"
    spectra = read(path)
    assert spectra.ids.tolist() == ["101001"]
    assert spectra.classes.tolist() == ["STAR"]
    assert spectra.z.tolist() == [-0.0001387]
    assert spectra.zwarn.tolist() == [0]
    seen = spectra.ivar[0] > 0
    np.testing.assert_allclose(spectra.lattice.loglam[seen], LOGLAM, atol=1e-9)
    np.testing.assert_array_equal(spectra.flux[0, seen], np.arange(1.0, 301))
    assert set(spectra.ivar[0, seen]) == {4.0}
    assert {name: column.tolist() for name, column in spectra.meta.items()} == {
        "obsid": [101001],
        "desig": ["LAMOST J220848.54-020324.3"],
        "lmjd": [55859],
        "planid": ["F5902"],
        "spid": [1],
        "fiberid": [7],
        "ra": [332.2],
        "dec": [-2.05],
        "arm_join_1": [5790.0],
        "resolution_sigma": [pytest.approx(1.0246, abs=1e-3)],
        "file": ["x.fits"],
    }
    zipped = tmp_path / "y.fits.gz"
    zipped.write_bytes(gzip.compress(path.read_bytes()))
    assert count_rows(zipped) == 1
    assert read_rows(zipped, 0, 1).flux.tobytes() == spectra.flux.tobytes()
    assert len(read_rows(zipped, 1, 1)) == 0


@pytest.mark.parametrize("bits", [np.float32, np.float64])
def test_a_row_that_is_no_wavelength_is_not_taken_for_one(tmp_path, bits):
    """In the first release the third row is the flux over its continuum."""
    spectra = read(lamost(tmp_path / "x.fits", replaced={2: np.ones(300)}, bits=bits))
    np.testing.assert_allclose(spectra.lattice.loglam[spectra.ivar[0] > 0], LOGLAM, atol=1e-9)


@pytest.mark.parametrize("table", [False, True])
def test_wavelengths_of_the_file_where_the_header_has_none(tmp_path, table):
    keys = {"COEFF0": None, "COEFF1": None}
    spectra = read(lamost(tmp_path / "x.fits", table=table, keys=keys))
    np.testing.assert_allclose(spectra.lattice.loglam[spectra.ivar[0] > 0], LOGLAM, atol=1e-9)


def test_air_is_converted(tmp_path):
    air = vacuum_to_air(10**LOGLAM)
    keys = {"COEFF0": None, "COEFF1": None, "VACUUM": False}
    spectra = read(lamost(tmp_path / "x.fits", keys=keys, replaced={2: air}, bits=np.float64))
    np.testing.assert_array_equal(spectra.flux[0][spectra.ivar[0] > 0], np.arange(1.0, 301))


@pytest.mark.parametrize("table", [False, True])
def test_masked_pixels_and_the_filling_at_the_end(tmp_path, table):
    flux, mask = np.ones(300), np.zeros(300)
    flux[-9:] = 0
    mask[20:25] = 4
    spectra = read(lamost(tmp_path / "x.fits", table=table, replaced={0: flux, 3: mask}))
    first = round(LOGLAM[0] * 1e4) - spectra.lattice.k_min
    good = spectra.ivar[0, first : first + 300] > 0
    assert np.flatnonzero(~good).tolist() == [*range(20, 25), *range(291, 300)]


def test_the_join_of_the_arms_and_what_is_left_of_the_sky_are_masked(tmp_path):
    spectra = read(lamost(tmp_path / "x.fits", pixels=3909))
    wave, good = spectra.lattice.wave, spectra.ivar[0] > 0
    left = ((wave > 6296) & (wave < 6309)) | ((wave > 6361) & (wave < 6370)) | (wave > 9000)
    joined = (wave > 5700) & (wave < 5880)
    covered = wave > 3699.9
    assert (good == (covered & ~left & ~joined)).all()


def test_names_without_obsid(tmp_path):
    path = lamost(tmp_path / "x.fits", keys={"OBSID": None})
    assert read(path).ids.tolist() == ["55859-F5902_sp01-007"]
    path = lamost(tmp_path / "y.fits", keys={"OBSID": -28762, "FIBERID": "126"})
    assert read(path).ids.tolist() == ["55859-F5902_sp01-126"]
    path = lamost(tmp_path / "z.fits", keys={"OBSID": None, "PLANID": None})
    assert read(path).ids.tolist() == ["LAMOST J220848.54-020324.3"]
    nothing = dict.fromkeys(LAMOST_KEYS.keys() - {"TELESCOP", "COEFF0", "COEFF1"})
    spectra = read(lamost(tmp_path / "w.fits", keys=nothing))
    assert spectra.ids.tolist() == ["w"]
    assert list(spectra.meta) == ["arm_join_1", "resolution_sigma", "file"]


@pytest.mark.parametrize("label", [{"Z": -9999}, {"Z": None}, {"Z": "-"}])
def test_no_redshift(tmp_path, label):
    spectra = read(lamost(tmp_path / "x.fits", keys=label))
    assert np.isnan(spectra.z).all()
    assert spectra.classes.tolist() == ["STAR"]


def test_an_unknown_class_is_none(tmp_path):
    spectra = read(lamost(tmp_path / "x.fits", keys={"CLASS": "Unknown", "Z": -9999}))
    assert spectra.classes.tolist() == [""]


@pytest.mark.parametrize("keyword", ["FIBERTYP", "FIB_TYPE"])
@pytest.mark.parametrize(
    ("kind", "flag"),
    [
        ("Obj", 0),
        ("F-std", 0),
        ("Sky", ZWarn.SKY),
        ("Dead", ZWarn.UNPLUGGED),
        ("Unused", ZWarn.UNPLUGGED),
        ("PosErr", ZWarn.BAD_TARGET),
    ],
)
def test_types_of_fibre(tmp_path, keyword, kind, flag):
    path = lamost(tmp_path / "x.fits", keys={"FIBERTYP": None, keyword: kind})
    assert read(path).zwarn.tolist() == [flag]


@pytest.mark.parametrize("name", ["COADD_B", "B-84420148", "COADD_R"])
def test_medium_resolution_is_refused(tmp_path, name):
    path = lamost(tmp_path / "x.fits", table=True, name=name)
    with pytest.raises(ReadError, match="medium-resolution file: its arms cover 4950-5350"):
        read(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"keys": {"COEFF1": 0.1}}, "do not rise from above 3000 to below 12000"),
        ({"keys": {"COEFF0": None}, "replaced": {2: np.ones(300)}}, "do not rise"),
        ({"table": True, "replaced": {1: None}}, "first table has no column IVAR"),
        ({"table": True, "replaced": {1: np.ones(7)}}, "differ in length"),
        ({"table": True, "replaced": {0: np.ones(1)}}, "do not rise|differ in length"),
    ],
)
def test_files_that_lack_something(tmp_path, change, message):
    with pytest.raises(ReadError, match=message):
        LamostReader().read(lamost(tmp_path / "x.fits", **change))


def test_what_was_understood(tmp_path):
    told = LamostReader().explain(lamost(tmp_path / "x.fits"))
    assert ("flux", "row 0 of the primary image") in told.used
    assert ("z", "keyword Z") in told.used
    assert "row 2 of the image: not used" in told.ignored
    told = LamostReader().explain(lamost(tmp_path / "y.fits", table=True))
    assert ("mask", "column ANDMASK of HDU 1") in told.used
