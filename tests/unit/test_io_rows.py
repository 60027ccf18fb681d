"""Rows counted, ranges of rows read, and reading ahead."""

from __future__ import annotations

import gzip
import threading
import time

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

from gasnet3 import Spectra
from gasnet3.io import (
    READERS,
    ReadError,
    count_rows,
    prefetched,
    read_file,
    read_rows,
    register,
    write_npz,
    write_spec,
)
from gasnet3.spectra.lattice import LogLattice

LATTICE = LogLattice(36000, 60)
ROWS = 7
ANY_RANGE = settings(max_examples=25)


def spectra(rows=ROWS):
    rng = np.random.default_rng(5)
    flux = rng.normal(5, 1, (rows, LATTICE.n))
    return Spectra.from_arrays(
        flux,
        np.ones_like(flux),
        loglam=LATTICE.loglam,
        ids=[f"0266-51602-{row:04d}" for row in range(rows)],
        zwarn=np.arange(rows) % 2,
        z=rng.uniform(0, 1, rows),
        classes=["STAR", "GALAXY", "QSO", ""][:rows] + ["STAR"] * max(0, rows - 4),
        meta={"ra": rng.uniform(0, 360, rows), "note": [f"n{row}" for row in range(rows)]},
        lattice=LATTICE,
    )


def plate(path):
    rng = np.random.default_rng(6)
    flux = rng.normal(size=(ROWS, 90)).astype(np.float32)
    primary = fits.PrimaryHDU(flux)
    primary.header.update({"COEFF0": 3.6, "COEFF1": 1e-4, "PLATEID": 266, "MJD": 51602})
    mask = rng.choice([0, 1 << 23, 1], (ROWS, 90)).astype(np.int32)
    kinds = ["QSO", "SKY", "GALAXY", "NA", "SKY", "QSO", "QSO"]
    plugmap = [
        fits.Column("FIBERID", "J", array=[11, -1, 13, 14, 15, 16, 17]),
        fits.Column("OBJTYPE", "16A", array=kinds),
        fits.Column("RA", "D", array=np.arange(ROWS) + 0.5),
    ]
    hdus = [primary, *(fits.ImageHDU(x) for x in (np.abs(flux), mask, mask, flux))]
    fits.HDUList([*hdus, fits.BinTableHDU.from_columns(plugmap)]).writeto(path)


class BlockReader:
    """A reader such as another package may bring: it reads whole files only."""

    name = "block"
    reads = 0

    def matches(self, path, head):
        return head.startswith(b"BLOCK")

    def read(self, path):
        BlockReader.reads += 1
        return spectra(int(path.read_text()[5:]))


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    """One file a format, and a reader of another package."""
    path = tmp_path_factory.mktemp("rows")
    write_npz(path / "zipped.npz", spectra())
    np.savez(
        path / "stored.npz",
        flux=spectra().flux,
        ivar=spectra().ivar,
        wave=np.tile(LATTICE.wave, (ROWS, 1)),
        id=np.arange(ROWS),
        constant=np.zeros(3),
    )
    columns = {"loglam": LATTICE.loglam, "name": list("abcdefg")}
    np.savez(
        path / "fortran.npz", flux=np.asfortranarray(spectra().flux), ivar=spectra().ivar, **columns
    )
    np.savez(path / "one.npz", flux=np.ones(60), ivar=np.ones(60), loglam=LATTICE.loglam, z=0.5)
    write_spec(path / "spec.fits", spectra(1))
    plate(path / "plate.fits")
    (path / "plate.fits.gz").write_bytes(gzip.compress((path / "plate.fits").read_bytes()))
    (path / "block.txt").write_text(f"BLOCK{ROWS}")
    before = list(READERS)
    register(BlockReader())
    yield path
    READERS[:] = before


FILES = {
    **dict.fromkeys(["zipped.npz", "stored.npz", "fortran.npz", "block.txt"], ROWS),
    **dict.fromkeys(["plate.fits", "plate.fits.gz"], ROWS),
    **dict.fromkeys(["spec.fits", "one.npz"], 1),
}


