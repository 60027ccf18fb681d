"""Finding files and readers, and batches over many files."""

from __future__ import annotations

import gzip
from importlib.metadata import EntryPoint

import numpy as np
import pytest

from gasnet3 import Spectra
from gasnet3.io import (
    READERS,
    ReadError,
    expand,
    find_reader,
    iter_batches,
    load_plugins,
    read,
    reading,
    register,
    registry,
    write_npz,
)
from gasnet3.spectra.lattice import LogLattice

LATTICE = LogLattice(36000, 40)


class TextReader:
    """A reader such as another package may bring."""

    name = "text"

    def matches(self, path, head):
        return head.startswith(b"#spectrum")

    def read(self, path):
        flux = np.array([float(line) for line in path.read_text().split("\n")[1:]])
        return Spectra.from_arrays(flux, flux * 0 + 1, loglam=LATTICE.loglam, ids=[path.stem])


@pytest.fixture
def readers():
    """Undo what a test registers."""
    before = list(READERS)
    yield READERS
    READERS[:] = before


def npz(path, rows, name="s"):
    flux = np.arange(rows * 40.0).reshape(rows, 40) + 1
    ids = [f"{name}-{row}" for row in range(rows)]
    write_npz(path, Spectra.from_arrays(flux, flux * 0 + 1, loglam=LATTICE.loglam, ids=ids))
    return path


def test_expand_takes_files_directories_and_globs_once_and_sorted(tmp_path, monkeypatch):
    for name in ("b.fits", "a.FITS.gz", "sub/c.npz", "sub/deep/d.fit", "notes.txt", ".h.fits"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "sub/directory.fits").mkdir()
    (tmp_path / "gone.fits").symlink_to(tmp_path / "nowhere")
    names = ["a.FITS.gz", "b.fits", "gone.fits", "sub/c.npz", "sub/deep/d.fit"]
    assert expand(tmp_path) == [tmp_path / name for name in names]
    again = [tmp_path / "b.fits", str(tmp_path / "*.fits"), str(tmp_path)]
    assert expand(again) == [tmp_path / name for name in names]
    (tmp_path / "gone.fits").unlink()
    assert expand(str(tmp_path / "**/*.txt")) == [tmp_path / "notes.txt"]
    monkeypatch.chdir(tmp_path)
    assert [str(path) for path in expand("sub/*")] == ["sub/c.npz"]


def test_a_file_whose_name_looks_like_a_glob_is_that_file(tmp_path):
    path = tmp_path / "a[1].npz"
    path.touch()
    assert expand(path) == [path]


@pytest.mark.parametrize("missing", ["nothing.fits", "*.fits", ""])
def test_inputs_that_mean_no_file_are_named(tmp_path, missing):
    with pytest.raises(ReadError, match=r"no such file|no file in this directory"):
        expand([tmp_path / missing])


def test_content_decides_not_the_name(tmp_path):
    path = npz(tmp_path / "picture.fits", 2)
    assert find_reader(path).name == "npz"
    text = tmp_path / "text.npz"
    text.write_text("hello")
    with pytest.raises(ReadError, match=r"text\.npz: no reader knows.*sdss-spec.*inspect"):
        find_reader(text)
    broken = tmp_path / "broken.gz"
    broken.write_bytes(gzip.compress(b"x" * 500)[:3])
    with pytest.raises(ReadError, match="no reader knows"):
        find_reader(broken)
    with pytest.raises(ReadError, match="cannot be read"):
        find_reader(tmp_path / "absent")


def test_readers_can_be_added_and_are_asked_first(tmp_path, readers):
    path = tmp_path / "x"
    path.write_text("#spectrum\n" + "\n".join(["2.5"] * 40))
    with pytest.raises(ReadError, match="no reader knows"):
        read(path)
    register(TextReader())
    assert readers[0].name == "text"
    assert read(path).ids.tolist() == ["x"]
    with pytest.raises(ValueError, match="called 'text' already"):
        register(TextReader())


def test_installed_packages_bring_readers_by_entry_point(monkeypatch, readers):
    point = EntryPoint("text", "a_package.readers:TextReader", registry.ENTRY_POINT_GROUP)
    asked = []
    monkeypatch.setattr(EntryPoint, "load", lambda self: TextReader)
    monkeypatch.setattr(registry, "entry_points", lambda group: asked.append(group) or [point])
    load_plugins.cache_clear()
    load_plugins()
    load_plugins()
    assert asked == ["gasnet3.readers"]
    assert [reader.name for reader in readers].count("text") == 1


def test_a_reader_that_fails_on_a_file_is_named_with_the_file(tmp_path, readers):
    register(TextReader())
    path = tmp_path / "x"
    path.write_text("#spectrum\nnonsense")
    with pytest.raises(ReadError, match=r"x: reader 'text' failed on it with ValueError"):
        read(path)


@pytest.mark.parametrize("batch_size", [1, 2, 4, 7, 100])
def test_batches_have_all_rows_in_order(tmp_path, batch_size):
    for index, rows in enumerate([3, 1, 6, 2]):
        npz(tmp_path / f"{index}.npz", rows, f"file{index}")
    failures, seen = [], []
    batches = list(
        iter_batches(tmp_path, batch_size, failures, lambda done, total: seen.append((done, total)))
    )
    whole = read(tmp_path)
    assert not failures
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert {len(batch) for batch in batches[:-1]} <= {batch_size}
    assert 1 <= len(batches[-1]) <= batch_size
    joined = Spectra.concatenate(batches)
    assert joined.ids.tolist() == whole.ids.tolist()
    np.testing.assert_array_equal(joined.flux, whole.flux)
    assert joined.meta["file"].tolist() == whole.meta["file"].tolist()


def test_a_broken_file_is_reported_and_the_rest_is_read(tmp_path):
    npz(tmp_path / "a.npz", 2)
    (tmp_path / "b.npz").write_bytes(b"PK\x03\x04 flux.npy and no more")
    (tmp_path / "c.fits").write_bytes(b"")
    npz(tmp_path / "d.npz", 1)
    failures = []
    batches = list(iter_batches(tmp_path, 10, failures))
    assert [len(batch) for batch in batches] == [3]
    assert [failure.path.name for failure in failures] == ["b.npz", "c.fits"]
    assert "not a usable .npz" in failures[0].reason
    assert "b.npz" not in failures[0].reason
    with pytest.raises(ReadError, match=r"b\.npz"):
        read(tmp_path)


def test_large_files_are_read_in_pieces(tmp_path, monkeypatch):
    path = npz(tmp_path / "a.npz", 11)
    whole = read(path)
    monkeypatch.setattr(reading, "PIECE_ROWS", 4)
    monkeypatch.setattr(reading, "read_whole", lambda *_: pytest.fail("read whole"))
    failures = []
    batches = list(iter_batches(path, 3, failures))
    assert not failures
    joined = Spectra.concatenate(batches)
    assert joined.ids.tolist() == whole.ids.tolist()
    np.testing.assert_array_equal(joined.flux, whole.flux)


def test_bad_usage_of_batches_raises(tmp_path):
    npz(tmp_path / "a.npz", 1)
    with pytest.raises(ValueError, match="batch_size must be at least 1"):
        next(iter_batches(tmp_path, 0, []))
    with pytest.raises(ReadError, match="no such file"):
        next(iter_batches(tmp_path / "absent", 1, []))
