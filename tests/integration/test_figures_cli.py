"""gasnet3 figures as a user runs it, on the bundled spectra."""

from __future__ import annotations

from pathlib import Path

import pytest

from gasnet3 import samples
from gasnet3.catalog import read_catalog, write_catalog
from gasnet3.paper.figures import FIGURES
from warm import run


@pytest.mark.slow
def test_everything_given_draws_every_figure(tmp_path: Path, sample_catalog: Path) -> None:
    history = tmp_path / "encoder-star.history.csv"
    history.write_text("epoch,train_loss,valid_loss\n1,3,4\n2,2,3\n")
    directory = tmp_path / "figures"
    out, err = run(
        *("figures", sample_catalog, "--truth", samples.TRUTH, "--spectra", samples.DIRECTORY),
        *("--history", history, "-o", directory, "--threads", 1),
    )
    wanted = {number: f"{figure.file}.png" for number, figure in FIGURES.items()}
    told = [line for line in err.splitlines() if line]
    # A dozen spectra are four a class: too few for a t-SNE.
    assert told == ["gasnet3: no Fig. A1: no class has 5 spectra with coefficients to project"]
    del wanted["A1"]
    assert {path.name for path in directory.iterdir()} == set(wanted.values())
    assert all((directory / n).read_bytes().startswith(b"\x89PNG") for n in wanted.values())
    assert [line.split("  ")[0] for line in out.splitlines()] == [
        str(directory / name) for name in wanted.values()
    ]
    assert FIGURES["8"].shows in out


def test_a_catalog_alone_draws_what_it_allows_and_tells_the_rest(
    tmp_path: Path, sample_catalog: Path
) -> None:
    table = read_catalog(sample_catalog)
    plain = tmp_path / "plain.fits"
    table.keep_columns(["id", "class", "z", "zwarn", "rchi2", "robustness", "sn_median"])
    write_catalog(table, plain)
    out, err = run("figures", plain, "-o", tmp_path, "--only", "1, 8,a1,14,13", "--kind", "pdf")
    assert {path.name for path in tmp_path.glob("*.pdf")} == {"fig1.pdf", "fig13.pdf"}
    assert len(out.splitlines()) == 2
    told = dict(line.removeprefix("gasnet3: no Fig. ").split(": ", 1) for line in err.splitlines())
    assert set(told) == {"8", "A1", "14"}
    assert "--truth" in told["8"]
    assert "--spectra" in told["14"]
    assert "coeff" in told["A1"]
    assert (tmp_path / "fig1.pdf").read_bytes().startswith(b"%PDF")


def test_pictures_are_not_replaced_unless_told(tmp_path: Path, sample_catalog: Path) -> None:
    (tmp_path / "fig1.png").write_text("mine")
    _, err = run("figures", sample_catalog, "-o", tmp_path, "--only", "1", status=2)
    assert "--overwrite" in err
    assert (tmp_path / "fig1.png").read_text() == "mine"
    run("figures", sample_catalog, "-o", tmp_path, "--only", "1", "--overwrite")
    assert (tmp_path / "fig1.png").read_bytes().startswith(b"\x89PNG")


def test_spectra_of_another_catalog_are_told(tmp_path: Path, sample_catalog: Path) -> None:
    table = read_catalog(sample_catalog)
    table["id"] = [f"other-{i}" for i in range(len(table))]
    write_catalog(table, tmp_path / "other.parquet")
    _, err = run(
        *("figures", tmp_path / "other.parquet", "--spectra", samples.DIRECTORY),
        *("-o", tmp_path, "--only", "2"),
        status=2,
    )
    assert "no Fig. 2" in err
    assert "other-" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "3,8"], "no figure 3; there are 1, 2, 5"),
        (["--history", "none.csv"], "none.csv: no such file"),
        (["--truth", "none.csv"], "none.csv"),
        (["--spectra", "nowhere", "--only", "6"], "nowhere"),
        (["--models", "nowhere", "--only", "7"], "nowhere"),
    ],
)
def test_bad_calls_are_told_in_one_line(
    tmp_path: Path, sample_catalog: Path, arguments: list[str], message: str
) -> None:
    _, err = run("figures", sample_catalog, "-o", tmp_path / "out", *arguments, status=2)
    assert len(err.strip().splitlines()) == 1, err
    assert message in err


def test_no_catalog_and_no_directory(tmp_path: Path, sample_catalog: Path) -> None:
    _, err = run("figures", tmp_path / "none.parquet", "-o", tmp_path / "out", status=2)
    assert "none.parquet" in err
    _, err = run("figures", sample_catalog, "-o", tmp_path / "a" / "b", status=2)
    assert "make it first" in err
    assert list(tmp_path.iterdir()) == []