def assert_same(one, other):
    """Equal to the bit, texts as texts."""
    for name in ("flux", "ivar", "zwarn", "z"):
        a, b = getattr(one, name), getattr(other, name)
        assert a.dtype == b.dtype
        assert a.tobytes() == b.tobytes(), name
    assert one.ids.tolist() == other.ids.tolist()
    assert one.classes.tolist() == other.classes.tolist()
    assert one.lattice == other.lattice
    assert list(one.meta) == list(other.meta)
    for name in one.meta:
        assert one.meta[name].dtype.kind == other.meta[name].dtype.kind
        assert one.meta[name].tolist() == other.meta[name].tolist()


@pytest.mark.parametrize("name", FILES)
def test_rows_are_counted(directory, name):
    assert count_rows(directory / name) == FILES[name]


@pytest.mark.parametrize("name", FILES)
@ANY_RANGE
@given(ends=st.tuples(st.integers(0, ROWS), st.integers(0, ROWS)))
def test_any_range_is_that_of_the_whole_file(directory, name, ends):
    start, stop = (min(end, FILES[name]) for end in sorted(ends))
    whole = read_file(directory / name)
    assert_same(read_rows(str(directory / name), start, stop), whole[start:stop])


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("ends", [(0, ROWS + 1), (-1, 1), (1, 0)])
def test_rows_that_are_not_there_are_an_error(directory, name, ends):
    with pytest.raises(ReadError, match=rf"{name}: rows .* were asked for, it has \d; if it"):
        read_rows(directory / name, *ends)


def test_a_reader_of_whole_files_reads_one_once_and_again_when_it_changes(directory, tmp_path):
    path = tmp_path / "x.txt"
    path.write_text("BLOCK3")
    BlockReader.reads = 0
    assert count_rows(path) == 3
    read_rows(path, 0, 2).flux[:] = -1
    assert (read_rows(path, 0, 2).flux > 0).all()
    assert BlockReader.reads == 1
    path.write_text("BLOCK12")
    assert count_rows(path) == 12
    assert BlockReader.reads == 2


def test_broken_files_are_an_error_when_counted(directory, tmp_path):
    (tmp_path / "x.npz").write_bytes((directory / "zipped.npz").read_bytes()[:-40])
    with pytest.raises(ReadError, match=r"x\.npz: not a usable"):
        count_rows(tmp_path / "x.npz")
    (tmp_path / "block.txt").write_text("BLOCKx")
    with pytest.raises(ReadError, match="reader 'block' failed on it with ValueError"):
        count_rows(tmp_path / "block.txt")
    with pytest.raises(ReadError, match="cannot be read"):
        count_rows(tmp_path / "absent")


def test_a_column_that_is_too_long_is_an_error_of_any_range(tmp_path):
    arrays = {"flux": np.ones((4, 60)), "ivar": np.ones((4, 60)), "loglam": LATTICE.loglam}
    np.savez(tmp_path / "x.npz", **arrays, z=np.zeros(2))
    with pytest.raises(ReadError, match="'z' has 2 rows, expected 4"):
        read_rows(tmp_path / "x.npz", 1, 3)


@given(items=st.lists(st.integers()), depth=st.integers(1, 4))
def test_items_read_ahead_are_the_items(items, depth):
    assert list(prefetched(items, depth)) == items


def prefetch_threads():
    return [thread for thread in threading.enumerate() if thread.name == "gasnet3-prefetch"]


@pytest.mark.parametrize("depth", [1, 3])
def test_reading_ahead_stops_with_the_consumer(depth):
    closed = threading.Event()

    def endless():
        try:
            while True:
                yield 1
        finally:
            closed.set()

    for _ in prefetched(endless(), depth):
        break
    assert closed.wait(5)
    assert not prefetch_threads()
    with pytest.raises(ZeroDivisionError):
        sum(item / 0 for item in prefetched(endless(), depth))


def test_an_error_comes_after_the_items_before_it():
    def broken():
        yield 1
        raise OSError("no such luck")

    ahead = prefetched(broken())
    assert next(ahead) == 1
    with pytest.raises(OSError, match="no such luck"):
        next(ahead)
    assert not prefetch_threads()
    with pytest.raises(ValueError, match="depth must be at least 1"):
        prefetched([], 0)


def test_it_works_ahead_and_no_further_than_the_depth():
    made = []

    def items():
        for number in range(20):
            made.append(number)
            yield number

    ahead = prefetched(items(), 2)
    assert made == []
    next(ahead)
    deadline = time.monotonic() + 5
    while len(made) < 4 and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(0.02)
    assert made == [0, 1, 2, 3]
    ahead.close()
