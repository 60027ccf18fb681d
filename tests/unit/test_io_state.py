"""Inputs that are directories, the state of inputs, and gasnet3's own tables among them."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zarr

import mock_columnar as mock
from gasnet3.catalog import make_catalog, write_catalog
from gasnet3.io import ReadError, expand, find_reader, read_file
from gasnet3.io.state import file_state, is_store_at
from gasnet3.io.stores.parquet import is_no_input


def catalog(path: Path) -> Path:
    """A catalog of one row."""
    write_catalog(make_catalog({"id": ["a"], "class": ["STAR"], "z": [0.0]}), path)
    return path


@pytest.mark.parametrize("version", [2, 3])
def test_a_store_is_one_input(tmp_path: Path, version: int) -> None:
    made = mock.store(tmp_path / "deep" / "night", version, group="inner")
    (made / "inner" / "stray.npz").touch()
    assert expand(tmp_path) == [made]
    assert expand(made) == [made]
    assert expand(str(tmp_path / "*" / "*")) == [made]
    assert expand(str(tmp_path / "**" / "*")) == [made]
    assert find_reader(made).name == "zarr"
    assert is_store_at(made)
    assert not is_store_at(tmp_path)


def test_a_directory_that_is_no_store_has_no_reader(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="cannot be read"):
        find_reader(tmp_path)


def test_the_state_of_a_file_is_its_own(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"12345")
    os.utime(path, ns=(7, 9))
    assert file_state(path) == (5, 9)
    with pytest.raises(FileNotFoundError):
        file_state(tmp_path / "absent")


@pytest.mark.parametrize("version", [2, 3])
def test_the_state_of_a_store_changes_with_it(tmp_path: Path, version: int) -> None:
    path = mock.store(tmp_path / "x.zarr", version)
    before = file_state(path)
    assert before == file_state(path)
    zarr.open_group(path)["flux"].attrs["units"] = f"another one than {mock.UNIT}"
    changed = file_state(path)
    assert changed.size > before.size
    zarr.open_group(path).create_array("more", data=mock.WAVE)
    more = file_state(path)
    assert more.size > changed.size
    assert more.mtime_ns >= changed.mtime_ns


def test_own_tables_are_no_spectra(tmp_path: Path) -> None:
    spectra = mock.nested(tmp_path / "a.parquet")
    text = pa.table({"flux": [[1.0]]}, metadata={"made by": "gasnet3, says its author"})
    pq.write_table(text, tmp_path / "b.parquet")
    own = catalog(tmp_path / "c.parquet")
    curves = pa.table({"chi2_star": [[1.0]]}, metadata={"gasnet3_curves": "{}"})
    pq.write_table(curves, tmp_path / "curves.parquet")
    (tmp_path / "d.parquet").write_bytes(b"PAR1 gasnet3 \xff\xff\0\0PAR1")
    (tmp_path / "e.pq").touch()
    mock.nested(tmp_path / "data_thumbnail.parquet")
    assert [path.name for path in expand(tmp_path)] == [
        "a.parquet", "b.parquet", "d.parquet", "e.pq",
    ]  # fmt: skip
    assert not is_no_input(spectra)
    assert is_no_input(own)
    with pytest.raises(ReadError, match=r"c\.parquet: a table of gasnet3 itself"):
        read_file(own)


def test_of_a_hats_catalog_the_rows_are_read_once(tmp_path: Path) -> None:
    """Not its statistics, maps and thumbnail, nor the margin beside it."""
    for kind, name in (("object", "spectra"), ("margin", "spectra_5arcs")):
        rows = tmp_path / name / "dataset" / "Norder=0" / "Dir=0"
        rows.mkdir(parents=True)
        mock.nested(rows / "Npix=5.parquet", inside=True)
        mock.nested(rows.parents[1] / "data_thumbnail.parquet", inside=True)
        (tmp_path / name / "hats.properties").write_text(f"#HATS\ndataproduct_type={kind}\n")
        (tmp_path / name / "skymap.fits").touch()
        pq.write_table(pa.table({"Npix": [5]}), tmp_path / name / "statistics.parquet")
    (tmp_path / "properties").write_text("of something else")
    wanted = [tmp_path / "spectra" / "dataset" / "Norder=0" / "Dir=0" / "Npix=5.parquet"]
    assert expand(tmp_path) == wanted
    assert expand(tmp_path / "spectra") == wanted
