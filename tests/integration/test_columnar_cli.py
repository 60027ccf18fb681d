"""Columnar files through the commands, and damaged ones."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import mock_columnar as mock
from gasnet3 import io, samples
from gasnet3.catalog import read_catalog
from gasnet3.cli import app
from gasnet3.io.generic.holding import HoldingReader
from gasnet3.io.stores.feather import FeatherReader
from gasnet3.io.stores.hdf5 import Hdf5Reader
from gasnet3.io.stores.parquet import ParquetReader
from gasnet3.io.stores.zarr import ZarrReader

MANY = settings(max_examples=80)
FLIPS = st.lists(
    st.tuples(st.integers(-(1 << 14), 1 << 14), st.integers(0, 255)), min_size=1, max_size=8
)


def run(*arguments: object, status: int = 0) -> str:
    """Run gasnet3 in this process; what it prints."""
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert done.exit_code == status, done.output + repr(done.exception)
    return done.output


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the bundled spectra in a Zarr store, and four in an HDF5 file."""
    import h5py
    import zarr

    directory = tmp_path_factory.mktemp("night")
    spectra = io.read(samples.DIRECTORY)
    group = zarr.open_group(directory / "all.zarr", mode="w")
    arrays = {"flux": spectra.flux, "ivar": spectra.ivar, "loglam": spectra.lattice.loglam}
    for name, values in arrays.items():
        group.create_array(name, data=values)
    with h5py.File(directory / "few.hdf5", "w") as file:
        for name, values in arrays.items():
            file[name] = values[:4] if values.ndim == 2 else values
        file["object_id"] = np.char.encode(spectra.ids[:4])
    return directory


def test_classify_takes_a_directory_of_them(night: Path) -> None:
    """Again with the catalog in it: that is not taken for spectra."""
    for again in ((), ("--overwrite",)):
        run("classify", night, "-o", night / "c.parquet", "--solver", "amortised", *again)
    catalog = read_catalog(night / "c.parquet")
    spectra = io.read(samples.DIRECTORY)
    n = len(spectra)
    assert catalog["id"].tolist() == [*(f"all:{row}" for row in range(n)), *spectra.ids[:4]]
    assert catalog["class"].tolist()[n:] == catalog["class"].tolist()[:4]
    assert catalog["z"].tolist()[n:] == catalog["z"].tolist()[:4]
    assert (catalog["class"][:n] == spectra.classes).mean() > 0.7


def test_convert_keeps_every_number(night: Path, tmp_path: Path) -> None:
    run("convert", night / "all.zarr", night / "few.hdf5", "-o", tmp_path / "s", "--shard-rows", 5)
    again, first = io.read(tmp_path / "s"), io.read([night / "all.zarr", night / "few.hdf5"])
    assert again.flux.tobytes() == first.flux.tobytes()
    assert again.ivar.tobytes() == first.ivar.tobytes()
    assert again.ids.tolist() == first.ids.tolist()


def test_a_store_that_changes_after_it_was_planned_is_noticed(tmp_path: Path) -> None:
    import zarr

    store = mock.store(tmp_path / "a.zarr")
    run("plan", store, "-o", tmp_path / "run", "--solver", "amortised")
    zarr.open_group(store).create_array("more", data=mock.WAVE)
    out = run("work", tmp_path / "run", status=1)
    assert "has changed since the run was planned" in " ".join(out.split())


def _flux(path: Path) -> bytes:
    return io.read_rows(path, 2, 4).flux.tobytes()


@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("kind", ["hdf5", "parquet", "arrow", "zarr"])
def test_a_forked_process_reads_what_its_parent_has_read(tmp_path: Path, kind: str) -> None:
    path = FILES[kind][1](tmp_path / f"a.{kind}")
    here = _flux(path)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map_async(_flux, [path] * 6).get(60) == [here] * 6
    assert _flux(path) == here


FILES: dict[str, tuple[HoldingReader, Callable[[Path], Path]]] = {
    "hdf5": (Hdf5Reader(), mock.multimodal),
    "parquet": (ParquetReader(), mock.nested),
    "fixed": (ParquetReader(), mock.fixed),
    "arrow": (FeatherReader(), mock.feather),
    "zarr": (ZarrReader(), mock.store),
    "zip": (ZarrReader(), mock.zipped),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Bytes of a small file of each layout that is one file."""
    directory = tmp_path_factory.mktemp("whole")
    made = {name: FILES[name][1](directory / f"{name}.zip") for name in FILES if name != "zarr"}
    return {name: path.read_bytes() for name, path in made.items()}


def check(path: Path, reader: HoldingReader) -> bool:
    """Read a damaged file: a clear error, or spectra of which rows are those of the whole."""
    problem = ""
    try:
        rows = reader.count(path)
        first = reader.read_rows(path, 0, 1)
        spectra = reader.read(path)
    except io.ReadError as error:
        problem = str(error)
    if problem:
        assert problem.startswith(f"{path}: ")
        return False
    assert len(spectra) == rows
    assert first.flux.tobytes() == spectra.flux[:1].astype(first.flux.dtype).tobytes()
    assert np.isfinite(spectra.flux).all()
    assert (spectra.ivar >= 0).all()
    return True


@pytest.mark.parametrize("name", ["hdf5", "parquet", "fixed", "arrow", "zip"])
@MANY
@given(flips=FLIPS, size=st.integers(0, 1 << 16))
def test_damaged_files(
    whole: dict[str, bytes], tmp_path: Path, name: str, flips: list[tuple[int, int]], size: int
) -> None:
    """Bytes overwritten, counted from either end, and files that end early."""
    reader, original = FILES[name][0], whole[name]
    path = tmp_path / "x"
    data = bytearray(original)
    for offset, value in flips:
        data[offset % len(data)] = value
    path.write_bytes(data)
    check(path, reader)
    path.write_bytes(original[: size % len(original)])
    assert not check(path, reader)


@pytest.mark.parametrize("name", ["zarr.json", "flux/zarr.json", "flux/c/1/0", "name/c/0"])
def test_damaged_stores(tmp_path: Path, name: str) -> None:
    path = mock.store(tmp_path / "x.zarr")
    assert check(path, ZarrReader())
    rng = np.random.default_rng(5)
    original = (path / name).read_bytes()
    read = 0
    for _ in range(20):
        data = bytearray(original)
        data[rng.integers(len(data))] = rng.integers(256)
        (path / name).write_bytes(data)
        read += check(path, ZarrReader())
    (path / name).write_bytes(original[: len(original) // 2])
    assert read < 20
    assert not check(path, ZarrReader())
