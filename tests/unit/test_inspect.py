"""gasnet3 inspect: what is told of good, odd and unreadable files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import strangers
from gasnet3 import samples
from gasnet3.cli import app
from gasnet3.cli.show_inspected import show_inspected
from gasnet3.io import READERS
from gasnet3.io.inspect.believable import error_ratio, other_reading, scatter
from gasnet3.io.inspect.inspecting import LOOKED_AT, inspect_file
from gasnet3.spectra.batch import Spectra
from gasnet3.spectra.resample import Unplaced, watched

SAMPLE = strangers.chosen(2)[1]
RUNNER = CliRunner()


def told(*arguments: str | Path, status: int = 0) -> str:
    """What the command prints."""
    result = RUNNER.invoke(app, ["inspect", *map(str, arguments)])
    assert result.exit_code == status, result.output
    return result.output


def warned(path: Path, *arguments: str) -> list[str]:
    """Warnings of one file."""
    (report,) = json.loads(told(path, "--json", *arguments))
    return list(report["warnings"])


def table(path: Path, **columns: object) -> Path:
    strangers.columns(path, **columns)
    return path


def test_a_spec_file() -> None:
    output = told(samples.paths()[0])
    for text in ("sdss-spec", "4076 pixels, logarithmic", "column FLUX of HDU 1", "S/N"):
        assert text in output
    assert f"gasnet3 classify {samples.paths()[0]} -o catalog.parquet" in output
    assert "warning" not in output


def test_lines_fit_a_terminal(tmp_path: Path) -> None:
    path = table(tmp_path / "nm.fits", wave=SAMPLE.wave / 10, flux=SAMPLE.flux)
    lines = told(path).splitlines()[1:]
    assert max(len(line) for line in lines if not line.startswith("next")) <= 80


def test_several_files_and_json(tmp_path: Path) -> None:
    files = samples.paths()[:2]
    reports = json.loads(told(*files, "--json"))
    assert [report["path"] for report in reports] == [str(path) for path in files]
    assert reports[0]["grids"][0]["spacing"] == "logarithmic"
    assert reports[0]["grids"][0]["step_km_s"] == pytest.approx([69.0, 69.1], abs=0.1)
    assert reports[0]["noise_ratio"] == pytest.approx(1.0, abs=0.1)


def test_wavelengths_in_nanometres_said_to_be_angstrom(tmp_path: Path) -> None:
    from astropy import units

    columns = {"flux": SAMPLE.flux, "error": SAMPLE.error}
    path = table(tmp_path / "nm.fits", wave=SAMPLE.wave / 10 * units.AA, **columns)
    assert any("--unit wave=nm" in text for text in warned(path))
    assert warned(path, "--unit", "wave=nm") == []
    assert "--unit wave=nm -o" in told(path, "--unit", "wave=nm")


@pytest.mark.parametrize("truth", ["variance", "ivar"])
def test_errors_that_are_something_else(tmp_path: Path, truth: str) -> None:
    # At an error of 1 all of them were the same.
    scale = 5.0
    values = {"variance": (scale * SAMPLE.error) ** 2, "ivar": SAMPLE.ivar / scale**2}[truth]
    path = table(tmp_path / "x.fits", wave=SAMPLE.wave, flux=scale * SAMPLE.flux, err=values)
    (text,) = warned(path)
    assert f"--column {truth}=NAME" in text
    assert warned(path, "--column", f"{truth}=err") == []


def test_errors_in_another_unit(tmp_path: Path) -> None:
    columns = {"wave": SAMPLE.wave, "flux": SAMPLE.flux}
    (text,) = warned(table(tmp_path / "low.fits", error=SAMPLE.error / 3.1, **columns))
    assert text.startswith("neighbouring pixels scatter 3.1 times as much")
    (text,) = warned(table(tmp_path / "high.fits", error=SAMPLE.error * 3.1, **columns))
    assert text.startswith("neighbouring pixels scatter only 0.32 times")


def test_masks(tmp_path: Path) -> None:
    columns = {"wave": SAMPLE.wave, "flux": SAMPLE.flux}
    ivar = np.where(np.arange(len(SAMPLE.ivar)) % 100 < 52, 0.0, SAMPLE.ivar)
    (text,) = warned(table(tmp_path / "x.fits", ivar=ivar, **columns))
    assert text.startswith("52% of the pixels are masked or have zero ivar")
    (text,) = warned(table(tmp_path / "y.fits", ivar=0.0 * ivar, **columns))[:1]
    assert text == "1 of 1 spectra have no usable pixel: NODATA"


def test_flux_per_frequency_in_an_unknown_unit(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    strangers.text(path, "wave,flux_nu,err", SAMPLE.wave, SAMPLE.flux, SAMPLE.error, mark=",")
    assert "F_nu" in " ".join(warned(path, "--column", "flux=flux_nu"))
    units = ("--column", "flux=flux_nu", "--unit", "flux=mJy", "--unit", "error=mJy")
    assert warned(path, *units) == []


def test_ids_that_are_not_unique_and_one_row(tmp_path: Path) -> None:
    from astropy.table import Table

    pair = [SAMPLE, SAMPLE]
    path = tmp_path / "pair.fits"
    rows = {name: strangers.rows(pair, name.lower()) for name in ("WAVE", "FLUX", "IVAR")}
    Table({"ID": ["same", "same"], **rows}).write(path)
    (text,) = warned(path)
    assert text.startswith("1 ids are not unique, as 'same'")
    assert warned(path, "--row", "1") == []
    output = told(path, "--row", "2", status=2)
    assert "it holds 2 spectra, rows 0 to 1: no row 2" in output


def test_picture(tmp_path: Path) -> None:
    picture = tmp_path / "x.png"
    assert str(picture) in told(samples.paths()[0], "-o", picture).replace("\n", "")
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "exists already" in told(samples.paths()[0], "-o", picture, status=2)
    two = samples.paths()[:2]
    assert "one file, 2 were named" in told(*two, "-o", picture, "--overwrite", status=2)


def test_unreadable_files(tmp_path: Path) -> None:
    for name, content, why in (
        ("empty.csv", b"", "the file is empty"),
        ("x.dat", b"\x89PNG\r\n\x1a\n", "it is binary"),
        ("x.toml", b"[project]\nname = 1\n", "it is text and begins with '[project]'"),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        output = " ".join(told(path, status=1).split())
        assert why in output
        assert all(reader.name in output for reader in READERS)
    path = table(tmp_path / "x.fits", a=SAMPLE.wave, b=SAMPLE.flux)
    output = " ".join(told(path, status=1).split())
    assert "say it with --column flux=NAME" in output
    (report,) = json.loads(told(path, "--json", status=1))
    assert "which array is the flux" in report["tried"]["fits"]
    # A good one beside it is still told of.
    assert "sdss-spec" in told(path, samples.paths()[0], status=1)
    assert "no such file" in told(tmp_path / "nothing.fits", status=2)


def test_only_the_first_spectra_of_a_large_file_are_looked_at(tmp_path: Path) -> None:
    n = LOOKED_AT + 7
    spectra = Spectra.from_arrays(np.ones((n, 40)), np.ones((n, 40)), np.arange(5000.0, 5040.0))
    path = tmp_path / "x.npz"
    np.savez(path, flux=spectra.flux, ivar=spectra.ivar, loglam=spectra.lattice.loglam)
    report, looked = inspect_file(path)
    assert (report.rows, report.looked_at, len(looked)) == (n, (0, LOOKED_AT), LOOKED_AT)


def test_what_is_rebinned_is_seen_once_and_only_inside() -> None:
    wave = np.array([5000.0, 4999.0, 4998.0])
    with watched() as seen:
        Spectra.from_arrays([1.0, 2.0, 3.0], [1.0, 1.0, 0.0], wave)
    Spectra.from_arrays([1.0, 2.0, 3.0], [1.0, 1.0, 0.0], wave)
    (one,) = seen
    np.testing.assert_allclose(10**one.loglam, wave[::-1])
    assert (one.flux.tolist(), one.ivar.tolist()) == ([3.0, 2.0, 1.0], [0.0, 1.0, 1.0])


def test_noise_seen_is_the_noise_there_is() -> None:
    rng = np.random.default_rng(1)
    error = np.linspace(0.5, 2.0, 4000)
    slope = 100.0 + 0.05 * np.arange(4000)
    flux = slope + rng.normal(size=4000) * error
    flux[::200] = np.nan
    seen, stated = scatter([Unplaced(np.arange(4000.0), flux, error**-2.0)])
    assert error_ratio(seen, stated) == pytest.approx(1.0, abs=0.05)
    assert other_reading(seen, stated, "error") == ""
    assert np.isnan(error_ratio(*scatter([])))


ODD = st.sampled_from([0.0, 1.0, -1.0, 1e-300, 1e300, float("nan"), float("inf"), 3.5e38])


@settings(max_examples=40)
@given(
    flux=st.lists(ODD, min_size=3, max_size=80),
    ivar=st.lists(ODD, min_size=3, max_size=80),
    first=st.sampled_from([1.0, 360.0, 3000.0, 5000.0, 30000.0]),
    step=st.sampled_from([1e-3, 1.0, 500.0]),
)
def test_any_numbers_are_told(
    flux: list[float], ivar: list[float], first: float, step: float, tmp_path: Path
) -> None:
    n = min(len(flux), len(ivar))
    path = tmp_path / "x.npz"
    np.savez(path, flux=flux[:n], ivar=ivar[:n], wave=first + step * np.arange(n))
    report, _ = inspect_file(path)
    show_inspected(report)
    # Fewer than 443 pixels of the lattice are too few, or none: something must be said.
    assert report.rows == 1
    assert report.warnings
