"""Conversion to shards: the same spectra, only what is missing, nothing mixed up."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gasnet3 import Spectra
from gasnet3.io import ReadError, expand, read, read_file, write_npz, write_spec
from gasnet3.io.stores.manifest import verify
from gasnet3.machine.lock import LockError, locked
from gasnet3.run import convert as module
from gasnet3.run.convert import ConvertError, convert
from gasnet3.spectra.lattice import OBSERVED


def write(path, rows, name=None, **meta):
    """An archive of some spectra; one with a name that ends in .fits is a spec file."""
    rng = np.random.default_rng(len(path.name) + rows)
    flux = rng.normal(5, 1, (rows, OBSERVED.n))
    spectra = Spectra.from_arrays(
        flux,
        np.ones_like(flux),
        loglam=OBSERVED.loglam,
        ids=[f"{name or path.stem}-{row}" for row in range(rows)],
        z=rng.uniform(size=rows),
        classes=["QSO"] * rows,
        meta={key: [value] * rows for key, value in meta.items()},
    )
    path.parent.mkdir(exist_ok=True)
    (write_spec if path.suffix == ".fits" else write_npz)(path, spectra)


@pytest.fixture
def inputs(tmp_path):
    """Files of unlike length and key columns: 10 spectra."""
    directory = tmp_path / "in"
    write(directory / "a.fits", 1, ra=1.5, dec=2.5)
    write(directory / "b.npz", 5, note="text")
    write(directory / "c.npz", 3, note=7)
    write(directory / "d.fits", 1)
    return directory


def assert_same(one, other):
    """Equal to the bit; texts and filled key columns by value."""
    for name in ("flux", "ivar", "zwarn", "z"):
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes(), name
    assert one.ids.tolist() == other.ids.tolist()
    assert one.classes.tolist() == other.classes.tolist()


def inodes(directory):
    """Which files these are: one that is written anew is another."""
    return {path.name: path.stat().st_ino for path in directory.glob("shard-*")}


def test_shards_hold_the_spectra_of_the_files_in_order(inputs, tmp_path):
    seen = []
    result = convert(
        inputs, tmp_path / "out", shard_rows=4,
        on_counted=lambda *now: seen.append(("count", *now)),
        on_progress=lambda *now: seen.append(("convert", *now)),
    )  # fmt: skip
    assert (result.rows, result.made, result.failures) == (10, 3, [])
    assert seen[:4] == [("count", done, 4) for done in range(1, 5)]
    assert seen[4:] == [("convert", done, 10) for done in (4, 8, 10)]
    assert [len(read_file(path)) for path in expand(tmp_path / "out")] == [4, 4, 2]
    assert_same(read(tmp_path / "out"), read(inputs))
    assert read(tmp_path / "out").meta["file"].tolist() == read(inputs).meta["file"].tolist()
    assert verify(tmp_path / "out") == []
    manifest = json.loads((tmp_path / "out/manifest.json").read_text())
    assert [shard["rows"] for shard in manifest["shards"]] == [4, 4, 2]
    assert [source["rows"] for source in manifest["sources"]] == [1, 5, 3, 1]


@settings(max_examples=15)
@given(shard_rows=st.integers(1, 12), read_rows=st.integers(1, 6))
def test_any_size_of_shards_holds_the_same(inputs, tmp_path_factory, shard_rows, read_rows):
    out = tmp_path_factory.mktemp("out")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "READ_ROWS", read_rows)
        result = convert(inputs, out, shard_rows=shard_rows)
    assert len(result.shards) == -(-10 // shard_rows)
    assert_same(read(out), read(inputs))


def test_a_second_run_does_only_what_is_missing(inputs, tmp_path):
    out = tmp_path / "out"
    convert(inputs, out, shard_rows=4)
    whole = {path.name: path.read_bytes() for path in out.iterdir()}
    before = inodes(out)
    assert convert(inputs, out, shard_rows=4).made == 0
    assert inodes(out) == before
    (out / "shard-000001.arrow").unlink()
    (out / "manifest.json").unlink()
    assert convert(inputs, out, shard_rows=4).made == 1
    assert {path.name: path.read_bytes() for path in out.iterdir()} == whole


@pytest.mark.parametrize("manifest", [True, False])
def test_a_damaged_shard_is_named_and_made_again(inputs, tmp_path, manifest):
    out = tmp_path / "out"
    convert(inputs, out, shard_rows=4)
    path = out / "shard-000001.arrow"
    data = path.read_bytes()
    at = data.index(read_file(path).flux[2].tobytes())
    path.write_bytes(data[:at] + b"\x7f" + data[at + 1 :])
    (failure,) = verify(out)
    assert failure.path == path
    assert "SHA-256" in failure.reason
    assert "run gasnet3 convert with the same inputs again" in failure.reason
    if not manifest:
        (out / "manifest.json").unlink()
    assert convert(inputs, out, shard_rows=4).made == 1
    assert path.read_bytes() == data
    path.write_bytes(data[:-9])
    assert "bytes" in verify(out)[0].reason
    path.unlink()
    assert "is missing" in verify(out)[0].reason
    assert convert(inputs, out, shard_rows=4).made == 1
    (out / "shard-000077.arrow").write_bytes(data)
    assert "not in the manifest" in verify(out)[0].reason


def test_verifying_needs_a_manifest(tmp_path):
    with pytest.raises(ReadError, match=r"manifest\.json: cannot be read.*run gasnet3 convert"):
        verify(tmp_path)
    for text in ("{", "[]", '{"shards": [{"name": "x"}]}'):
        (tmp_path / "manifest.json").write_text(text)
        with pytest.raises(ReadError, match=r"manifest\.json: is no manifest of shards"):
            verify(tmp_path)


def test_shards_of_other_rows_are_not_mixed_in(inputs, tmp_path):
    out = tmp_path / "out"
    convert(inputs, out, shard_rows=4)
    before = inodes(out)
    with pytest.raises(ConvertError, match=r"3 of its shards .* hold other rows.*--overwrite"):
        convert(inputs, out, shard_rows=5)
    with pytest.raises(ConvertError, match=r"3 of its shards"):
        convert(inputs / "a.fits", out, shard_rows=4, overwrite=False)
    assert inodes(out) == before
    assert verify(out) == []
    result = convert(inputs, out, shard_rows=6, overwrite=True)
    assert (result.made, len(expand(out))) == (2, 2)
    assert_same(read(out), read(inputs))


def test_a_source_that_changed_is_told_and_only_its_shards_are_made_anew(inputs, tmp_path):
    out = tmp_path / "out"
    convert(inputs, out, shard_rows=4)
    write(inputs / "d.fits", 1, ra=3.0)
    with pytest.raises(ConvertError, match=r"1 of its shards \(shard-000002"):
        convert(inputs, out, shard_rows=4)
    assert convert(inputs, out, shard_rows=4, overwrite=True).made == 1
    assert_same(read(out), read(inputs))


def test_an_arrow_file_of_somebody_else_is_not_replaced(inputs, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "shard-000000.arrow").write_bytes(b"mine")
    with pytest.raises(ConvertError, match="--overwrite"):
        convert(inputs, out)
    assert (out / "shard-000000.arrow").read_bytes() == b"mine"


def test_what_cannot_be_read_is_listed_once_and_tried_again(inputs, tmp_path):
    out = tmp_path / "out"
    whole = (inputs / "b.npz").read_bytes()
    at = whole.index(b"flux.npy") + 3000
    (inputs / "b.npz").write_bytes(whole[:at] + bytes(1000) + whole[at + 1000 :])
    state = (inputs / "b.npz").stat()
    (inputs / "e.npz").write_bytes(b"PK\x03\x04flux.npy and no more")
    for made in (3, 0):
        result = convert(inputs, out, shard_rows=4)
        assert [failure.path.name for failure in result.failures] == ["e.npz", "b.npz"]
        assert "not a usable .npz" in result.failures[0].reason
        assert result.made == made
        assert result.rows == 5
        assert read(out).ids.tolist() == [*read(inputs / "a.fits").ids, "c-0", "c-1", "c-2", "d-0"]
    assert verify(out) == []
    # As when a file system comes back: the same file, and now it can be read.
    (inputs / "b.npz").write_bytes(whole)
    os.utime(inputs / "b.npz", ns=(state.st_atime_ns, state.st_mtime_ns))
    assert convert(inputs, out, shard_rows=4).made == 2
    assert_same(read(out), read(str(inputs / "[a-d].*")))


def test_nothing_readable_is_no_shard(tmp_path):
    (tmp_path / "e.npz").write_bytes(b"PK\x03\x04flux.npy and no more")
    result = convert(tmp_path / "e.npz", tmp_path / "out")
    assert (result.shards, len(result.failures)) == ([], 1)


def test_bad_usage_raises(inputs):
    with pytest.raises(ValueError, match="at least one row, got 0"):
        convert(inputs, inputs / "out", shard_rows=0)
    convert(inputs / "a.fits", inputs / "out")
    with pytest.raises(ConvertError, match="lies in the output"):
        convert(inputs, inputs / "out")


def test_a_full_disk_leaves_whole_shards_only(inputs, tmp_path, monkeypatch):
    out = tmp_path / "out"
    write_shard, calls = module.write_shard, []

    def full(path, *arguments):
        calls.append(path)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        write_shard(path, *arguments)

    monkeypatch.setattr(module, "write_shard", full)
    with pytest.raises(OSError, match="No space left"):
        convert(inputs, out, shard_rows=4)
    assert [path.name for path in out.iterdir()] == ["shard-000000.arrow"]
    assert convert(inputs, out, shard_rows=4).made == 2
    assert_same(read(out), read(inputs))


def test_a_directory_that_another_works_on_is_left_alone(inputs, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    with (
        locked(out / ".convert.lock", "it"),
        pytest.raises(LockError, match=r"out: another gasnet3 is at work on it \(process \d+"),
    ):
        convert(inputs, out)
    assert convert(inputs, out).made == 1
    assert {path.name for path in out.iterdir()} == {"shard-000000.arrow", "manifest.json"}
