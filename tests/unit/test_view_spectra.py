"""Spectra of a catalog are found by id, and their pictures hold what they should."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from gasnet3 import samples
from gasnet3.io import read
from gasnet3.report.spectrum import limits
from gasnet3.view import spectra as module
from gasnet3.view.spectra import MissingSpectrum, SpectrumFinder


def test_every_spectrum_is_found_by_its_id() -> None:
    finder = SpectrumFinder([samples.DIRECTORY])
    whole = read([str(path) for path in samples.paths()])
    for row in (len(whole) - 1, 0):
        found = finder.find(str(whole.ids[row]))
        assert found.ids.tolist() == [whole.ids[row]]
        np.testing.assert_array_equal(found.flux[0], whole.flux[row])


def test_a_file_named_by_its_id_is_read_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = samples.paths()[3]
    name = str(read([str(source)]).ids[0])
    shutil.copy(source, tmp_path / f"spec-{name}.fits")
    (tmp_path / "other.fits").write_bytes(b"damaged")
    finder = SpectrumFinder([tmp_path])
    monkeypatch.setattr(finder, "start", lambda: pytest.fail("the other files were read"))
    assert finder.find(name).ids.tolist() == [name]


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(MissingSpectrum, match="no spectra were given"):
        SpectrumFinder([]).find("a")
    shutil.copy(samples.paths()[0], tmp_path)
    (tmp_path / "bad.fits").write_bytes(b"SIMPLE  = damaged")
    with pytest.raises(MissingSpectrum, match=r"no spectrum 'a' in the 2 files .*bad\.fits"):
        SpectrumFinder([tmp_path]).find("a")


def test_nobody_waits_for_thousands_of_files(monkeypatch: pytest.MonkeyPatch) -> None:
    finder = SpectrumFinder([samples.DIRECTORY])
    monkeypatch.setattr(module, "PATIENCE", 0.05)
    monkeypatch.setattr(finder, "_learn", lambda: None)  # never complete
    with pytest.raises(MissingSpectrum, match="not found yet: 0 of 12 files"):
        finder.find("a")


def test_limits_hold_the_model_and_do_without_the_worst_pixels() -> None:
    flux, model = np.zeros(1000), np.full(1000, np.nan)
    flux[3], model[5] = 1e9, 7.0
    low, high = limits(flux, model)
    assert low < 0
    assert 7.0 < high < 10.0
    assert limits(np.full(3, np.nan), model[:3]) == (0.0, 1.0)
