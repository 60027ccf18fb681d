"""Damaged files of no particular survey: a clear error or sound spectra, never anything else."""

from __future__ import annotations

import contextlib
import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mock_generic as mock
from gasnet3 import ZWarn
from gasnet3.io import ReadError
from gasnet3.io.generic.fits import FitsReader
from gasnet3.io.generic.holding import HoldingReader
from gasnet3.io.generic.text import EcsvReader, TextReader
from gasnet3.io.registry import HEAD_BYTES
from gasnet3.spectra.batch import Spectra

FORMS = {**mock.ONE, **mock.THREE}
READERS: tuple[HoldingReader, ...] = (FitsReader(), EcsvReader(), TextReader())
BYTES = st.integers(0, 255)
SOME = settings(max_examples=10)


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The bytes of a file of each form."""
    directory = tmp_path_factory.mktemp("originals")
    return {form: write(directory / form).read_bytes() for form, write in FORMS.items()}


def check(path: Path, data: bytes, expected: HoldingReader) -> Spectra | None:
    """Read damaged bytes, by the reader itself, which must catch what goes wrong."""
    path.write_bytes(data)
    if not expected.matches(path, data[:HEAD_BYTES]):
        return None
    try:
        found = expected.read(path)
        rows = expected.read_rows(path, 0, 1)
    except ReadError as error:
        found, message = None, str(error)
    if found is None:
        assert message.startswith(f"{path}: ")
        return None
    assert np.isfinite(found.flux).all()
    assert (np.isfinite(found.ivar) & (found.ivar >= 0)).all()
    empty = ~(found.ivar > 0).any(axis=1)
    assert ((found.zwarn[empty] & ZWarn.NODATA) != 0).all()
    assert found.ids[:1].tolist() == rows.ids.tolist()
    np.testing.assert_array_equal(found.flux[:1], rows.flux)
    return found


def reader_for(path: Path, data: bytes) -> HoldingReader:
    return next(reader for reader in READERS if reader.matches(path, data[:HEAD_BYTES]))


@pytest.mark.parametrize("form", FORMS)
@SOME
@given(
    flips=st.lists(st.tuples(st.integers(0, 1 << 20), BYTES), min_size=1, max_size=12),
    digits=st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 9)), max_size=4),
    size=st.integers(0, 1 << 20),
)
def test_damaged_files(
    form: str,
    originals: dict[str, bytes],
    tmp_path: Path,
    flips: list[tuple[int, int]],
    digits: list[tuple[int, int]],
    size: int,
) -> None:
    """Any bytes anywhere, digits made other digits in the first blocks, and a cut."""
    whole = originals[form]
    path = tmp_path / "x.dat"
    reader = reader_for(path, whole)
    data = bytearray(whole)
    # Most of a file is numbers; headers are hit more often.
    for at, (offset, value) in enumerate(flips):
        data[offset % (min(len(data), 5760) if at % 2 else len(data))] = value
    check(path, bytes(data), reader)
    data = bytearray(whole)
    found = [at for at, byte in enumerate(whole[:8640]) if chr(byte) in "0123456789"]
    for offset, digit in digits:
        data[found[offset % len(found)]] = ord(str(digit))
    check(path, bytes(data), reader)
    check(path, whole[: size % len(whole)], reader)


@SOME
@given(flips=st.lists(st.tuples(st.integers(0, 1 << 20), BYTES), min_size=1, max_size=4))
def test_damaged_gzip(
    originals: dict[str, bytes], tmp_path: Path, flips: list[tuple[int, int]]
) -> None:
    for form, reader in (("table of pixels", READERS[0]), ("csv", READERS[2])):
        data = bytearray(gzip.compress(originals[form], mtime=0))
        for offset, value in flips:
            data[offset % len(data)] = value
        path = tmp_path / "x.gz"
        path.write_bytes(data)
        with contextlib.suppress(ReadError):
            assert len(reader.read(path)) == 1


@SOME
@given(text=st.text(max_size=400))
def test_any_text_at_all(tmp_path: Path, text: str) -> None:
    rows = "\n".join(f"{5000 + at} 1 {at % 3}" for at in range(40))
    for whole in (text, f"{text}\n{rows}", f"# {text}\n{rows}"):
        check(tmp_path / "x.txt", whole.encode("utf-8", "surrogatepass"), TextReader())
    check(tmp_path / "x.ecsv", f"# %ECSV 1.0\n{text}".encode("utf-8", "ignore"), EcsvReader())
