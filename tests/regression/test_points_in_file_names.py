"""Files called J1234.5+67.8.csv and J1234.5-12.3.csv had one id, J1234."""

from __future__ import annotations

from pathlib import Path

import pytest

from gasnet3.io import read
from gasnet3.io.naming import names_of

ROWS = "\n".join(f"{5000 + at},1,0.1" for at in range(100))


def test_ids_of_files_with_points(tmp_path):
    for name in ("J1234.5+67.8.csv", "J1234.5-12.3.csv"):
        (tmp_path / name).write_text(f"wave,flux,err\n{ROWS}\n")
    ids = read(sorted(tmp_path.glob("*.csv"))).ids.tolist()
    assert ids == ["J1234.5+67.8", "J1234.5-12.3"]


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("a.fits", "a"),
        ("a.FITS.GZ", "a"),
        ("a.zarr.zip", "a"),
        ("J01.2+3.4", "J01.2+3.4"),
        ("a.flux.dat", "a.flux"),
        (".csv", ".csv"),
    ],
)
def test_endings(file, name):
    assert names_of(Path(file), 1, 0, 1) == [name]
    assert names_of(Path(file), 9, 3, 5) == [f"{name}:3", f"{name}:4"]
