"""Garbage in: a clear error or a flagged row, never anything else.

Warnings are errors in the whole suite, so each of these tests also shows that none escapes.
"""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gasnet3 import Spectra, ZWarn
from gasnet3.io import ReadError, read_file, write_npz, write_shard, write_spec
from gasnet3.io.stores.npz import NpzReader
from gasnet3.io.stores.shards import ShardReader
from gasnet3.io.survey.sdss_spec import SdssSpecReader
from gasnet3.io.survey.sdss_spplate import SdssSpPlateReader
from gasnet3.spectra.lattice import LogLattice
from sound import assert_sound

resource = pytest.importorskip("resource", reason="the memory limit is a POSIX one")

LATTICE = LogLattice(36000, 150)
BLOCK = 2880
ROW_BYTES = 20
SHARD_START = b"ARROW1\0\0gasnet3-shard"
BYTES = st.integers(0, 255)
MANY = settings(max_examples=300)


def spectrum():
    rng = np.random.default_rng(11)
    return Spectra.from_arrays(
        rng.normal(2, 1, 150),
        np.ones(150),
        loglam=LATTICE.loglam,
        ids=["0266-51602-0001"],
        z=[0.25],
        classes=["GALAXY"],
        meta={"ra": [1.0], "dec": [2.0]},
        lattice=LATTICE,
    )


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    """Bytes of a small spec file."""
    path = tmp_path_factory.mktemp("spec") / "spec.fits"
    write_spec(path, spectrum())
    return path.read_bytes()


@pytest.fixture(scope="module")
def npz(tmp_path_factory):
    """Bytes of a small archive."""
    path = tmp_path_factory.mktemp("npz") / "spectra.npz"
    write_npz(path, spectrum())
    return path.read_bytes()


