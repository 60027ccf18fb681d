"""Shards: read back to the bit, by any range, or refused."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gasnet3 import Spectra
from gasnet3.io import ReadError, count_rows, expand, find_reader, read_file, read_rows, write_shard
from gasnet3.io.stores import shards
from gasnet3.io.stores.shards import read_header
from gasnet3.spectra.lattice import LogLattice

LATTICE = LogLattice(36000, 12)
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
DTYPES = ["?", "<i2", ">i4", "<u8", "<f2", ">f8", "<f4", "S3", "<U8", "<M8[s]", "<c16"]
FEW = settings(max_examples=60)


def spectra(rows=3, dtype=np.float32, meta=None):
    rng = np.random.default_rng(rows)
    return Spectra(
        flux=rng.normal(size=(rows, LATTICE.n)).astype(dtype),
        ivar=rng.uniform(size=(rows, LATTICE.n)).astype(dtype),
        ids=np.array([f"s-{row}" for row in range(rows)], dtype="U9"),
        zwarn=np.arange(rows),
        z=np.where(np.arange(rows) % 2, np.nan, 0.25),
        classes=np.array([["STAR", ""][row % 2] for row in range(rows)], dtype="U6"),
        meta=meta if meta is not None else {"ra": rng.uniform(size=rows)},
        lattice=LATTICE,
    )


def assert_same(one, other):
    """Equal to the bit, with types and names."""
    assert one.lattice == other.lattice
    assert list(one.meta) == list(other.meta)
    fixed = ("flux", "ivar", "ids", "zwarn", "z", "classes")
    pairs = [(getattr(one, name), getattr(other, name)) for name in fixed]
    for a, b in [*pairs, *((one.meta[name], other.meta[name]) for name in one.meta)]:
        assert a.dtype == b.dtype
        assert a.shape == b.shape
        assert a.tobytes() == b.tobytes()
        assert a.flags.writeable


@st.composite
def batches(draw):
    """Any batch there can be, with key columns of any type."""
    rows = draw(st.integers(0, 9))
    real = draw(st.sampled_from([np.float32, np.float64]))
    pixels = [draw(hnp.arrays(real, (rows, LATTICE.n), fill=st.just(0))) for _ in range(2)]
    texts = [draw(st.lists(TEXT, min_size=rows, max_size=rows)) for _ in range(2)]
    meta = {}
    for name in draw(st.lists(st.sampled_from(["ra", "flux", "crc32", "π", "a.b"]), unique=True)):
        dtype = np.dtype(draw(st.sampled_from(DTYPES)))
        shape = (rows, *draw(st.sampled_from([(), (), (2,), (2, 3)])))
        meta[name] = draw(hnp.arrays(dtype, shape, elements=TEXT if dtype.kind == "U" else None))
    zwarn = draw(hnp.arrays(np.int64, rows))
    z = draw(hnp.arrays(np.float64, rows))
    names = [np.array(text, dtype=np.str_) for text in texts]
    return Spectra(*pixels, names[0], zwarn, z, names[1], meta, LATTICE)


@FEW
@given(batch=batches(), ends=st.tuples(st.integers(0, 9), st.integers(0, 9)))
def test_every_batch_comes_back_to_the_bit(tmp_path, batch, ends):
    path = tmp_path / "x.arrow"
    write_shard(path, batch)
    assert_same(read_file(path), batch)
    assert count_rows(path) == len(batch)
    start, stop = sorted(min(end, len(batch)) for end in ends)
    assert_same(read_rows(path, start, stop), batch[start:stop])


def test_ranges_over_several_record_batches(tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "BATCH_ROWS", 4)
    path, batch = tmp_path / "x.arrow", spectra(11)
    write_shard(path, batch)
    for start in range(12):
        for stop in range(start, 12):
            assert_same(read_rows(path, start, stop), batch[start:stop])
    with pytest.raises(ReadError, match="rows 3 to 12 were asked for, it has 11"):
        read_rows(path, 3, 12)


def test_content_decides_and_directories_give_shards_only(tmp_path):
    write_shard(tmp_path / "x.arrow", spectra())
    write_shard(tmp_path / "other.name", spectra())
    assert find_reader(tmp_path / "other.name").name == "gasnet3-shard"
    own = pa.table({"id": ["a"], "flux": [1.0]}, metadata={"gasnet3": "{}"})
    pq.write_table(own, tmp_path / "catalog.parquet")
    (tmp_path / "manifest.json").write_text("{}")
    assert expand(tmp_path) == [tmp_path / "x.arrow"]
    with pytest.raises(ReadError, match="a table of gasnet3 itself"):
        read_file(tmp_path / "catalog.parquet")
    table = pa.table({"flux": [1.0]})
    with pa.ipc.new_file(tmp_path / "table.arrow", table.schema) as writer:
        writer.write_table(table)
    with pytest.raises(ReadError, match="where the wavelengths are among: flux"):
        read_file(tmp_path / "table.arrow")


def test_any_arrow_library_reads_it(tmp_path):
    batch = spectra()
    write_shard(tmp_path / "x.arrow", batch, {"made": "here"})
    with pa.OSFile(str(tmp_path / "x.arrow")) as source:
        table = pa.ipc.open_file(source).read_all()
    np.testing.assert_array_equal(np.array(table["flux"].to_pylist(), np.float32), batch.flux)
    assert table["ids"].to_pylist() == batch.ids.tolist()
    header = read_header(tmp_path / "x.arrow")
    assert header.notes == {"made": "here"}
    assert header.rows == 3


def test_the_same_batch_makes_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        write_shard(tmp_path / name, spectra())
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize(
    "column", [np.array([1, None, "x"], object), np.zeros((3, 0)), np.array(["\ud800", "", ""])]
)
def test_columns_that_cannot_be_kept_are_refused(tmp_path, column):
    with pytest.raises(ValueError, match=r"column 'meta\.x' holds"):
        write_shard(tmp_path / "x.arrow", spectra(meta={"x": column}))
    assert list(tmp_path.iterdir()) == []


def test_a_shard_of_a_later_version_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "VERSION", 2)
    write_shard(tmp_path / "x.arrow", spectra())
    monkeypatch.undo()
    with pytest.raises(ReadError, match="version 2, this gasnet3 reads version 1"):
        count_rows(tmp_path / "x.arrow")


def test_every_pixel_is_guarded(tmp_path):
    """A bit of flux, ivar or a key column that turns is seen; in other rows it does not matter."""
    path, batch = tmp_path / "x.arrow", spectra(2)
    write_shard(path, batch)
    data = path.read_bytes()
    for value in (batch.flux[1, 5], batch.ivar[1, 0], batch.meta["ra"][1]):
        at = data.index(value.tobytes())
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        with pytest.raises(ReadError, match=r"x\.arrow: the shard is damaged \(row 1 .*make it"):
            read_file(path)
        assert_same(read_rows(path, 0, 1), batch[:1])


def test_every_truncation_is_a_clear_error(tmp_path):
    path = tmp_path / "x.arrow"
    write_shard(path, spectra())
    data = path.read_bytes()
    for size in range(0, len(data), 41):
        path.write_bytes(data[:size])
        with pytest.raises(ReadError, match=r"x\.arrow: "):
            read_file(path)


def test_a_header_longer_than_the_head_is_found(tmp_path):
    notes = {"failures": [f"reason {number}" * 10 for number in range(2000)]}
    write_shard(tmp_path / "x.arrow", spectra(), notes)
    assert find_reader(tmp_path / "x.arrow").name == "gasnet3-shard"
    assert read_header(tmp_path / "x.arrow").notes == notes
