"""gasnet3 judgements, as a user runs it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table
from typer.testing import CliRunner

from gasnet3.catalog import write_catalog
from gasnet3.cli import app
from gasnet3.evaluate.judgements import read_judgements

MINE = "id,VI_SCANNER,VI_QUALITY,VI_CLASS,VI_Z\na,anna,4,QSO,1\nb[red],anna,4,GALAXY,0.1\n"
THEIRS = "id,VI_SCANNER,VI_QUALITY,VI_CLASS,VI_Z\na,ben,4,QSO,1.001\nb[red],ben,1,STAR,0.1\n"


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("mine.csv").write_text(MINE)
    Path("theirs.csv").write_text(THEIRS)
    return tmp_path


def run(*arguments: str, status: int = 0) -> str:
    result = CliRunner().invoke(app, ["judgements", *arguments])
    assert result.exit_code == status, result.output
    return result.output


def test_two_files_are_merged_and_conflicts_listed(files: Path) -> None:
    told = run("mine.csv", "theirs.csv", "-o", "merged.csv", "--conflicts", "conflicts.csv")
    for text in ("1 50.0%", "b[red]", "class, quality", "anna: 4 GALAXY z = 0.1", "3.25"):
        assert text in told
    assert len(read_judgements("merged.csv")) == 4
    assert {row.id for row in read_judgements("conflicts.csv")} == {"b[red]"}
    again = run("merged.csv", "theirs.csv", "-o", "again.csv")
    assert Path("again.csv").read_bytes() == Path("merged.csv").read_bytes()
    assert "b[red]" in again


def test_a_catalog_is_measured(files: Path) -> None:
    columns = {"id": ["a", "b[red]"], "class": ["QSO", "GALAXY"], "z": [1.0, 0.1]}
    write_catalog(Table({**columns, "zwarn": np.zeros(2, np.int64)}), "catalog.parquet")
    told = run("mine.csv", "theirs.csv", "--catalog", "catalog.parquet")
    assert "100.0%" in told.split("Catalog by the judgements")[1]
    told = run("mine.csv", "theirs.csv", "--catalog", "catalog.parquet", "--arbiter", "anna")
    assert "GALAXY │ 1" in told
    assert "sure of 2 of 2 judged spectra\n" in told
    write_catalog(Table({name: cells[:1] for name, cells in columns.items()}), "less.parquet")
    told = run("mine.csv", "--catalog", "less.parquet")
    assert "sure of 2 of 2 judged spectra, 1 of them not in the catalog: b[red]" in told


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["absent.csv"], "absent.csv: cannot be read, No such file"),
        (["mine.csv", "-o", "merged.txt"], "use one of .csv"),
        (["mine.csv", "-o", "theirs.csv"], "exists already"),
        (["mine.csv", "--catalog", "none.parquet"], "there is no such file"),
        (["mine.csv", "--arbiter", "eve"], "judged nothing here; anna did"),
        (["bad.csv"], "bad.csv, line 2: VI_QUALITY is '9'"),
    ],
)
def test_bad_usage_is_one_line(files: Path, arguments: list[str], message: str) -> None:
    Path("bad.csv").write_text("id,VI_QUALITY\na,9\n")
    told = run(*arguments, status=2)
    assert message in told
    assert told.count("\n") == 1
