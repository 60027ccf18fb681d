"""Of arms that lie in arrays of their own the first was used, without a word."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from gasnet3.io import ReadError, ReadOptions, read_file

ARMS = {"b": (3700.0, 5900.0), "r": (5700.0, 7600.0), "z": (7500.0, 9300.0)}


def arm(low, high):
    wave = np.arange(low, high, 2.0)
    return {"wavelength": wave, "flux": wave / 1e3, "ivar": np.full(wave.size, 100.0)}


def check(spectra, high=9290.0):
    good = spectra.ivar[0] > 0
    wave = spectra.lattice.wave[good]
    assert (wave.min() < 3710, wave.max() > high) == (True, True)
    np.testing.assert_allclose(spectra.flux[0][good], wave / 1e3, rtol=1e-3)


def write_parquet(path, arms):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    rows = {
        f"spectra_{name}": [{key: list(one) for key, one in arm(*ends).items()}] * 2
        for name, ends in arms.items()
    }
    pq.write_table(pa.table({"TARGETID": [5, 6], **rows}), path)


def test_columns_of_parquet(tmp_path):
    write_parquet(tmp_path / "x.parquet", ARMS)
    spectra = read_file(tmp_path / "x.parquet")
    assert spectra.ids.tolist() == ["5", "6"]
    check(spectra)


def test_what_is_said_goes_first(tmp_path):
    write_parquet(tmp_path / "x.parquet", ARMS)
    options = ReadOptions.parse(columns=["flux=spectra_r.flux"])
    spectra = read_file(tmp_path / "x.parquet", options)
    wave = spectra.lattice.wave[spectra.ivar[0] > 0]
    assert (wave.min() > 5690, wave.max() < 7610) == (True, True)


def test_fluxes_of_the_same_wavelengths_are_refused(tmp_path):
    write_parquet(tmp_path / "x.parquet", {"one": ARMS["b"], "two": ARMS["b"]})
    with pytest.raises(ReadError, match="over the same wavelengths"):
        read_file(tmp_path / "x.parquet")


@pytest.mark.parametrize("vectors", [True, False])
def test_tables_of_fits(vectors, tmp_path):
    parts = [
        fits.BinTableHDU(
            Table({key: one[None] if vectors else one for key, one in arm(*ARMS[name]).items()}),
            name=f"Bxspf-{name}",
        )
        for name in "br"
    ]
    fits.HDUList([fits.PrimaryHDU(), *parts]).writeto(tmp_path / "x.fits")
    check(read_file(tmp_path / "x.fits"), 7590.0)


def test_groups_of_hdf5(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        for name, ends in ARMS.items():
            for key, one in arm(*ends).items():
                rows = one if key == "wavelength" else np.tile(one, (3, 1))
                file[f"{name}/{key}"] = rows
    spectra = read_file(tmp_path / "x.h5")
    assert len(spectra) == 3
    check(spectra)
