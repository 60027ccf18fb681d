"""Damaged files of surveys: a clear error or flagged rows, never anything else."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

from gasnet3.io import ReadError
from gasnet3.io.survey.desi import DesiReader
from gasnet3.io.survey.lamost import LamostReader
from gasnet3.io.survey.sdss_spspec import SdssSpSpecReader
from mock_surveys import desi, lamost, spspec
from sound import assert_sound

MADE = {
    "desi-coadd": (DesiReader(), lambda path: desi(path, [5, -7, 2**60], step=40.0)),
    "desi-spectra": (DesiReader(), lambda path: desi(path, [5, 7, 5], spectra=True, step=40.0)),
    "lamost-image": (LamostReader(), lambda path: lamost(path, pixels=80)),
    "lamost-table": (LamostReader(), lambda path: lamost(path, pixels=80, table=True)),
    "spspec": (
        SdssSpSpecReader(),
        lambda path: spspec(path, pixels=80, and_mask=np.zeros(80, int)),
    ),
}
FEW = settings(max_examples=120)
FLIPS = st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), min_size=1, max_size=8)


@pytest.fixture(scope="module", params=MADE)
def made(request, tmp_path_factory):
    """A reader, and the bytes of a small file of its own."""
    reader, write = MADE[request.param]
    return reader, write(tmp_path_factory.mktemp("made") / "x.fits").read_bytes()


def check(reader, path, data):
    """Read damaged bytes, whole, by rows and explained; None for an error, else sound spectra.

    The reader itself is called, without the registry that would wrap a stray exception.
    """
    path.write_bytes(data)
    try:
        whole = reader.read(path)
        assert reader.count(path) == len(whole)
        assert reader.explain(path).used
    except ReadError:
        whole = None
    try:
        last = max(reader.count(path), 1)
        part = reader.read_rows(path, last - 1, last)
    except ReadError:
        return whole
    for spectra in (part,) if whole is None else (part, whole):
        assert_sound(spectra)
    if whole is not None:
        assert part.ids.tolist() == whole.ids[-1:].tolist()
        assert part.flux.tobytes() == whole.flux[-1:].astype(part.flux.dtype).tobytes()
    return whole


def test_the_file_itself_is_sound(made, tmp_path):
    reader, data = made
    assert not check(reader, tmp_path / "x.fits", data).zwarn.any()


def test_a_file_cut_off_is_an_error_or_lacks_only_what_is_not_needed(made, tmp_path):
    reader, data = made
    whole = check(reader, tmp_path / "x.fits", data)
    sizes = [size + more for size in range(0, len(data), 2880) for more in (-1, 0, 80)]
    read = 0
    for size in (size for size in sizes if 0 <= size < len(data)):
        spectra = check(reader, tmp_path / "x.fits", data[:size])
        if spectra is not None:
            read += 1
            # What is there is right. All of it, unless the cut is just where an extension begins.
            seen = spectra.ivar > 0
            same = (spectra.ivar == whole.ivar) & (spectra.flux == whole.flux)
            assert same.all() or data[size:].lstrip(b"\0").startswith(b"XTENSION")
            assert (whole.ivar[seen] > 0).all()
    assert read < len(sizes) / 2


@FEW
@given(flips=FLIPS)
def test_bytes_overwritten_anywhere(made, tmp_path, flips):
    reader, spoilt = made[0], bytearray(made[1])
    for offset, value in flips:
        spoilt[offset % len(spoilt)] = value
    check(reader, tmp_path / "x.fits", bytes(spoilt))


@FEW
@given(digits=st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 9)), max_size=3))
def test_digits_of_the_headers_made_others(made, tmp_path, digits):
    reader, data = made
    spoilt = bytearray(data)
    cards = np.frombuffer(data[: len(data) // 80 * 80], "S80")
    keys = [row for row, card in enumerate(cards) if card[8:10] == b"= "]
    found = [at for row in keys for at in range(row * 80, row * 80 + 80) if chr(data[at]).isdigit()]
    for offset, digit in digits:
        spoilt[found[offset % len(found)]] = ord(str(digit))
    check(reader, tmp_path / "x.fits", bytes(spoilt))


@FEW
@given(start=st.integers(0, 1 << 20), junk=st.binary(max_size=200), cut=st.integers(0, 400))
def test_pieces_replaced_inserted_and_removed(made, tmp_path, start, junk, cut):
    reader, data = made
    start %= len(data)
    check(reader, tmp_path / "x.fits", data[:start] + junk + data[start + cut :])


@FEW
@given(flips=FLIPS)
def test_damaged_gzip(made, tmp_path, flips):
    reader, data = made
    spoilt = bytearray(gzip.compress(data, 1, mtime=0))
    for offset, value in flips:
        spoilt[offset % len(spoilt)] = value
    check(reader, tmp_path / "x.fits.gz", bytes(spoilt))


def test_other_fits_files_are_no_surveys(tmp_path):
    for number, hdus in enumerate(
        [
            [fits.PrimaryHDU(np.ones((5, 9)))],
            [fits.PrimaryHDU(), fits.ImageHDU(np.ones(3), name="WAVELENGTH")],
            [fits.PrimaryHDU(), fits.BinTableHDU.from_columns([], name="FIBERMAP")],
        ]
    ):
        path = tmp_path / f"{number}.fits"
        fits.HDUList(hdus).writeto(path)
        head = path.read_bytes()
        assert not any(reader.matches(path, head) for reader, _ in MADE.values())
        for reader, _ in MADE.values():
            with pytest.raises(ReadError):
                reader.read(path)
