"""gasnet3 measure as a user runs it."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.table import Table

from gasnet3 import MeasureWarn, samples
from gasnet3.catalog import read_catalog
from warm import run

SOME = [str(path) for path in samples.paths()[:5]]


@pytest.fixture(scope="module")
def redshifts(tmp_path_factory):
    """The true redshifts under names of another survey, without the third of the samples."""
    table = Table.read(samples.TRUTH)["id", "class", "z"]
    table.remove_row(2)
    table.rename_columns(["id", "class", "z"], ["TARGETID", "CLASS", "Z"])
    path = tmp_path_factory.mktemp("truth") / "redshifts.csv"
    table.write(path)
    return path


def test_dispersions_and_lines_of_files(redshifts, tmp_path):
    out, _ = run("measure", redshifts, *SOME, "-o", tmp_path / "m.parquet")
    assert "a star: nothing is measured" in out
    table = read_catalog(tmp_path / "m.parquet")
    assert table["class"].tolist() == ["STAR", "GALAXY", "", "STAR", "GALAXY"]
    warned = [MeasureWarn(int(one)) for one in table["measure_warn"]]
    assert MeasureWarn.STAR in warned[0]
    assert warned[2] == MeasureWarn.NO_REDSHIFT
    galaxy = table[4]
    assert 50 < galaxy["vdisp"] < 500
    assert galaxy["halpha_flux"] > 3 * galaxy["halpha_flux_err"]
    assert table["vdisp"].unit == "km s-1"
    assert str(redshifts) in str(table.meta["gasnet3"]["catalog"])


def test_workers_and_batches_give_the_same_bytes(redshifts, tmp_path):
    run("measure", redshifts, *SOME, "-o", tmp_path / "a.parquet", "--only", "vdisp", "-q")
    for options in (["--batch-size", "2"], ["--workers", "2", "--threads", "1"]):
        run(
            "measure", redshifts, *SOME, "-o", tmp_path / "b.parquet", "--only", "vdisp", "-q",
            "--overwrite", *options,
        )  # fmt: skip
        assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    assert "halpha_flux" not in read_catalog(tmp_path / "a.parquet").colnames


def test_a_broken_file_is_listed_and_the_rest_measured(redshifts, tmp_path):
    (tmp_path / "broken.fits").write_bytes(b"SIMPLE  = nothing")
    _, err = run(
        "measure", redshifts, tmp_path / "broken.fits", SOME[4], "-o", tmp_path / "m.fits",
        "--only", "lines", status=1,
    )  # fmt: skip
    assert "broken.fits" in err
    table = read_catalog(tmp_path / "m.fits")
    assert np.isfinite(table["halpha_flux"][-1])


def test_a_catalog_without_redshifts_is_refused(tmp_path):
    Table({"id": ["a"], "mag": [1.0]}).write(tmp_path / "t.csv")
    _, err = run("measure", tmp_path / "t.csv", SOME[0], "-o", tmp_path / "m.parquet", status=2)
    assert "needs a column of ids" in err
    _, err = run("measure", tmp_path / "no.csv", SOME[0], "-o", tmp_path / "m.parquet", status=2)
    assert "no.csv" in err
    assert not (tmp_path / "m.parquet").exists()
