"""gasnet3 anomalies as a user runs it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from test_cli import one_line, run

from gasnet3 import ZWarn, io
from gasnet3.catalog import read_catalog, write_catalog
from gasnet3.catalog.schema import ANOMALY_KINDS
from gasnet3.cli.anomalies import Kind
from gasnet3.run.local import classify_files
from toy import save_toys

KINDS = [*ANOMALY_KINDS.values()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Toy models, six mock spectra and their catalog, five of them called strange by hand."""
    home = tmp_path_factory.mktemp("anomalies")
    save_toys(home / "models")
    run("mock", "-n", 6, "--sn", 40, "--seed", 4, "--models", home / "models", "-o", home / "mocks")
    classify_files(home / "mocks", home / "made.parquet", models=home / "models")
    table = read_catalog(home / "made.parquet")
    table["anomaly_score"] = [3.0, 5.0, 2.5, 4.0, 1.0, 3.5]
    table["zwarn"], table["notes"] = [0, 0, 0, int(ZWarn.SKY), 0, 0], [0, 3, 0, 1, 0, 0]
    table["anomaly_kind"] = [KINDS[0], KINDS[1], KINDS[2], KINDS[3], "", KINDS[4]]
    table["anomaly_reason"] = np.array(
        [f"It is strange at {5000 + 100 * i} Å." if i != 4 else "" for i in range(6)]
    )
    table["anomaly_wave"] = [5000.0, 5100.0, 5200.0, 5300.0, np.nan, 5500.0]
    table["z_second"] = [np.nan] * 5 + [0.7]
    for i, name in enumerate(ANOMALY_KINDS):
        table[f"anomaly_{name}"] = np.where(table["anomaly_kind"] == KINDS[i], 3.0, 0.5)
    write_catalog(table, home / "catalog.parquet")
    return home


def test_the_command_knows_every_kind() -> None:
    assert [kind.value for kind in Kind] == [*ANOMALY_KINDS]


def test_the_strangest_are_listed_with_the_reason(folder: Path) -> None:
    out, err = run("anomalies", folder / "catalog.parquet", "-n", 3)
    assert err == ""
    assert "The strangest 3 of 6 spectra; 5 of them have a score of 2 or more" in out
    ids = list(read_catalog(folder / "catalog.parquet")["id"])
    places = [out.index(ids[i]) for i in (1, 3, 5)]
    assert places == sorted(places)
    assert "It is strange at 5100 Å." in out
    assert "      notes: ANOMALY, CLASS_AMBIGUOUS\n" in out
    assert "      zwarn: SKY; notes: ANOMALY\n" in out
    assert ids[0] not in out


