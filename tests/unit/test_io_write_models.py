"""Files of models: streamed, read back, and read by specutils."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from gasnet3.io import ReadError
from gasnet3.io.write_models import Models, read_models, write_models
from gasnet3.spectra.target import STANDARD


def models(rows: int, first: int = 0) -> Models:
    rng = np.random.default_rng(first)
    model = rng.normal(size=(rows, STANDARD.n)).astype(np.float32)
    model[rows // 2] = np.nan
    return Models(
        ids=np.array([f"é{first + row}" for row in range(rows)]),
        classes=np.array(["QSO", "", "GALAXY"] * rows)[:rows],
        z=np.where(np.arange(rows) % 2, np.nan, 0.1 + 0.2),
        znum=np.arange(rows, dtype=np.int32),
        model=model,
    )


def test_blocks_come_back_as_one_file(tmp_path: Path) -> None:
    path = tmp_path / "models.fits"

    def blocks() -> Iterator[Models]:
        yield models(2)
        yield models(3, 2)

    write_models(path, blocks(), 5)
    (got,) = read_models(path)
    assert list(got.ids) == [f"é{row}" for row in range(5)]
    assert list(got.classes) == ["QSO", "", "QSO", "", "GALAXY"]
    np.testing.assert_array_equal(got.z, [0.1 + 0.2, np.nan, 0.1 + 0.2, np.nan, 0.1 + 0.2])
    assert list(got.znum) == [0, 1, 0, 1, 2]
    np.testing.assert_array_equal(got.model, np.vstack([models(2).model, models(3, 2).model]))
    write_models(tmp_path / "again.fits", read_models(path), 5)
    assert (tmp_path / "again.fits").read_bytes() == path.read_bytes()


def test_specutils_reads_models_and_wavelengths(tmp_path: Path) -> None:
    specutils = pytest.importorskip("specutils")
    some = models(3)
    write_models(tmp_path / "m.fits", [some], 3, unit="1e-17 erg / (s cm2 Angstrom)")
    spectrum = specutils.Spectrum.read(tmp_path / "m.fits", format="wcs1d-fits")
    np.testing.assert_allclose(spectrum.spectral_axis.to_value("AA"), STANDARD.wave, rtol=1e-12)
    np.testing.assert_array_equal(spectrum.flux.value, some.model)
    assert spectrum.flux.unit.to_string() == "1e-17 erg / (Angstrom s cm2)"


@pytest.mark.parametrize("rows", [1, 3])
def test_another_number_of_rows_is_refused_and_leaves_nothing(tmp_path: Path, rows: int) -> None:
    with pytest.raises(ValueError, match=f"expected {rows}"):
        write_models(tmp_path / "m.fits", [models(2)], rows)
    assert list(tmp_path.iterdir()) == []


def test_no_models_and_files_that_hold_none(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no models"):
        write_models(tmp_path / "m.fits", [], 0)
    (tmp_path / "x.fits").write_bytes(b"nonsense")
    with pytest.raises(ReadError, match=r"x\.fits: is no file of models"):
        list(read_models(tmp_path / "x.fits"))
