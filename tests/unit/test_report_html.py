"""The pieces of the report, and pages of catalogs that lack this or that."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

from gasnet3.flags import Notes, ZWarn
from gasnet3.report import columns
from gasnet3.report.columns import ReportError
from gasnet3.report.html import page

EVIL = "</script><script>alert('x')</script><b>&"


def catalog(n: int = 60, seed: int = 0) -> Table:
    """A catalog as gasnet3 classify makes them, of made-up numbers."""
    rng = np.random.default_rng(seed)
    cls = rng.choice(["STAR", "GALAXY", "QSO"], n)
    score = rng.exponential(0.6, n)
    strange = score >= 2
    return Table(
        {
            "id": [f"spec-{i:05d}" for i in range(n)],
            "class": cls,
            "z": rng.uniform(0, 2, n),
            "zwarn": np.where(np.arange(n) % 7 == 0, int(ZWarn.Z_UNCERTAIN), 0),
            "notes": np.where(strange, int(Notes.ANOMALY), 0),
            "rchi2": rng.lognormal(0, 0.2, n),
            "robustness": rng.lognormal(-2, 1, n),
            "p_star": np.full(n, 0.9),
            "p_galaxy": rng.uniform(size=n),
            "p_qso": rng.uniform(size=n),
            "p_z": rng.uniform(size=n),
            "sn_median": rng.lognormal(1.5, 0.8, n),
            "anomaly_score": score,
            "anomaly_kind": np.where(strange, "defect", ""),
            "anomaly_reason": np.where(strange, "the flux is negative about 4000 Å", ""),
        }
    )


def written(table: Table, directory: Path, **options: object) -> str:
    path = page.write_report(table, directory / "report.html", **options)  # type: ignore[arg-type]
    assert [p.name for p in directory.iterdir() if p.suffix == ".html"] == ["report.html"]
    return path.read_text(encoding="utf-8")


def body(text: str) -> str:
    return text[text.index("<body>") :]


def test_the_page_names_counts_flags_and_the_strangest(tmp_path: Path) -> None:
    table = catalog(300)
    text = body(written(table, tmp_path))
    strange = int((table["anomaly_score"] >= 2).sum())
    assert "<b>300</b>spectra" in text
    assert f"<b>{strange}</b>strange" in text
    assert "Z_UNCERTAIN" in text
    assert "ANOMALY" in text
    first = table["id"][int(np.argmax(table["anomaly_score"]))]
    assert f"<h3>1. {first}</h3>" in text


def test_the_page_asks_nothing_of_the_network(tmp_path: Path) -> None:
    text = written(catalog(), tmp_path)
    assert re.findall(r"<script[^>]+src=", text) == []
    markup = re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
    assert re.findall(r"(?:src|href)=\"(?!data:|#)[^\"]*", markup) == []


@pytest.mark.parametrize("n", [0, 1, 5])
def test_a_catalog_of_id_class_and_z_is_enough(tmp_path: Path, n: int) -> None:
    text = body(written(catalog(n)["id", "class", "z"], tmp_path))
    assert f"<b>{n}</b>spectra" in text
    assert ("no rows" in text) == (n == 0)
    assert "with a warning</div>" not in text


def test_nan_everywhere_is_no_obstacle(tmp_path: Path) -> None:
    table = catalog()
    for name in table.colnames:
        if table[name].dtype.kind == "f":
            table[name] = np.nan
    assert "<b>60</b>spectra" in body(written(table, tmp_path))


def test_a_missing_column_is_told() -> None:
    with pytest.raises(ReportError, match="no column class"):
        columns.best_solutions(catalog()["id", "z"])


def test_a_column_of_text_in_place_of_numbers_is_told() -> None:
    with pytest.raises(ReportError, match="column z of the catalog holds no numbers"):
        columns.numbers(Table({"z": ["far"]}), "z")


def test_only_the_best_solutions_count_and_the_page_says_so(tmp_path: Path) -> None:
    table = catalog()
    table["znum"] = np.arange(60) % 2
    text = body(written(table, tmp_path))
    assert "<b>30</b>spectra" in text
    assert "30 rows with further solutions are left out" in text


def test_texts_are_escaped(tmp_path: Path) -> None:
    table = catalog()
    table["id"] = [EVIL] * len(table)
    table["anomaly_reason"] = [EVIL] * len(table)
    table.meta["gasnet3"] = {"solver": EVIL}
    assert "<script>alert(" not in written(table, tmp_path)


def test_many_rows_are_thinned_with_the_strangest_and_the_least_sure_kept() -> None:
    table = catalog(1000)
    rows = columns.thinned(table, 100)
    assert len(rows) == len(set(rows.tolist())) == 100
    assert set(columns.strangest(table, 10)) <= set(rows)
    assert set(columns.unsurest(table, 10)) <= set(rows)
    assert (columns.thinned(table, 1000) == np.arange(1000)).all()


def test_a_thinned_page_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "MAX_ROWS", 50)
    text = body(written(catalog(200), tmp_path))
    assert "50 of 200 spectra are shown here" in text
    assert "<b>200</b>spectra" in text


def test_confusion_is_that_of_the_truth(tmp_path: Path) -> None:
    table = catalog()
    truth = table["id", "class", "z"]
    truth["class"][table["class"] == "QSO"] = "STAR"
    text = body(written(table, tmp_path, truth=truth))
    stars = int((truth["class"] == "STAR").sum())
    assert f"STAR ({stars})" in text
    right = int((table["class"] == truth["class"]).sum())
    assert f"Accuracy {100 * right / 60:.2f} % of 60" in text


def test_the_class_probability_is_that_of_the_chosen_class() -> None:
    table = catalog()
    assert (columns.p_class(table)[table["class"] == "STAR"] == 0.9).all()


def test_a_failed_page_leaves_the_old_one(tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text("old")
    with pytest.raises(ReportError):
        page.write_report(catalog()["id", "z"], tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text() == "old"
