"""HDF5, Parquet and Zarr: the same spectra whatever the layout, by rows as well as whole."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np
import pyarrow.parquet as pq
import pytest

import mock_columnar as mock
from gasnet3.io import ReadError, count_rows, find_reader, read, read_rows
from gasnet3.io.stores import parquet
from gasnet3.io.stores.parquet import ParquetReader
from gasnet3.spectra.batch import Spectra

Make = Callable[[Path], Path]


def in_one_group(path: Path) -> Path:
    """HDF5 with its spectra in a group, coefficients of the wavelengths, gzipped chunks."""
    data = mock.columns()
    with h5py.File(path, "w", userblock_size=1024) as file:
        group = file.create_group("set/train")
        for name in ("flux", "ivar", "mask"):
            group.create_dataset(name, data=data[name], chunks=(2, 120), compression="gzip")
        group["z"] = data["z"]
        group["flux"].attrs["unit"] = mock.UNIT
        file["set"].attrs["COEFF0"], file["set"].attrs["COEFF1"] = 3.6, 1e-4
    return path


def rows_of_any_length(path: Path) -> Path:
    """HDF5 with variable-length rows; wavelengths rise in one, fall in another."""
    data = mock.columns()
    with h5py.File(path, "w") as file:
        for name in ("flux", "ivar", "wave"):
            array = file.create_dataset(name, (mock.ROWS,), h5py.vlen_dtype(np.float64))
            for row in range(mock.ROWS):
                array[row] = data[name][row, :: -1 if row % 2 else 1]
        file["mask"] = data["mask"]
        file.create_dataset("name", data=data["id"].astype(object), dtype=h5py.string_dtype())
    return path


def by_astropy(path: Path) -> Path:
    """A table of Astropy, its units kept by Astropy."""
    from astropy import units
    from astropy.table import Table

    data = mock.columns()
    columns = {name: data[name] for name in ("flux", "ivar", "mask", "wave", "id", "z")}
    table = Table(columns | {"flux": data["flux"] * 1e-3, "ivar": data["ivar"] * 1e6})
    table["flux"].unit = 1e-14 * units.Unit("erg/(s cm2 Angstrom)")
    table["wave"].unit = units.AA
    where = {"path": "spectra", "serialize_meta": True} if path.suffix == ".hdf5" else {}
    table.write(path, **where)
    return path


LAYOUTS: dict[str, tuple[str, str, Make]] = {
    "multimodal": ("a.hdf5", "hdf5", mock.multimodal),
    "group": ("a.h5", "hdf5", in_one_group),
    "astropy hdf5": ("a.hdf5", "hdf5", by_astropy),
    "astropy parquet": ("a.parquet", "parquet", by_astropy),
    "struct of lists": ("a.parquet", "parquet", mock.nested),
    "one row group": ("a.pq", "parquet", lambda path: mock.nested(path, group=100)),
    "list of structs": ("a.parquet", "parquet", lambda path: mock.nested(path, inside=True)),
    "feather": ("a.feather", "arrow", mock.feather),
    "fixed lists": ("a.parquet", "parquet", mock.fixed),
    "zarr 2": ("a.zarr", "zarr", lambda path: mock.store(path, 2)),
    "zarr 2, consolidated": ("a", "zarr", lambda path: mock.store(path, 2, consolidated=True)),
    "zarr 3": ("a.zarr", "zarr", mock.store),
    "zarr 3, consolidated": ("a.zarr", "zarr", lambda path: mock.store(path, consolidated=True)),
    "zarr group": ("a.zarr", "zarr", lambda path: mock.store(path, group="data/all")),
    "zarr zip": ("a.zarr.zip", "zarr", mock.zipped),
    "zarr directory in zip": ("a.zip", "zarr", lambda path: mock.zipped(path, inside=True)),
}


@pytest.fixture(params=list(LAYOUTS))
def made(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str, Path]:
    """Each layout: what it is called, its reader, and the file."""
    name, reader, make = LAYOUTS[request.param]
    return request.param, reader, make(tmp_path / name)


def test_every_layout_gives_the_spectra(made: tuple[str, str, Path]) -> None:
    layout, reader, path = made
    data = mock.columns()
    masked = "fixed" not in layout
    ivar = np.where(data["mask"], 0, data["ivar"]) if masked else data["ivar"]
    expected = Spectra.from_arrays(data["flux"], ivar, mock.WAVE)
    spectra = read(path)
    assert find_reader(path).name == reader
    np.testing.assert_allclose(spectra.flux, expected.flux, rtol=1e-5)
    np.testing.assert_allclose(spectra.ivar, expected.ivar, rtol=1e-5)
    assert not spectra.zwarn.any()
    assert spectra.meta["file"].tolist() == [path.name] * mock.ROWS
    named = layout not in ("group", "fixed lists")
    assert spectra.ids[6] == ("source-6" if named else "a:6")
    if "fixed" not in layout:
        np.testing.assert_array_equal(spectra.z, data["z"])


def test_rows_are_those_of_the_whole_file(made: tuple[str, str, Path]) -> None:
    path = made[2]
    whole = read(path)
    assert count_rows(path) == mock.ROWS
    for start, stop in ((0, 7), (0, 1), (2, 3), (3, 6), (1, 4), (6, 7), (5, 5), (2, 7)):
        mock.same(read_rows(path, start, stop), whole[start:stop])
    with pytest.raises(ReadError, match="rows 3 to 8 were asked for, it has 7"):
        read_rows(path, 3, 8)


def test_threads_read_at_once(made: tuple[str, str, Path]) -> None:
    path = made[2]
    whole = read(path)
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda row: read_rows(path, row, row + 1), [*range(7)] * 4))
    for row, one in enumerate(found):
        mock.same(one, whole[row % 7 : row % 7 + 1])


def chunk_of_row_two(path: Path) -> tuple[Path, int]:
    """Where in which file flux of the third spectrum is stored."""
    if path.is_dir():
        return path / "flux" / "c" / "1" / "0", 8
    if path.suffix == ".h5":
        with h5py.File(path) as file:
            info = file["set/train/flux"].id.get_chunk_info(1)
            return path, file.userblock_size + info.byte_offset
    return path, int(pq.ParquetFile(path).metadata.row_group(1).column(0).data_page_offset)


def test_rows_in_order_cost_one_pass_whichever_threads_read_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each part of a run is read by a thread of its own."""
    path = mock.nested(tmp_path / "a.parquet", group=100)
    opened: list[Path] = []
    table = ParquetReader.table
    monkeypatch.setattr(
        ParquetReader, "table", lambda self, path: [opened.append(path), table(self, path)][1]
    )
    whole = read(path)
    for row in range(mock.ROWS):
        with ThreadPoolExecutor(1) as thread:
            mock.same(thread.submit(read_rows, path, row, row + 1).result(), whole[row : row + 1])
    assert opened == [path]
    mock.nested(path, group=2)  # another file by the same name
    mock.same(read(path), whole)
    assert opened == [path, path]


@pytest.mark.parametrize("layout", ["group", "zarr 3", "struct of lists"])
def test_rows_elsewhere_are_not_read(
    tmp_path: Path, layout: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Damage there is not noticed, but by who reads these rows."""
    monkeypatch.setattr(parquet, "BATCH_ROWS", 1)
    name, _, make = LAYOUTS[layout]
    path = make(tmp_path / name)
    whole = read(path)
    file, at = chunk_of_row_two(path)
    data = bytearray(file.read_bytes())
    data[at : at + 40] = bytes(range(40))
    file.write_bytes(data)
    mock.same(read_rows(path, 0, 2), whole[:2])
    with pytest.raises(ReadError, match="fetch it again"):
        read_rows(path, 2, 5)
    with pytest.raises(ReadError, match="fetch it again"):
        read(path)
