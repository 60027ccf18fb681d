"""HDF5, Parquet and Zarr as people write them: names, units, shapes, gaps, and what is told."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zarr

import mock_columnar as mock
from gasnet3.flags import ZWarn
from gasnet3.io import (
    ReadError,
    ReadOptions,
    count_rows,
    expand,
    read,
    read_rows,
)
from gasnet3.io.stores.hdf5 import Hdf5Reader
from gasnet3.io.stores.parquet import ParquetReader
from gasnet3.io.stores.zarr import ZarrReader
from gasnet3.spectra.batch import Spectra


def test_what_is_understood_is_told(tmp_path: Path) -> None:
    told = Hdf5Reader().explain(mock.multimodal(tmp_path / "a.hdf5"))
    assert dict(told.used)["wave"] == "array spectrum_lambda"
    assert dict(told.used)["class"] == "array CLASS"
    assert "array spectrum_lsf_sigma: not used" in told.ignored
    assert any("SPECTROFLUX of shape (7, 5)" in text for text in told.ignored)
    told = ParquetReader().explain(mock.fixed(tmp_path / "a.parquet"))
    assert dict(told.used)["wave"] == "column wavelength [nm]"
    told = ZarrReader().explain(mock.store(tmp_path / "a.zarr"))
    assert dict(told.used)["flux"] == f"array flux [{mock.UNIT}]"


def test_key_columns_and_labels_of_the_multimodal_universe(tmp_path: Path) -> None:
    spectra = read(mock.multimodal(tmp_path / "a.hdf5"))
    assert spectra.classes.tolist() == ["STAR", "GALAXY", "QSO", "GALAXY", "STAR", "QSO", ""]
    assert spectra.meta["plate"].tolist() == list(range(266, 273))
    assert spectra.meta["healpix"].tolist() == list(range(7))
    assert spectra.meta["ra"].tolist() == mock.columns()["ra"].tolist()
    assert "spectroflux" not in spectra.meta


def test_one_spectrum_with_a_row_a_pixel(tmp_path: Path) -> None:
    data = mock.columns()
    one = {"wave": mock.WAVE, "flux": data["flux"][0], "ivar": data["ivar"][0]}
    pq.write_table(pa.table(one), tmp_path / "b.parquet")
    with h5py.File(tmp_path / "b.h5", "w") as file:
        for name, values in one.items():
            file[name] = values
        file["z"], file["name"], file["ra"] = 0.3, "mine", 10.5
    expected = Spectra.from_arrays(one["flux"], one["ivar"], mock.WAVE)
    for ending, name, z in ((".parquet", "b", np.nan), (".h5", "mine", 0.3)):
        spectra = read(tmp_path / f"b{ending}")
        np.testing.assert_array_equal(spectra.flux, expected.flux)
        assert spectra.ids.tolist() == [name]
        np.testing.assert_array_equal(spectra.z, [z])
    assert spectra.meta["ra"].tolist() == [10.5]


def test_arrays_with_a_last_axis_of_one(tmp_path: Path) -> None:
    """As early files of the Multimodal Universe have them."""
    data = mock.columns()
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name in ("flux", "ivar"):
            file[name] = data[name][:, :, None]
        file["wave"] = mock.WAVE[None]
    pairs = {name: [[[x] for x in row] for row in data[name].tolist()] for name in ("flux", "ivar")}
    pq.write_table(pa.table(pairs | {"wave": data["wave"].tolist()}), tmp_path / "a.parquet")
    expected = Spectra.from_arrays(data["flux"], data["ivar"], mock.WAVE)
    for path in expand(tmp_path):
        np.testing.assert_array_equal(read(path).flux, expected.flux)
        np.testing.assert_array_equal(read_rows(path, 4, 6).ivar, expected.ivar[4:6])


def test_as_many_spectra_as_pixels(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["flux"], file["ivar"] = np.ones((50, 50)), np.ones((50, 50))
        file["wave"], file["z"] = np.linspace(5000, 5100, 50), np.arange(50) / 50
    spectra = read(tmp_path / "a.h5")
    assert spectra.z.tolist() == (np.arange(50) / 50).tolist()
    assert spectra.n_good.tolist() == [spectra.n_good[0]] * 50


def test_one_error_for_all_spectra(tmp_path: Path) -> None:
    data = mock.columns()
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["flux"], file["error"], file["wave"] = data["flux"], np.full(120, 0.5), mock.WAVE
    assert read_rows(tmp_path / "a.h5", 2, 5).ivar.max() == 4.0


def test_rows_that_do_not_fit_are_flagged_alone(tmp_path: Path) -> None:
    data = mock.columns()
    lists: dict[str, Any] = {name: data[name].tolist() for name in ("flux", "ivar", "wave")}
    lists["ivar"][1] = lists["ivar"][1][:50]
    lists["flux"][3] = None
    lists["flux"][5] = [*lists["flux"][5][:60], None, *lists["flux"][5][61:]]
    targets = pa.array([None if row == 2 else 2**60 + row for row in range(7)])
    table = pa.table(lists | {"targetid": targets, "note": pa.array(["x"] * 6 + [None])})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=4)
    spectra = read(tmp_path / "a.parquet")
    nodata = (spectra.zwarn & ZWarn.NODATA) != 0
    assert nodata.tolist() == [row in (1, 3) for row in range(7)]
    assert spectra.n_good[5] == spectra.n_good[0] - 1
    assert spectra.ids[6] == str(2**60 + 6)
    assert spectra.meta["note"].tolist() == ["x"] * 6 + [""]
    mock.same(read_rows(tmp_path / "a.parquet", 3, 4), spectra[3:4])


def test_the_user_names_arrays_units_and_groups(tmp_path: Path) -> None:
    data = mock.columns()
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for group, factor in (("train", 1.0), ("test", 2.0)):
            file[f"{group}/brightness"] = data["flux"] * factor
            file[f"{group}/w8"] = data["ivar"]
            file[f"{group}/fine"] = ~data["mask"]
        file["x"] = mock.WAVE / 10
    with pytest.raises(ReadError, match=r"which array is the flux.*--column flux=NAME"):
        read(tmp_path / "a.h5")
    texts = ["wave=x", "ivar=w8", "flux=brightness"]
    with pytest.raises(ReadError, match=r"2 groups have spectra \(test, train\).*--column flux="):
        read(tmp_path / "a.h5", ReadOptions.parse(columns=texts, units=["wave=nm"]))
    texts[2] = "flux=test/brightness"
    spectra = read(tmp_path / "a.h5", ReadOptions.parse(columns=texts, units=["wave=nm"]))
    expected = Spectra.from_arrays(data["flux"] * 2, data["ivar"], mock.WAVE)
    np.testing.assert_allclose(spectra.flux, expected.flux, rtol=1e-6)
    texts.append("mask=good:test/fine")
    spectra = read(tmp_path / "a.h5", ReadOptions.parse(columns=texts, units=["wave=nm"]))
    assert (spectra.n_good == (~data["mask"]).sum(axis=1)).all()
    with pytest.raises(ReadError, match="no such group"):
        read(tmp_path / "a.h5", ReadOptions.parse(columns=["flux=none/brightness"]))


def test_air_that_attributes_tell(tmp_path: Path) -> None:
    path = mock.store(tmp_path / "a.zarr")
    zarr.open_group(path)["wavelength"].attrs["AIRORVAC"] = "air"
    told = ZarrReader().explain(path)
    assert not any("vacuum" in text for text in told.assumed)
    assert (read(path).flux != read(mock.store(tmp_path / "b.zarr")).flux).any()


def test_spectra_are_needed(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["image"] = np.ones((20, 20))
    with h5py.File(tmp_path / "b.h5", "w"):
        pass
    pq.write_table(pa.table({"mag": [1.0], "name": ["a"]}), tmp_path / "c.parquet")
    pq.write_table(pa.table({"flux": [[1.0]], "wave": [[5e3]]}).slice(0, 0), tmp_path / "d.parquet")
    zarr.save_array(tmp_path / "e.zarr", np.ones(5))
    zarr.open_group(tmp_path / "f.zarr", mode="w")
    with h5py.File(tmp_path / "g.h5", "w") as file:
        file["flux"], file["wave"] = np.ones((7, 2, 120)), mock.WAVE
    problems = {
        "a.h5": "which array is the flux among: image",
        "b.h5": "there is no array in it",
        "c.parquet": "which array is the flux",
        "d.parquet": "no spectrum",
        "e.zarr": "it is one array",
        "f.zarr": "there is no array in it",
        "g.h5": r"flux of shape \(7, 2, 120\)",
    }
    for name, problem in problems.items():
        with pytest.raises(ReadError, match=f"{name}: .*({problem})"):
            read(tmp_path / name)


def test_missing_libraries_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [mock.multimodal(tmp_path / "a.hdf5"), mock.store(tmp_path / "a.zarr")]
    for path, library in zip(files, ("h5py", "zarr"), strict=True):
        monkeypatch.setitem(sys.modules, library, None)
        with pytest.raises(ReadError, match=r"pip install 'gasnet3\[(hdf5|zarr)\]'"):
            read(path)


def test_readers_travel_to_other_processes() -> None:
    options = ReadOptions(air=True)
    for reader in (Hdf5Reader(), ParquetReader(), ZarrReader()):
        assert pickle.loads(pickle.dumps(reader.configured(options))).options == options
        assert reader.options.air is None


def test_values_that_were_never_written_are_the_same_in_all(tmp_path: Path) -> None:
    data = mock.columns()
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["flux"], file["ivar"], file["wave"] = data["flux"], data["ivar"], mock.WAVE
        file.create_dataset("mask", data["mask"].shape, bool)
    assert read(tmp_path / "a.h5").n_good.tolist() == [120] * 7


def test_matlab_and_others_have_a_row_a_pixel(tmp_path: Path) -> None:
    data = mock.columns()
    turned = {"flux": data["flux"].T, "ivar": data["ivar"].T}
    with h5py.File(tmp_path / "a.mat", "w") as file:
        for name, values in {**turned, "wave": mock.WAVE[:, None], "z": data["z"][None]}.items():
            file[name] = values
            file[name].attrs["MATLAB_class"] = b"double"
        file["name"] = np.full((1, 5), 65, np.uint16)
        file["name"].attrs["MATLAB_class"] = b"char"
    store = zarr.open_group(tmp_path / "a.zarr", mode="w")
    for name, values in {**turned, "wave": mock.WAVE, "z": data["z"][:, None]}.items():
        store.create_array(name, data=values)
    expected = Spectra.from_arrays(data["flux"], data["ivar"], mock.WAVE)
    for name in ("a.mat", "a.zarr"):
        spectra = read(tmp_path / name)
        np.testing.assert_array_equal(spectra.flux, expected.flux)
        np.testing.assert_array_equal(spectra.z, data["z"])
        mock.same(read_rows(tmp_path / name, 3, 5), spectra[3:5])


def test_a_group_a_spectrum(tmp_path: Path) -> None:
    data = mock.columns()
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for row, name in enumerate(data["id"]):
            group = file.create_group(f"spectra/{name}")
            keep = slice(0, 120 - row)
            for key in ("flux", "ivar", "wave"):
                group[key] = data[key][row, keep]
            group["z"] = data["z"][row]
        group["only_here"] = 1.0
        file["spectra"].attrs["note"] = "x"
    spectra = read(tmp_path / "a.h5")
    assert spectra.ids.tolist() == data["id"].tolist()
    np.testing.assert_array_equal(spectra.z, data["z"])
    assert (spectra.n_good[0] - spectra.n_good).tolist() == list(range(7))
    mock.same(read_rows(tmp_path / "a.h5", 2, 5), spectra[2:5])
    told = Hdf5Reader().explain(tmp_path / "a.h5")
    assert "array only_here, not in every group: not used" in told.ignored


def test_a_group_a_spectrum_with_its_own_coefficients(tmp_path: Path) -> None:
    data = mock.columns()
    store = zarr.open_group(tmp_path / "a.zarr", mode="w")
    for row in range(mock.ROWS):
        group = store.create_group(
            f"s{row}", attributes={"COEFF0": 3.6 + row * 1e-3, "COEFF1": 1e-4}
        )
        for key in ("flux", "ivar"):
            group.create_array(key, data=data[key][row])
    spectra = read(tmp_path / "a.zarr")
    assert spectra.ids.tolist() == [f"s{row}" for row in range(7)]
    for row in range(mock.ROWS):
        loglam = 3.6 + row * 1e-3 + 1e-4 * np.arange(120)
        expected = Spectra.from_arrays(data["flux"][row], data["ivar"][row], loglam=loglam)
        np.testing.assert_allclose(spectra.flux[row], expected.flux[0], rtol=1e-6)
    mock.same(read_rows(tmp_path / "a.zarr", 4, 7), spectra[4:7])


def test_what_has_no_use_is_told(tmp_path: Path) -> None:
    data = mock.columns()
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["flux"], file["ivar"], file["wave"] = data["flux"], data["ivar"], mock.WAVE
        file["where"] = np.array([file["flux"].ref] * 7, h5py.ref_dtype)
        file["phase"] = np.ones(7, complex)
        file["nothing"] = h5py.Empty("f4")
        file["label"] = np.char.encode(data["id"])[:, None]
        file["elsewhere"] = h5py.ExternalLink("b.h5", "/flux")
        file["gone"] = h5py.SoftLink("/nowhere")
    told = Hdf5Reader().explain(tmp_path / "a.h5")
    for name in ("where", "phase", "nothing"):
        assert any(text.startswith(f"array {name} of shape") for text in told.ignored)
    assert read(tmp_path / "a.h5").meta["label"].tolist() == data["id"].tolist()


def test_numbers_packed_as_netcdf_does(tmp_path: Path) -> None:
    data = mock.columns()
    with h5py.File(tmp_path / "a.nc", "w") as file:
        packed = np.rint((data["flux"] - 3.0) / 1e-3).astype(np.int16)
        packed[0, 5] = -32768
        file["flux"], file["ivar"], file["wave"] = packed, data["ivar"], mock.WAVE
        said = {"scale_factor": 1e-3, "add_offset": 3.0, "_FillValue": np.int16(-32768)}
        file["flux"].attrs.update(said)
    spectra = read(tmp_path / "a.nc")
    expected = Spectra.from_arrays(data["flux"], data["ivar"], mock.WAVE)
    np.testing.assert_allclose(spectra.flux[1:], expected.flux[1:], atol=1e-3)
    assert spectra.n_good[0] == 119


def test_whole_numbers_with_gaps_are_the_same_for_any_rows(tmp_path: Path) -> None:
    data = mock.columns()
    lists: dict[str, Any] = {name: data[name].tolist() for name in ("flux", "ivar", "wave")}
    gaps = [2**60 + 1, 1, 2, 3, None, 5, 6]
    kinds = {"long": pa.int64(), "short": pa.int16()}
    columns = {
        name: pa.array([g and g % 2**15 if name == "short" else g for g in gaps], kind)
        for name, kind in kinds.items()
    }
    pq.write_table(pa.table(lists | columns | {"full": range(7)}), tmp_path / "a.parquet")
    table = pq.read_table(tmp_path / "a.parquet")
    with pa.ipc.new_file(tmp_path / "a.arrow", table.schema) as writer:
        writer.write_table(table, max_chunksize=4)
    for name, stop in (("parquet", 7), ("parquet", 5), ("arrow", 7), ("arrow", 4)):
        part = read_rows(tmp_path / f"a.{name}", 0, stop)
        assert part.meta["long"].tolist() == [str(2**60 + 1), *"123", "", *"56"][:stop]
        np.testing.assert_array_equal(part.meta["short"], [1, 1, 2, 3, np.nan, 5, 6][:stop])
        assert part.meta["full"].dtype.kind == "i"


def test_a_hdf5_file_that_claims_what_is_not_there(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name in ("flux", "ivar"):
            file.create_dataset(name, (10**9, 120), np.float32, chunks=(64, 120))
        file["wave"] = mock.WAVE
    with pytest.raises(ReadError, match="flux has a size, but no values"):
        count_rows(tmp_path / "a.h5")