@pytest.fixture(autouse=True)
def memory_limit():
    """A file of a few kB that asks for a gigabyte must not get it."""
    statm = Path("/proc/self/statm")
    if not statm.exists():
        pytest.skip("the memory limit of this test needs /proc, as Linux has it")
    before = resource.getrlimit(resource.RLIMIT_AS)
    now = int(statm.read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + (1 << 30), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


def check(path, data, reader=None):
    """Read damaged bytes; None for a clear error, else spectra that hold to their contract.

    The reader itself is called, without the registry that would wrap a stray exception.
    """
    path.write_bytes(data)
    reader = reader or SdssSpecReader()
    try:
        spectra = reader.read(path)
    except ReadError as error:
        spectra, message = None, str(error)
    if reader.name != "sdss-spec":  # of that one the row is the file
        check_first_row(path, reader, spectra)
    if spectra is None:
        assert message.startswith(f"{path}: ")
        assert len(message) > len(f"{path}: ") + 10
    else:
        assert_sound(spectra)
    return spectra


def check_first_row(path, reader, whole):
    """Rows by themselves are a clear error as well, or those of the whole file."""
    try:
        if not reader.count(path):
            return
        first = reader.read_rows(path, 0, 1)
    except ReadError:
        return
    assert_sound(first)
    if whole is not None:
        assert first.ids.tolist() == whole.ids[:1].tolist()
        assert first.flux.tobytes() == whole.flux[:1].astype(first.flux.dtype).tobytes()
        assert first.ivar.tobytes() == whole.ivar[:1].astype(first.ivar.dtype).tobytes()


def test_the_file_itself_is_sound(spec, npz, tmp_path):
    assert check(tmp_path / "x.fits", spec).zwarn.tolist() == [0]
    assert check(tmp_path / "x.npz", npz, NpzReader()).zwarn.tolist() == [0]


def test_every_truncation_by_blocks_and_many_in_between(spec, tmp_path):
    rng = np.random.default_rng(0)
    blocks = [size + more for size in range(0, len(spec), BLOCK) for more in (-1, 0, 1, 80)]
    sizes = {size for size in [*blocks, *rng.integers(0, len(spec), 500)] if 0 <= size < len(spec)}
    read = [size for size in sorted(sizes) if check(tmp_path / "x.fits", spec[:size]) is not None]
    label = spec.index(b"XTENSION", spec.index(b"XTENSION") + 1)
    coadd_end = spec.index(b"END".ljust(80), spec.index(b"XTENSION")) // BLOCK * BLOCK
    coadd_end += BLOCK + 150 * ROW_BYTES
    # All there but the label, as in a file that never had one; or but for the last padding.
    assert all(coadd_end <= size <= label or size > len(spec) - BLOCK for size in read)
    assert label in read


@pytest.mark.slow
def test_every_header_byte_flipped(spec, tmp_path):
    """Each byte of the three headers becomes a neighbour, a 9, and not ASCII in turn."""
    table = spec.index(b"XTENSION")
    headers = [range(table), header(spec, table), header(spec, spec.index(b"XTENSION", table + 1))]
    outcomes = {True: 0, False: 0}
    for offset in (offset for part in headers for offset in part):
        for flipped in {spec[offset] ^ 1, ord("9") if offset % 2 else spec[offset] ^ 0x80}:
            data = spec[:offset] + bytes([flipped]) + spec[offset + 1 :]
            outcomes[check(tmp_path / "x.fits", data) is None] += 1
    assert min(outcomes.values()) > 100


def header(data, start):
    """Offsets of the cards of a header up to END."""
    return range(start, data.index(b"END".ljust(80), start) + 80)


@MANY
@given(flips=st.lists(st.tuples(st.integers(0, 1 << 20), BYTES), min_size=1, max_size=20))
def test_bytes_overwritten_anywhere(spec, tmp_path, flips):
    data = bytearray(spec)
    for offset, value in flips:
        data[offset % len(data)] = value
    check(tmp_path / "x.fits", bytes(data))


@MANY
@given(start=st.integers(0, 1 << 20), junk=st.binary(max_size=200), cut=st.integers(0, 400))
def test_pieces_replaced_inserted_and_removed(spec, tmp_path, start, junk, cut):
    start %= len(spec)
    check(tmp_path / "x.fits", spec[:start] + junk + spec[start + cut :])


@MANY
@given(flips=st.lists(st.tuples(st.integers(0, 1 << 20), BYTES), min_size=1, max_size=5))
def test_damaged_gzip(spec, tmp_path, flips):
    data = bytearray(gzip.compress(spec, mtime=0))
    for offset, value in flips:
        data[offset % len(data)] = value
    check(tmp_path / "x.fits.gz", bytes(data))


@MANY
@given(
    flips=st.lists(st.tuples(st.integers(0, 1 << 20), BYTES), min_size=1, max_size=5),
    size=st.integers(0, 1 << 20),
)
def test_damaged_npz(npz, tmp_path, flips, size):
    data = bytearray(npz)
    for offset, value in flips:
        data[offset % len(data)] = value
    check(tmp_path / "x.npz", bytes(data), NpzReader())
    check(tmp_path / "x.npz", npz[: size % len(npz)], NpzReader())


@pytest.fixture(scope="module")
def plate(tmp_path_factory):
    """Bytes of a small spPlate file."""
    image = np.ones((2, 150), np.float32)
    mask = np.zeros((2, 150), np.int32)
    primary = fits.PrimaryHDU(image)
    primary.header.update({"COEFF0": 3.6, "COEFF1": 1e-4, "PLATEID": 266, "MJD": 51602})
    plugmap = fits.BinTableHDU.from_columns(
        [
            fits.Column("FIBERID", "J", array=[1, 2]),
            fits.Column("OBJTYPE", "16A", array=["QSO", "SKY"]),
            fits.Column("RA", "D", array=[1.0, 2.0]),
        ]
    )
    hdus = [primary, *(fits.ImageHDU(data) for data in (image, mask, mask, image)), plugmap]
    path = tmp_path_factory.mktemp("plate") / "plate.fits"
    fits.HDUList(hdus).writeto(path)
    return path.read_bytes()


@pytest.mark.slow
@MANY
@given(
    flips=st.lists(st.tuples(st.integers(0, 1 << 20), BYTES), min_size=1, max_size=8),
    digits=st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 9)), max_size=3),
)
def test_damaged_spplate(plate, tmp_path, flips, digits):
    """Any bytes anywhere, and digits of the headers made other digits."""
    data = bytearray(plate)
    for offset, value in flips:
        data[offset % len(data)] = value
    found = [at for at, byte in enumerate(plate) if chr(byte) in "0123456789"]
    for offset, digit in digits:
        data[found[offset % len(found)]] = ord(str(digit))
    check(tmp_path / "x.fits", bytes(data), SdssSpPlateReader())


