"""Catalogs read column by column: the same values, and no more of the file than is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.table import Table

from gasnet3.anomaly.ranking import strangest
from gasnet3.catalog import layout, make_catalog, parquet, read_catalog, write_catalog
from gasnet3.catalog.files import open_catalog, read_alike
from gasnet3.catalog.parquet import ParquetColumns
from gasnet3.evaluate.evaluation import evaluate

ROWS = 50


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A catalog of several row groups."""
    monkeypatch.setattr(layout.Layout.blocks, "__defaults__", (7,))
    rng = np.random.default_rng(3)
    columns: dict[str, Any] = {
        "id": [f"s{i}" for i in range(ROWS)],
        "class": ["STAR", "GALAXY"] * (ROWS // 2),
        "z": rng.uniform(0, 1, ROWS),
        "coeff": rng.normal(size=(ROWS, 3)),
        "anomaly_score": rng.exponential(1, ROWS),
        "anomaly_kind": ["extreme", ""] * (ROWS // 2),
        "anomaly_reason": ["é" * (i % 5) for i in range(ROWS)],
    }
    path = tmp_path / "catalog.parquet"
    write_catalog(make_catalog(columns, {"ra": rng.uniform(0, 9, ROWS)}, {"n": 1}), path)
    return path


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Columns that are read, and of how many rows."""
    found: list[tuple[str, int]] = []
    take = ParquetColumns.take

    def told(self: ParquetColumns, name: str, rows: Any) -> Any:
        values = take(self, name, rows)
        found.append((name, len(values)))
        return values

    monkeypatch.setattr(ParquetColumns, "take", told)
    return found


def test_any_rows_of_any_column(path: Path) -> None:
    whole, lazy = read_catalog(path), open_catalog(path)
    assert lazy.colnames == whole.colnames
    assert len(lazy) == ROWS
    rng = np.random.default_rng(1)
    picks = (slice(3, 20), rng.permutation(ROWS)[:30], np.array([9, 9, 2]), np.arange(0))
    for name in whole.colnames:
        assert lazy[name].dtype == whole[name].dtype
        np.testing.assert_array_equal(lazy[name], whole[name])
        for rows in picks:
            np.testing.assert_array_equal(lazy[rows][name], whole[rows][name])
            np.testing.assert_array_equal(lazy[rows][1:][name], whole[rows][1:][name])
    table = lazy[5:9].table()
    assert isinstance(table, Table)
    assert table.meta == whole.meta
    assert [str(c.unit) for c in table.itercols()] == [str(c.unit) for c in whole.itercols()]


def test_metrics_take_the_columns_they_need(path: Path, read: list[tuple[str, int]]) -> None:
    truth = read_catalog(path)["id", "class", "z"]
    found = evaluate(open_catalog(path), truth)
    assert found.n_matched == ROWS
    assert {name for name, _ in read} == {"id", "class", "z"}


def test_the_strangest_are_read_and_no_other(path: Path, read: list[tuple[str, int]]) -> None:
    first = strangest(open_catalog(path), min_score=0.0)[:4].table()
    assert first["id"].tolist() == strangest(read_catalog(path), min_score=0.0)["id"][:4].tolist()
    assert {name for name, rows in read if rows > 4} == {"anomaly_score"}


def test_small_files_come_together_if_they_are_alike(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = read_catalog(path)
    paths, opened = [], []
    for number, start in enumerate(range(0, ROWS, 10)):
        part = whole[start : start + 10]
        part.meta["gasnet3"] = {"n": 1 + (number == 4), "part": number}
        paths.append(tmp_path / f"{number}.parquet")
        write_catalog(part, paths[-1])
    read_whole = parquet.read_whole
    monkeypatch.setattr(parquet, "read_whole", lambda p: (opened.append(p), read_whole(p))[1])
    rows = list(read_alike(paths, "part"))
    assert opened == paths
    assert [len(one) for one in rows] == [40, 10]
    assert [one.meta["gasnet3"] for one in rows] == [{"n": 1}, {"n": 2}]
    assert [name for one in rows for name in one["id"].tolist()] == whole["id"].tolist()
