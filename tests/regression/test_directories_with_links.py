"""Of a directory, links to directories, dangling links and what cannot be listed were left out."""

from __future__ import annotations

import os

import pytest

from gasnet3.io import ReadError, ReadFailure, expand, iter_batches


def test_links(tmp_path):
    for name in ("in/deep", "elsewhere"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("in/a.fits", "in/deep/b.fits", "elsewhere/c.fits"):
        (tmp_path / name).write_bytes(b"x")
    for name, target in (("link", "elsewhere"), ("deep/loop", "in"), ("gone.fits", "nothing")):
        (tmp_path / "in" / name).symlink_to(tmp_path / target)
    found = [path.relative_to(tmp_path / "in").as_posix() for path in expand(tmp_path / "in")]
    assert found == ["a.fits", "deep/b.fits", "gone.fits", "link/c.fits"]
    assert expand(str(tmp_path / "in/g*.fits")) == [tmp_path / "in/gone.fits"]
    failures: list[ReadFailure] = []
    assert list(iter_batches(tmp_path / "in/gone.fits", 2, failures)) == []
    assert failures[0].reason == "cannot be read (No such file or directory)"


def test_a_directory_that_cannot_be_listed(tmp_path, monkeypatch):
    (tmp_path / "shut").mkdir()
    (tmp_path / "a.fits").write_bytes(b"x")
    scandir = os.scandir

    def refusing(path):
        if str(path).endswith("shut"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(ReadError, match=r"shut: cannot be listed \(Permission denied\)"):
        expand(tmp_path)


def test_tile_compressed_files_are_taken(tmp_path):
    (tmp_path / "a.fits.fz").write_bytes(b"x")
    assert expand(tmp_path) == [tmp_path / "a.fits.fz"]
