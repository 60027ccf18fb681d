"""Files in every generic form go through inspect and classify, and come out as the spec files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table
from typer.testing import CliRunner

import strangers
from gasnet3.catalog import read_catalog
from gasnet3.cli import app
from gasnet3.io import read
from gasnet3.io.inspect.inspecting import inspect_file
from gasnet3.io.inspect.report import Inspected
from gasnet3.io.options import DEFAULT
from gasnet3.pipeline.pipeline import Pipeline
from gasnet3.spectra.batch import Spectra

SAMPLES = strangers.chosen()
ESTIMATED = ("IRAF log", "two columns")
"""Forms without errors."""

RESAMPLED = ("MUSE", "AWAV-LOG", "GAMA", "6dF", "2dF", "wide")
"""Forms on other wavelengths: interpolation smooths the noise."""


@pytest.fixture(scope="module")
def inspected(
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, tuple[list[Inspected], Spectra]]:
    """All forms, written and inspected."""
    found = {}
    for number, (name, write) in enumerate(strangers.FORMS.items()):
        paths = write(tmp_path_factory.mktemp(f"form{number:03d}-"), SAMPLES)
        told = [inspect_file(path, strangers.TOLD.get(name, DEFAULT)) for path in paths]
        spectra = Spectra.concatenate([spectra for _, spectra in told])
        found[name] = [report for report, _ in told], spectra
    return found


@pytest.fixture(scope="module")
def original() -> Table:
    """The catalog of the spec files."""
    return Pipeline.load().run(read([sample.path for sample in SAMPLES]))


@pytest.fixture(scope="module")
def catalogs(
    inspected: dict[str, tuple[list[Inspected], Spectra]], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Table]:
    """The catalog of each form: all those that tell all in one run of the command."""
    named = [form for form in inspected if form not in strangers.TOLD]
    files = [str(report.path) for form in named for report in inspected[form][0]]
    output = tmp_path_factory.mktemp("run") / "catalog.parquet"
    options = ["-o", str(output), "--workers", "1", "--threads", "1"]
    result = CliRunner().invoke(app, ["classify", *files, *options])
    assert result.exit_code == 0, result.output
    table, n = read_catalog(output), len(SAMPLES)
    assert len(table) == n * len(named)
    # Files are worked on in the order of their names, and so are their forms.
    found = {form: table[at * n : (at + 1) * n] for at, form in enumerate(named)}
    pipeline = Pipeline.load()
    return found | {form: pipeline.run(inspected[form][1]) for form in strangers.TOLD}


@pytest.mark.parametrize("form", strangers.FORMS)
def test_class_and_redshift_are_those_of_the_spec_file(
    form: str, catalogs: dict[str, Table], original: Table
) -> None:
    table = catalogs[form]
    assert table["class"].tolist() == [sample.cls for sample in SAMPLES]
    # A pixel is 2.3e-4 in Δz/(1+z); interpolation and estimated noise move a redshift a little.
    moved = form in (*RESAMPLED, *ESTIMATED, "NaN", "mask", "5000 to 7000", "SPARCL")
    limit = 1e-4 if moved else 1e-9
    error = np.abs(table["z"] - original["z"]) / (1 + original["z"])
    assert error.max() < limit, error


@pytest.mark.parametrize("form", strangers.FORMS)
def test_what_is_told(form: str, inspected: dict[str, tuple[list[Inspected], Spectra]]) -> None:
    reports, spectra = inspected[form]
    report = reports[0]
    roles = {role for role, _ in report.understood.used}
    assert "flux" in roles
    assert roles & {"wave", "loglam"}
    assert sum(report.rows for report in reports) == len(SAMPLES) == len(spectra)
    assert report.next.startswith("gasnet3 classify ")
    assert report.sn[1] == pytest.approx(10.0, rel=0.6)
    if form in ESTIMATED:
        assert np.isnan(report.noise_ratio)
    elif form not in RESAMPLED:
        assert report.noise_ratio == pytest.approx(1.0, abs=0.1)
    expected = {"5000 to 7000": "little of the lattice", "NaN": "10% of the pixels"}
    smoothed = "neighbouring pixels scatter only" if form in RESAMPLED else "no warning"
    for text in report.warnings:
        assert text.startswith(expected.get(form, smoothed))
    assert len(report.warnings) == 1 or form not in expected


def test_ids_are_those_of_the_files(
    inspected: dict[str, tuple[list[Inspected], Spectra]], tmp_path: Path
) -> None:
    for form in ("Marz", "MMU", "NetCDF", "big-endian HDF5", "nested Parquet", "SPARCL", "tidy"):
        assert inspected[form][1].ids.tolist() == [sample.id for sample in SAMPLES], form
    _, spectra = inspected["tables"]
    assert spectra.meta["extname"].tolist() == [sample.id.upper() for sample in SAMPLES]
