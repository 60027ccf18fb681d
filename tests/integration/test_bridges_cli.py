"""The catalog as other programs want it, from the command line."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from astropy.io.votable import validate
from astropy.table import Table
from typer.testing import CliRunner

from gasnet3 import samples
from gasnet3.catalog import read_catalog
from gasnet3.cli import app


def run(*arguments: str | Path) -> None:
    done = CliRunner().invoke(app, list(map(str, arguments)))
    assert done.exit_code == 0, done.output


def test_one_run_in_every_form(tmp_path: Path) -> None:
    """Planned and worked once, merged to VOTable and to redrock's FITS: the same rows."""
    run("plan", *samples.paths()[:3], "-o", tmp_path / "run", "--solver", "amortised")
    run("work", tmp_path / "run", "--quiet")
    run("merge", tmp_path / "run", "-o", tmp_path / "a.vot", "--quiet")
    run("merge", tmp_path / "run", "-o", tmp_path / "a.fits", "--dialect", "redrock", "--quiet")
    report = io.StringIO()
    assert validate(str(tmp_path / "a.vot"), output=report), report.getvalue()
    votable, redrock = read_catalog(tmp_path / "a.vot"), read_catalog(tmp_path / "a.fits")
    assert votable.colnames == redrock.colnames
    for name in votable.colnames:
        np.testing.assert_array_equal(votable[name], redrock[name])
    assert votable.meta["gasnet3"] == redrock.meta["gasnet3"]
    assert votable.meta["gasnet3"]["solver"] == "amortised"
    assert str(votable["wave_min"].unit) == "Angstrom"
    fibermap = Table.read(tmp_path / "a.fits", hdu="FIBERMAP")
    assert list(fibermap["TARGETID"]) == list(votable["id"])


def test_an_ending_that_is_none_is_bad_usage(tmp_path: Path) -> None:
    done = CliRunner().invoke(
        app, ["classify", str(samples.paths()[0]), "-o", str(tmp_path / "a.votable")]
    )
    assert done.exit_code == 2
    assert ".vot" in done.output
