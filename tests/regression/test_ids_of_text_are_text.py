"""Ids in text went through float64: digits, leading zeros and underscores were lost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gasnet3.io import read_file
from gasnet3.io.naming import key_values

WAVE = np.linspace(4000.0, 8000.0, 400)


def stacked(path: Path, ids: tuple[str, str], key: tuple[str, str] = ("1", "2")) -> Path:
    lines = ["objid,key,wave,flux,err"]
    lines += [f"{i},{k},{w:.2f},1.0,0.1" for i, k in zip(ids, key, strict=True) for w in WAVE]
    path.write_text("\n".join(lines))
    return path


@pytest.mark.parametrize(
    "ids",
    [
        ("39633324993414892", "39633324993414893"),
        ("123456789012345678901", "123456789012345678902"),
        ("000123", "000124"),
        ("1_000", "1_001"),
        ("12e4", "13e4"),
    ],
)
def test_ids_of_stacked_text(ids, tmp_path):
    assert read_file(stacked(tmp_path / "x.csv", ids)).ids.tolist() == list(ids)


def test_key_columns(tmp_path):
    big = ("299489677444933632", "299489677444933633")
    spectra = read_file(stacked(tmp_path / "x.csv", ("a", "b"), big))
    assert spectra.meta["key"].tolist() == [int(one) for one in big]


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        (["1", "2"], [1, 2]),
        (["1.5", "2"], [1.5, 2.0]),
        (["01", "2"], ["01", "2"]),
        (["9007199254740993", "0.5"], ["9007199254740993", "0.5"]),
    ],
)
def test_numbers_only_where_nothing_is_lost(texts, found):
    assert key_values(texts).tolist() == found


def test_headers(tmp_path):
    head = (
        "# OBJECT = 'target 1 ' / object title\n# TARGETID: 39633324993414892\n# OBJID: 007\n"
        "# RA = '13:11:04.66' / Right Ascension\n# DEC = '+49:19:06.5' / Declination\n"
    )
    rows = "".join(f"{wave:.2f} 1.0 0.1\n" for wave in WAVE)
    (tmp_path / "x.txt").write_text(f"{head}# wave flux err\n{rows}")
    meta = read_file(tmp_path / "x.txt").meta
    assert (meta["object"][0], meta["targetid"][0]) == ("target 1", "39633324993414892")
    assert meta["objid"][0] == "007"
    assert (round(meta["ra"][0], 4), round(meta["dec"][0], 4)) == (197.7694, 49.3185)
