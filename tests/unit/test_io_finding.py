"""Some spectra among many files: by id, no more files opened than needed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gasnet3.io import ReadError, find_spectra, finding, write_npz
from gasnet3.spectra.batch import Spectra


def _write(path: Path, ids: list[str]) -> None:
    rows = len(ids)
    flux = np.arange(rows)[:, None] + np.ones((rows, 9))
    write_npz(path, Spectra.from_arrays(flux, flux, np.arange(9) * 5 + 5000.0, ids=ids))


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    _write(tmp_path / "a.npz", ["one", "two", "two"])
    _write(tmp_path / "b.npz", ["three", "one"])
    return tmp_path


def test_ids_are_found_in_any_file_and_the_first_of_a_name_wins(directory: Path) -> None:
    found = find_spectra(directory, ["three", "two", "one", "nobody"])
    assert {name: (len(one), one.meta["file"][0]) for name, one in found.items()} == {
        "one": (1, "a.npz"),
        "two": (1, "a.npz"),
        "three": (1, "b.npz"),
    }
    assert found["two"].flux.max() == pytest.approx(2.0)


def test_chunks_make_no_difference(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "CHUNK", 1)
    found = find_spectra(directory, ["two", "three"])
    assert [found[name].ids.tolist() for name in ("two", "three")] == [["two"], ["three"]]
    assert found["two"].flux.max() == pytest.approx(2.0)


def test_likely_files_come_first_and_no_other_is_opened(directory: Path) -> None:
    (directory / "a.npz").write_bytes(b"broken")
    assert find_spectra(directory, ["three"], likely={"b.npz"}).keys() == {"three"}
    with pytest.raises(ReadError, match=r"a\.npz"):
        find_spectra(directory, ["three"])
