"""A stranger's files through the commands: the answers are those of the survey's own files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table
from typer.testing import CliRunner

from gasnet3 import io, samples
from gasnet3.catalog import read_catalog
from gasnet3.cli import app
from gasnet3.spectra.airvac import vacuum_to_air

LIGHT = 2.99792458e18  # Å/s


def call(*arguments: object, status: int = 0) -> str:
    """Run a command in this process, with the solver that is quickest."""
    result = CliRunner().invoke(app, [*map(str, arguments), "--solver", "amortised", "--quiet"])
    assert result.exit_code == status, result.output
    return result.output


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first three bundled spectra as CSV, ECSV and FITS, each in units of its own."""
    directory = tmp_path_factory.mktemp("stranger")
    for name, path in zip(("a.csv", "b.ecsv", "c.fits"), samples.paths(), strict=False):
        spectrum = io.read(path)
        seen = spectrum.ivar[0] > 0
        wave, flux = 10 ** spectrum.lattice.loglam[seen], spectrum.flux[0][seen].astype(float)
        error = spectrum.ivar[0][seen].astype(float) ** -0.5
        if name == "a.csv":
            columns = np.column_stack([wave / 1e4, flux, error])
            np.savetxt(directory / name, columns, delimiter=",", header="x,y,dy", comments="")
            continue
        nu = name == "c.fits"
        factor = 1e-17 * wave**2 / LIGHT / 1e-26 if nu else 1e-17
        table = Table(
            {"wave_air": vacuum_to_air(wave), "flux": flux * factor, "err": error * factor}
        )
        table["wave_air"].unit = "Angstrom"
        for column in ("flux", "err"):
            table[column].unit = "mJy" if nu else "erg/(s cm2 Angstrom)"
        table.write(directory / name)
    return directory


def test_the_answers_are_those_of_the_survey_files(files: Path, tmp_path: Path) -> None:
    out = tmp_path / "generic.csv"
    call("classify", files / "b.ecsv", files / "c.fits", "-o", out)
    expected = tmp_path / "survey.csv"
    call("classify", *samples.paths()[:3], "-o", expected)
    told = tmp_path / "told.csv"
    said = ["--column", "wave=x", "--column", "flux=y", "--column", "error=dy", "--unit", "wave=um"]
    call("classify", files / "a.csv", *said, "-o", told)
    right = read_catalog(expected)
    for row, found in enumerate([*read_catalog(told), *read_catalog(out)]):
        assert found["class"] == right["class"][row]
        assert found["z"] == pytest.approx(right["z"][row], abs=1e-6)
        assert found["rchi2"] == pytest.approx(right["rchi2"][row], rel=1e-3)


def test_what_cannot_be_told_is_asked_for(files: Path, tmp_path: Path) -> None:
    output = call("classify", files / "a.csv", "-o", tmp_path / "x.csv", status=1)
    assert "--column flux=NAME" in " ".join(output.split())
