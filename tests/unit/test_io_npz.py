""".npz archives: names, shapes, damage."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest

from gasnet3.io import ReadError, find_reader, read

LOGLAM = np.arange(36000, 36100) * 1e-4


def save(path, **arrays):
    base = {"flux": np.ones((3, 100)), "ivar": np.full((3, 100), 2.0), "loglam": LOGLAM}
    with path.open("wb") as stream:
        np.savez(stream, **{k: v for k, v in {**base, **arrays}.items() if v is not None})
    return path


@pytest.mark.parametrize(("ids", "classes"), [("ids", "classes"), ("id", "class"), ("name", "cls")])
def test_columns_by_any_of_their_names(tmp_path, ids, classes):
    columns = {
        ids: ["a", "b", "c"],
        classes: ["STAR", "GALAXY", "QSO"],
        "z": np.array([0.1, 0.2, 0.3], np.float32),
        "zwarn": [1, 0, 0],
        "ra": [1.0, 2.0, 3.0],
        "targetid": [7, 8, 9],
        "grid": np.zeros((3, 2)),
        "constant": np.zeros(4),
    }
    path = save(tmp_path / "any.name", **columns)
    spectra = read(path)
    assert find_reader(path).name == "npz"
    assert spectra.ids.tolist() == ["a", "b", "c"]
    assert spectra.classes.tolist() == ["STAR", "GALAXY", "QSO"]
    np.testing.assert_allclose(spectra.z, [0.1, 0.2, 0.3])
    assert spectra.z.dtype == np.float64
    assert spectra.zwarn.tolist() == [1, 0, 0]
    assert set(spectra.meta) == {"ra", "targetid", "file"}
    assert spectra.meta["targetid"].tolist() == [7, 8, 9]
    assert spectra.meta["file"].tolist() == ["any.name"] * 3
    assert spectra.n_good.tolist() == [100] * 3


def test_wave_and_a_single_row(tmp_path):
    path = save(
        tmp_path / "x.npz",
        flux=np.ones(100),
        ivar=np.ones(100),
        loglam=None,
        wave=10**LOGLAM,
        ids=np.array("one"),
        z=np.array(0.5),
    )
    spectra = read(path)
    assert spectra.ids.tolist() == ["one"]
    assert spectra.z.tolist() == [0.5]
    assert spectra.n_good.tolist() == [100]


def test_whole_numbers_become_names(tmp_path):
    assert read(save(tmp_path / "x.npz", id=[11, 12, 13])).ids.tolist() == ["11", "12", "13"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ivar": None}, "needs the arrays flux, ivar, .*; it has"),
        ({"loglam": None}, "exactly one of wave"),
        ({"ivar": np.ones((2, 100))}, "ivar 2"),
        ({"loglam": LOGLAM[::-1] * 0 + 3.6}, "rise or fall"),
        ({"flux": np.array([["a"] * 100] * 3)}, "do not make spectra"),
        ({"flux": np.ones((3, 4, 5))}, "must be one row"),
        ({"z": [1.0, 2.0]}, "'z' has 2 rows"),
        ({"ids": np.array([None, {}, []], object)}, "pickled"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, change, message):
    with pytest.raises(ReadError, match=rf"x\.npz: .*{message}"):
        read(save(tmp_path / "x.npz", **change))


def test_an_array_that_claims_to_be_huge_is_refused_before_it_is_made(tmp_path):
    member = io.BytesIO()
    np.lib.format.write_array(member, np.ones((3, 100)))
    claim = b"(3, 100), }".ljust(40), b"(999999999999, 100), }".ljust(40)
    assert claim[0] in member.getvalue()
    path = tmp_path / "x.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("flux.npy", member.getvalue().replace(*claim))
    with pytest.raises(ReadError, match="size is not what it claims"):
        read(path)


def test_every_truncation_is_a_clear_error(tmp_path):
    data = save(tmp_path / "x.npz").read_bytes()
    broken = tmp_path / "broken.npz"
    for size in range(0, len(data), 97):
        broken.write_bytes(data[:size])
        with pytest.raises(ReadError, match=r"broken\.npz: "):
            read(broken)


def test_of_an_archive_of_other_things_it_is_told_what_is_missing(tmp_path):
    path = tmp_path / "x.npz"
    np.savez(path, images=np.ones(3))
    with pytest.raises(ReadError, match=r"needs the arrays flux.*; it has images"):
        read(path)


def test_what_was_understood(tmp_path):
    path = save(tmp_path / "x.npz", name=["a", "b", "c"], ra=[1.0, 2.0, 3.0], grid=np.zeros((3, 2)))
    told = find_reader(path).explain(path)
    assert told.used == [
        ("flux", "array flux"),
        ("ivar", "array ivar"),
        ("loglam", "array loglam"),
        ("id", "array name"),
    ]
    assert told.ignored == ["array grid: not used"]
