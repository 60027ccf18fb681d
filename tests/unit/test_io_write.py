"""What the writers write is read back exactly, by us and by astropy."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits

from gasnet3 import Spectra, ZWarn
from gasnet3.io import find_reader, read, write_npz, write_spec
from gasnet3.spectra.target import STANDARD


def mock(ids=("0266-51602-0001", "12345-60000-1000"), scale=1.0):
    rng = np.random.default_rng(5)
    ivar = rng.uniform(0.5, 2, (2, STANDARD.n)) / scale**2
    ivar[:, 100:140] = 0
    return Spectra.from_arrays(
        rng.normal(3, 1, (2, STANDARD.n)) * scale,
        ivar,
        loglam=STANDARD.loglam,
        ids=list(ids),
        z=[0.123456789012345, np.nan],
        classes=["GALAXY", ""],
        zwarn=[ZWarn.SKY | ZWarn.Z_FITLIMIT, 0],
        meta={"ra": [10.5, 20.25], "dec": [-1.0, 2.0]},
    )


@pytest.mark.parametrize("scale", [1.0, 1e-17])
def test_spec_files_come_back_exactly(tmp_path, scale):
    spectra = mock(scale=scale)
    for row in range(2):
        path = tmp_path / f"{row}.fits"
        write_spec(path, spectra, row)
        assert find_reader(path).name == "sdss-spec"
        back = read(path)
        assert back.flux.dtype == spectra.flux.dtype
        np.testing.assert_array_equal(back.flux[0], spectra.flux[row])
        np.testing.assert_array_equal(back.ivar[0], spectra.ivar[row])
        np.testing.assert_array_equal(back.z[0], spectra.z[row])
        assert back.ids[0] == spectra.ids[row]
        assert back.classes[0] == spectra.classes[row]
        assert back.zwarn[0] == spectra.zwarn[row] & ZWarn.SKY
        assert back.meta["ra"][0] == spectra.meta["ra"][row]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.fits", "1.fits"]


def test_a_model_stands_beside_the_flux_as_in_sdss_files(tmp_path):
    spectra = mock()
    model = np.linspace(1, 2, STANDARD.n)
    write_spec(tmp_path / "a.fits", spectra, 1, model)
    with fits.open(tmp_path / "a.fits") as hdus:
        assert hdus["COADD"].columns.names[-1] == "model"
        np.testing.assert_array_equal(hdus["COADD"].data["model"], model.astype(np.float32))
    np.testing.assert_array_equal(read(tmp_path / "a.fits").flux[0], spectra.flux[1])
    with pytest.raises(ValueError, match=r"the model has shape \(5,\)"):
        write_spec(tmp_path / "b.fits", spectra, 0, np.ones(5))


def test_astropy_reads_the_layout_of_sdss(tmp_path):
    spectra = mock()
    write_spec(tmp_path / "x.fits", spectra)
    with fits.open(tmp_path / "x.fits") as hdus:
        hdus.verify("exception")
        assert [hdu.name for hdu in hdus] == ["PRIMARY", "COADD", "SPECOBJ"]
        header = hdus[0].header
        assert (header["PLATEID"], header["MJD"], header["FIBERID"]) == (266, 51602, 1)
        coadd, label = hdus["COADD"].data, hdus["SPECOBJ"].data
        assert coadd.names == ["flux", "loglam", "ivar", "and_mask", "or_mask"]
        np.testing.assert_array_equal(coadd["flux"], spectra.flux[0])
        np.testing.assert_array_equal(coadd["ivar"], spectra.ivar[0])
        np.testing.assert_allclose(coadd["loglam"], STANDARD.loglam, rtol=1e-7)
        assert not coadd["and_mask"].any()
        assert (label["PLATE"][0], label["MJD"][0], label["FIBERID"][0]) == (266, 51602, 1)
        assert (label["CLASS"][0], label["Z"][0]) == ("GALAXY", spectra.z[0])


@pytest.mark.parametrize("name", ["mock-1-000003", "00266-51602-0001", "a b"])
def test_any_other_name_comes_back_too(tmp_path, name):
    write_spec(tmp_path / "x.fits", mock(ids=(name, "y")))
    back = read(tmp_path / "x.fits")
    assert back.ids.tolist() == [name]
    assert "plate" not in back.meta


@pytest.mark.parametrize("name", ["", "it's", "ä", " padded", "x" * 61])
def test_names_that_a_header_cannot_hold_are_refused(tmp_path, name):
    with pytest.raises(ValueError, match="row 0: id"):
        write_spec(tmp_path / "x.fits", mock(ids=(name, "y")))
    assert not list(tmp_path.iterdir())


def test_classes_longer_than_the_column_are_refused(tmp_path):
    spectra = Spectra.from_arrays(
        np.ones(STANDARD.n), np.ones(STANDARD.n), loglam=STANDARD.loglam, classes=["SUPERNOVA"]
    )
    with pytest.raises(ValueError, match="class 'SUPERNOVA' must be at most 6"):
        write_spec(tmp_path / "x.fits", spectra)


@pytest.mark.parametrize("scale", [1.0, 1e-17])
def test_npz_comes_back_exactly(tmp_path, scale):
    spectra = mock(scale=scale)
    write_npz(tmp_path / "x.npz", spectra)
    back = read(tmp_path / "x.npz")
    for name in ("flux", "ivar", "ids", "zwarn", "z", "classes"):
        np.testing.assert_array_equal(getattr(back, name), getattr(spectra, name))
        assert getattr(back, name).dtype == getattr(spectra, name).dtype
    assert set(back.meta) == {"ra", "dec", "file"}
    np.testing.assert_array_equal(back.meta["ra"], spectra.meta["ra"])
    assert [path.name for path in tmp_path.iterdir()] == ["x.npz"]


def test_npz_refuses_key_columns_that_clash(tmp_path):
    spectra = Spectra.from_arrays([1.0, 2.0], [1.0, 1.0], [4000, 4001], meta={"name": ["a"]})
    with pytest.raises(ValueError, match="key columns name clash"):
        write_npz(tmp_path / "x.npz", spectra)


def test_a_file_that_is_there_is_replaced_whole(tmp_path):
    path = tmp_path / "x.fits"
    path.write_text("old")
    write_spec(path, mock(), 1)
    assert read(path).ids.tolist() == ["12345-60000-1000"]
