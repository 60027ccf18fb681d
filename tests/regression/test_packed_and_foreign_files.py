"""Compressed text, UTF-16, lists in cells and files of other kinds: "no reader knows this"."""

from __future__ import annotations

import bz2
import lzma
import os
import zipfile

import numpy as np
import pytest
from astropy.table import Table

from gasnet3.io import ReadError, read_file
from gasnet3.io.registry import find_reader

WAVE = np.linspace(4000.0, 8000.0, 400)
TEXT = "wave,flux,error\n" + "".join(f"{wave:.2f},1.0,0.1\n" for wave in WAVE)


def zipped(path, *names):
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, TEXT)


@pytest.mark.parametrize("kind", ["bz2", "xz", "zip", "utf-16"])
def test_packed_text(kind, tmp_path):
    path = tmp_path / "x.csv"
    data = TEXT.encode()
    if kind == "zip":
        zipped(path, "x.csv", "__MACOSX/._x.csv")
    else:
        packed = {"bz2": bz2.compress, "xz": lzma.compress, "utf-16": lambda _: TEXT.encode(kind)}
        path.write_bytes(packed[kind](data))
    spectra = read_file(path)
    assert spectra.ids.tolist() == ["x"]
    assert spectra.n_good[0] > 1000


def test_packed_fits(tmp_path):
    Table({"wave": WAVE, "flux": WAVE, "err": WAVE}).write(tmp_path / "y.fits")
    (tmp_path / "x.fits.bz2").write_bytes(bz2.compress((tmp_path / "y.fits").read_bytes()))
    np.testing.assert_array_equal(
        read_file(tmp_path / "x.fits.bz2").flux, read_file(tmp_path / "y.fits").flux
    )


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (bz2.compress(TEXT.encode())[:-20], "the bzip2 stream is broken"),
        (b"<!DOCTYPE html><html></html>", "an HTML page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS"),
        (TEXT.encode("utf-16-le"), "UTF-16 text without a mark"),
        (b"hello", "no reader knows"),
    ],
)
def test_words(data, problem, tmp_path):
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(ReadError, match=problem):
        read_file(tmp_path / "x")


def test_an_archive_of_several(tmp_path):
    zipped(tmp_path / "x.zip", "a.csv", "b.csv")
    with pytest.raises(ReadError, match="zip archive of several files"):
        read_file(tmp_path / "x.zip")


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "x.fits")
    with pytest.raises(ReadError, match="a pipe or a device"):
        find_reader(tmp_path / "x.fits")


def lists(*columns):
    return ",".join(f'"{[float(x) for x in column]}"' for column in columns)


def test_lists_in_cells(tmp_path):
    rows = [f"00{row},{lists(WAVE, 0 * WAVE + 1, 0 * WAVE + 0.1)}" for row in (1, 2)]
    (tmp_path / "x.csv").write_text("\n".join(["objid,wave,flux,err", *rows]))
    spectra = read_file(tmp_path / "x.csv")
    assert spectra.ids.tolist() == ["001", "002"]
    assert spectra.n_good.min() > 1000


def test_gaia(tmp_path):
    flux = np.ones(343)
    (tmp_path / "x.csv").write_text(
        f"source_id,flux,flux_error\n2771993642553377280,{lists(flux, flux / 9)}\n"
    )
    spectra = read_file(tmp_path / "x.csv")
    assert spectra.ids.tolist() == ["2771993642553377280"]
    assert spectra.n_good[0] > 3000


def test_lists_that_were_cut_short(tmp_path):
    (tmp_path / "x.csv").write_text('id,wave,flux\na,"[1. 2. ... 3.]","[1. 2. ... 3.]"\n')
    with pytest.raises(ReadError, match="cut short"):
        read_file(tmp_path / "x.csv")


def test_votable_with_data_elsewhere(tmp_path):
    (tmp_path / "x.vot").write_text(
        '<VOTABLE version="1.3"><RESOURCE><TABLE><FIELD name="flux" datatype="double"/><DATA>'
        '<BINARY><STREAM href="http://127.0.0.1:9/x"/></BINARY></DATA></TABLE></RESOURCE></VOTABLE>'
    )
    with pytest.raises(ReadError, match="not followed"):
        read_file(tmp_path / "x.vot")


def test_hdf5_with_data_elsewhere(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["flux"] = np.ones(400)
    layout = h5py.VirtualLayout((400,), np.float64)
    layout[:] = h5py.VirtualSource(tmp_path / "other.h5", "flux", (400,))
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["wave"] = WAVE
        file.create_virtual_dataset("flux", layout)
    with pytest.raises(ReadError, match="flux"):
        read_file(tmp_path / "x.h5")
