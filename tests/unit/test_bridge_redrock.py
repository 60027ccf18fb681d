"""Details files that redrock's own reader reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

from gasnet3 import Spectra
from gasnet3.bridges.redrock import NEAR, saved_curves, write_details
from gasnet3.catalog import make_catalog
from gasnet3.io.saved_curves import CurvesHeader, CurvesWriter, Grid
from gasnet3.spectra.lattice import OBSERVED, z_from_shift

pytest.importorskip("h5py")
results = pytest.importorskip("redrock.results")

Z = {"GALAXY": np.linspace(0.0, 1.0, 50), "QSO": np.linspace(0.0, 4.0, 80)}
CURVES = {
    name: (z, np.random.default_rng(1).uniform(4000, 5000, (2, z.size))) for name, z in Z.items()
}


def catalog(ids: list[str]) -> Table:
    return make_catalog(
        {
            "id": [ids[0], ids[0], ids[1]],
            "class": ["GALAXY", "QSO", ""],
            "subclass": ["STARFORMING", "", ""],
            "z": [0.5, 2.0, np.nan],
            "z_err": [1e-5, 1e-4, np.nan],
            "zwarn": [0, 4, 1 << 24],
            "chi2": [4000.0, 4100.0, np.nan],
            "delta_chi2": [100.0, np.nan, np.nan],
            "znum": [0, 1, 0],
            "coeff": [[1.0, 2.0], [3.0, np.nan], [np.nan, np.nan]],
            "n_good": [3900, 3900, 0],
        }
    )


def test_redrock_reads_scan_and_fit(tmp_path: Path) -> None:
    ids = ["39627640566453451", "7"]
    write_details(tmp_path / "rr.h5", catalog(ids), CURVES)
    zscan, zfit = results.read_zscan(str(tmp_path / "rr.h5"))
    assert list(zscan) == [39627640566453451, 7]
    np.testing.assert_array_equal(zscan[7]["QSO"]["redshifts"], Z["QSO"])
    np.testing.assert_allclose(zscan[7]["QSO"]["zchi2"], CURVES["QSO"][1][1], rtol=1e-6)
    assert zscan[39627640566453451]["GALAXY"]["zfit"]["z"][0] == 0.5
    assert list(zfit["targetid"]) == [39627640566453451, 39627640566453451, 7]
    assert list(zfit["spectype"]) == ["GALAXY", "QSO", "GALAXY"]
    assert list(zfit["znum"]) == [0, 1, 0]
    assert list(zfit["ncoeff"]) == [2, 1, 0]
    assert list(zfit["coeff"][1]) == [3.0, 0.0]
    assert list(zfit["zwarn"]) == [0, 4, 1 << 24]
    assert zfit["zz"].shape == (3, NEAR)
    assert zfit["zz"][0, 0] <= 0.5 <= zfit["zz"][0, -1]
    assert np.isnan(zfit["zz"][2]).all()
    one = results.read_zfit(str(tmp_path / "rr.h5"), select_targetids=7, upper=True)
    assert list(one["ZWARN"]) == [1 << 24]


def test_names_become_numbers_and_are_kept(tmp_path: Path) -> None:
    import h5py

    write_details(tmp_path / "rr.h5", catalog(["0266-51602-0001", "é"]), CURVES)
    assert list(results.read_zscan(str(tmp_path / "rr.h5"), nozfit=True)) == [0, 1]
    with h5py.File(tmp_path / "rr.h5") as file:
        assert [name.decode() for name in file["ids"][()]] == ["0266-51602-0001", "é"]


def test_curves_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "rr.h5"
    with pytest.raises(ValueError, match=r"curves of QSO have shape \(1, 80\), expected \(2, 80\)"):
        write_details(path, catalog(["a", "b"]), {**CURVES, "QSO": (Z["QSO"], np.ones((1, 80)))})
    with pytest.raises(ValueError, match="solutions as QSO, but no curve"):
        write_details(path, catalog(["a", "b"]), {"GALAXY": CURVES["GALAXY"]})
    assert list(tmp_path.iterdir()) == []


def test_saved_curves_are_found_by_id(tmp_path: Path) -> None:
    grids = {"GALAXY": Grid(0.0, 2.0, 40), "QSO": Grid(10.0, 4.0, 30)}
    header = CurvesHeader("exact", {"GALAXY": "a", "QSO": "b"}, grids)
    ids = ["b", "é", "c"]
    flux = np.ones((3, OBSERVED.n))
    spectra = Spectra.from_arrays(flux, flux, loglam=OBSERVED.loglam, ids=ids)
    chi2 = {
        name: np.random.default_rng(2).normal(size=(3, grid.points)).astype(np.float32)
        for name, grid in grids.items()
    }
    with CurvesWriter(tmp_path / "curves.parquet", header) as writer:
        writer.add(spectra[:2], {name: values[:2] for name, values in chi2.items()})
        writer.add(spectra[2:], {name: values[2:] for name, values in chi2.items()})
    table = catalog(["é", "gone"])
    curves = saved_curves(tmp_path / "curves.parquet", table)
    np.testing.assert_array_equal(curves["QSO"][0], z_from_shift(grids["QSO"].shifts))
    np.testing.assert_array_equal(curves["GALAXY"][1][0], chi2["GALAXY"][1])
    assert np.isnan(curves["GALAXY"][1][1]).all()
    write_details(tmp_path / "rr.h5", table, curves)
    zscan = results.read_zscan(str(tmp_path / "rr.h5"), nozfit=True)
    np.testing.assert_array_equal(zscan[0]["QSO"]["zchi2"], chi2["QSO"][1])
    with CurvesWriter(tmp_path / "twice.parquet", header) as writer:
        writer.add(spectra[[0, 0]], {name: values[:2] for name, values in chi2.items()})
    with pytest.raises(ValueError, match="several spectra have the same id"):
        saved_curves(tmp_path / "twice.parquet", table)