@pytest.fixture(scope="module")
def shard(tmp_path_factory):
    """Bytes of a small shard, and what is in it."""
    path = tmp_path_factory.mktemp("shard") / "x.arrow"
    spectra = Spectra.concatenate([spectrum()] * 3)
    write_shard(path, spectra, {"made": "here"})
    return path.read_bytes(), spectra


def check_shard(path, data, expected):
    """A clear error, or the very spectra that were written; counting must hold as well."""
    spectra = check(path, data, ShardReader())
    if spectra is None:
        return False
    assert ShardReader().count(path) == len(expected)
    for name in ("flux", "ivar", "ids", "zwarn", "z", "classes"):
        assert getattr(spectra, name).tobytes() == getattr(expected, name).tobytes()
    assert {n: c.tolist() for n, c in spectra.meta.items()} == {
        n: c.tolist() for n, c in expected.meta.items()
    }
    return True


def test_every_byte_of_a_shard_flipped(shard, tmp_path):
    data, expected = shard
    assert check_shard(tmp_path / "x.arrow", data, expected)
    rng = np.random.default_rng(4)
    pixels = range(data.index(expected.flux[0].tobytes()), data.index(expected.ivar[2].tobytes()))
    offsets = [at for at in range(len(data)) if at not in pixels or at % 7 == 0]
    read = 0
    for offset in offsets:
        flipped = bytes([data[offset] ^ (1 << rng.integers(8))])
        spoilt = data[:offset] + flipped + data[offset + 1 :]
        read += check_shard(tmp_path / "x.arrow", spoilt, expected)
    assert read < len(offsets) / 2


@MANY
@given(
    flips=st.lists(st.tuples(st.integers(0, 1 << 20), BYTES), min_size=1, max_size=8),
    size=st.integers(0, 1 << 20),
)
def test_damaged_shards(shard, tmp_path, flips, size):
    data, expected = bytearray(shard[0]), shard[1]
    for offset, value in flips:
        data[offset % len(data)] = value
    check_shard(tmp_path / "x.arrow", bytes(data), expected)
    check_shard(tmp_path / "x.arrow", shard[0][: size % len(data)], expected)


@MANY
@given(data=st.binary(max_size=6000))
def test_any_bytes_at_all(tmp_path, data):
    for start in (b"", b"SIMPLE  =", b"PK\x03\x04flux.npy", b"\x1f\x8b", SHARD_START):
        path = tmp_path / "x"
        path.write_bytes(start + data)
        with pytest.raises(ReadError, match="x: "):
            read_file(path)


FLOATS = hnp.arrays(np.float64, st.integers(0, 60), elements=st.floats(width=64))


@MANY
@given(flux=FLOATS, ivar=FLOATS, wave=FLOATS, log=st.booleans())
def test_any_numbers_at_all(flux, ivar, wave, log):
    """Three spectra of three arrays; whatever is in them, it is an error or it is flagged."""
    n = min(len(flux), len(ivar), len(wave))
    grid = {"loglam" if log else "wave": [wave[:n], np.sort(wave[:n]), 4000 + np.arange(n)]}
    spectra = Spectra.from_arrays([flux[:n]] * 3, [ivar[:n]] * 3, **grid)
    assert_sound(spectra)
    bad = ~np.isfinite(ivar[:n]) | (ivar[:n] < 0) | ~np.isfinite(flux[:n]) & (ivar[:n] != 0)
    if bad.any():
        assert (spectra.zwarn & ZWarn.POORDATA).all()


@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize("rows", ["nan", "inf", "negative", "zero", "one good", "falling"])
def test_the_named_kinds_of_bad_spectra(rows, native):
    n = 400
    wave = 10 ** ((36000 + np.arange(n)) * 1e-4) if native else np.linspace(4000, 4300, n)
    flux, ivar = np.ones(n), np.ones(n)
    expected = {"zero": ZWarn.NODATA, "one good": 0, "falling": 0}.get(rows, ZWarn.POORDATA)
    match rows:
        case "nan":
            flux[::7] = np.nan
        case "inf":
            ivar[::7] = np.inf
        case "negative":
            ivar[::7] = -1
        case "zero":
            ivar[:] = 0
        case "one good":
            ivar[:200], ivar[201:] = 0, 0
        case "falling":
            wave = wave[::-1]
    spectra = Spectra.from_arrays(flux, ivar, wave)
    assert_sound(spectra)
    assert spectra.zwarn.tolist() == [expected]
    assert np.allclose(spectra.flux[spectra.ivar > 0], 1)