def test_the_rows_listed_are_written_as_a_catalog(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "strange.csv"
    arguments = ("--kind", "extreme", "--kind", "second", "-o", path)
    out, _ = run("anomalies", folder / "catalog.parquet", *arguments)
    assert str(path) in out
    found = read_catalog(path)
    assert list(found["anomaly_kind"]) == ["second redshift", "extreme"]
    assert found["z_second"][0] == pytest.approx(0.7)
    assert found.meta["gasnet3"]["solver"] == "hybrid"
    _, err = run("anomalies", folder / "catalog.parquet", "-o", path, status=2)
    assert "--overwrite" in one_line(err)
    out, _ = run("anomalies", path)
    assert "The strangest 2 of 2 spectra; 2 of them" in out


def test_marks_change_the_order(folder: Path, tmp_path: Path) -> None:
    ids = list(read_catalog(folder / "catalog.parquet")["id"])
    (tmp_path / "my.csv").write_text(f"id,interesting\n{ids[1]},no\n{ids[0]},yes\nnobody,yes\n")
    path = tmp_path / "marked.parquet"
    marks = ("--labels", tmp_path / "my.csv", "-o", path)
    out, err = run("anomalies", folder / "catalog.parquet", *marks)
    assert one_line(err).endswith("1 marked spectra are not in the catalog: nobody")
    assert "interest" in out
    found = read_catalog(path)
    assert found["id"][0] == ids[0]
    assert found["id"][-1] == ids[1]
    assert list(found["mark"]).count("") == 4


def test_the_strangest_are_drawn(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "gallery.png"
    run(
        "anomalies", folder / "catalog.parquet", "-n", 2, "--gallery", path,
        "--spectra", folder / "mocks", "--models", folder / "models",
    )  # fmt: skip
    assert path.stat().st_size > 10_000


def test_what_is_ordinary_here_is_not_strange(folder: Path, tmp_path: Path) -> None:
    one = read_catalog(folder / "catalog.parquet")
    rng, rows = np.random.default_rng(2), 150
    many = one[np.arange(rows) % len(one)]
    many["id"] = [f"s{i}" for i in range(rows)]
    many["field"] = np.where(np.arange(rows) < 120, "north", "south")
    many["anomaly_defect"] = rng.uniform(2.0, 4.0, rows)
    many["anomaly_defect"][[3, 140]] = 12.0
    for name in ("incomplete", "extreme", "ambiguous", "second"):
        many[f"anomaly_{name}"] = 0.2
    many["anomaly_score"] = many["anomaly_defect"]
    write_catalog(many, tmp_path / "many.fits")
    path = tmp_path / "here.fits"
    options = ("--ordinary-here", path, "--group", "field", "-n", 2)
    out, err = run("anomalies", tmp_path / "many.fits", *options)
    assert "south: 30 spectra, fewer than 100: the scores stay as they are" in one_line(err)
    assert "north: 120 spectra, 120 were strange, 1 are (defect by" in out.replace("\n", " ")
    after = read_catalog(path)
    assert [str(name) for name in after["id"]] == [str(name) for name in many["id"]]
    score = np.asarray(after["anomaly_score"])
    assert np.flatnonzero(score[:120] >= 2).tolist() == [3]
    assert (score[120:] == np.asarray(many["anomaly_score"])[120:]).all()
    groups = after.meta["gasnet3"]["ordinary_here"]
    assert [group["group"] for group in groups] == ["north", "south"]
    out, _ = run("anomalies", path, "-n", 1)
    assert "s140" in out
    run("report", path, "-o", tmp_path / "report.html")
    assert "ordinary_here" in (tmp_path / "report.html").read_text()
    _, err = run("anomalies", path, "--ordinary-here", tmp_path / "again.fits", status=2)
    assert "compared with its own spectra already" in one_line(err)


def test_nothing_strange_is_said_so(folder: Path) -> None:
    out, _ = run("anomalies", folder / "catalog.parquet", "--min-score", 9)
    assert "none of 6 rows has a score of 9 or more" in out


def test_bad_calls_are_told_in_one_line(folder: Path, tmp_path: Path) -> None:
    catalog = folder / "catalog.parquet"
    picture = ("--gallery", tmp_path / "a.png")
    twice = ("--ordinary-here", tmp_path / "b.csv")
    (tmp_path / "my.csv").write_text("id,kind\na,defect\n")
    table = read_catalog(catalog)
    table.remove_columns(["anomaly_reason", "anomaly_score"])
    write_catalog(table, tmp_path / "old.csv")
    flux = io.read([folder / "mocks"])
    np.savez(tmp_path / "other.npz", flux=flux.flux, ivar=flux.ivar, loglam=flux.lattice.loglam)
    for arguments, message in (
        ((tmp_path / "none.csv",), "there is no such file"),
        ((tmp_path / "old.csv",), "classify the spectra again with this version"),
        ((catalog, "--labels", tmp_path / "my.csv"), "it needs id and interesting"),
        ((catalog, *picture), "give both or neither"),
        ((catalog, "--group", "file"), "give that too"),
        ((catalog, "--ordinary-here", tmp_path / "b.csv", "--group", "odd"), "no column 'odd'"),
        ((catalog, "--ordinary-here", catalog), "exists already"),
        ((catalog, *twice, "-o", tmp_path / "b.csv"), "already"),
        ((catalog, "-o", tmp_path / "a.txt"), "use one of .parquet"),
        ((catalog, *picture, "--spectra", tmp_path / "other.npz"), "not in these files"),
        ((catalog, *picture, "--spectra", folder / "mocks", "--min-score", 9), "no spectrum"),
    ):
        _, err = run("anomalies", *arguments, status=2)
        assert message in one_line(err)
    _, err = run("anomalies", catalog, "--kind", "odd", status=2)
    assert "'odd' is not one of 'defect'" in err
