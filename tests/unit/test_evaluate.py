"""A catalog against labels, by hand-worked numbers and on the real truth table."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.table import Table
from rich.console import Console

from gasnet3.catalog import make_catalog, read_catalog, read_table, write_catalog
from gasnet3.evaluate.evaluation import Evaluation, evaluate
from gasnet3.evaluate.metrics import Subsets
from gasnet3.evaluate.tables import tables
from gasnet3.evaluate.truth import TruthError, match, normal_id, read_truth

NAN = math.nan


def catalog_of(rows: list[tuple[str, str, float]], **columns: Any) -> Table:
    keys = {name: columns.pop(name) for name in ("file", "targetid") if name in columns}
    ids, classes, z = (list(column) for column in zip(*rows, strict=True)) if rows else ([], [], [])
    return make_catalog({"id": ids, "class": classes, "z": z, **columns}, keys)


def truth_of(rows: list[tuple[str, str, float]], **columns: Any) -> Table:
    ids, classes, z = (list(column) for column in zip(*rows, strict=True)) if rows else ([], [], [])
    return Table({"id": ids, "class": classes, "z": z, **columns})


SKY = ("sky", "SKY", 0.3)
ROWS = [  # id, class, z of the catalog and of the truth
    ("s1", ("STAR", 1e-4), ("STAR", 0.0)),
    ("s2", ("STAR", 1e-3), ("STAR", 0.0)),
    ("g1", ("GALAXY", 0.1), ("GALAXY", 0.1)),
    ("g2", ("QSO", 0.2001), ("GALAXY", 0.2)),  # broad lines
    ("g3", ("QSO", 0.9), ("GALAXY", 0.9)),  # broad lines, too far to be a matter of taste
    ("q1", ("QSO", 1.01), ("QSO", 1.0)),
    ("q2", ("", NAN), ("QSO", 2.0)),
    ("q3", ("STAR", 0.0), ("QSO", -9999.0)),
]
SUB = ["", "", "", "BROADLINE", "AGN BROADLINE", "", "BROADLINE", "BROADLINE"]
ZWARN = [0, 4, 0, 0, 0, 0, 512, 0]


@pytest.fixture
def small() -> Evaluation:
    catalog = catalog_of([(name, *got) for name, got, _ in ROWS], zwarn=ZWARN)
    return evaluate(catalog, truth_of([(name, *true) for name, _, true in ROWS], sub=SUB))


def test_totals(small: Evaluation) -> None:
    assert (small.n, small.n_matched, small.n_truth, small.n_catalog) == (8, 8, 8, 8)
    assert small.accuracy == 4 / 8
    assert (small.n_agn, small.accuracy_agn_either_way) == (1, 5 / 8)
    assert (small.n_z, small.good_fraction) == (7, 4 / 7)  # s1 g1 g2 g3
    assert small.fraction_flagged == 2 / 8
    assert (small.n_unflagged, small.accuracy_unflagged) == (6, 3 / 6)
    assert (small.n_z_unflagged, small.good_fraction_unflagged) == (5, 4 / 5)
    assert small.confusion.tolist() == [[2, 0, 0, 0], [0, 1, 2, 0], [1, 0, 1, 1]]
    assert small.thresholds == {"STAR": 3e-4, "GALAXY": 3e-4, "QSO": 3e-3}
    assert math.isnan(small.calibration_error)


def test_by_class(small: Evaluation) -> None:
    star, galaxy, qso = (small.classes[cls] for cls in ("STAR", "GALAXY", "QSO"))
    assert (star.n, galaxy.n, qso.n) == (2, 3, 3)
    assert (star.accuracy, galaxy.accuracy, qso.accuracy) == (1, 1 / 3, 1 / 3)
    assert galaxy.accuracy_agn_either_way == 2 / 3
    assert (star.good_fraction, galaxy.good_fraction, qso.good_fraction) == (0.5, 1, 0)
    assert (qso.n_z, qso.n_no_redshift) == (2, 1)  # q3 has no label, q2 was not measured
    assert (qso.log_good_fraction, qso.outlier_fraction) == (0.5, 0.5)
    assert math.isnan(star.log_good_fraction)
    assert qso.mae == pytest.approx(0.01)
    assert qso.median_delta_z == pytest.approx(0.005)
    assert star.mad == pytest.approx(4.5e-4)
    assert math.isnan(star.good_fraction_as_class)
    assert (star.pulls.n, star.pulls.n_unusable) == (0, 2)
    assert star.curves == {}


def test_intervals_hold_a_share_of_the_true_redshifts() -> None:
    rows = [("a", "QSO", 1.0), ("b", "QSO", 2.0), ("c", "QSO", 3.0), ("d", "STAR", NAN)]
    lo, hi = [0.9, 1.99, 2.9, NAN], [1.1, 2.01, 3.1, NAN]
    truth = truth_of([("a", "QSO", 1.05), ("b", "QSO", 1.5), ("c", "QSO", 2.9), ("d", "STAR", 0.0)])
    got = evaluate(catalog_of(rows, z_lo=lo, z_hi=hi), truth).classes
    assert got["QSO"].interval_fraction == pytest.approx(2 / 3)
    assert got["STAR"].interval_fraction == 0.0
    assert math.isnan(evaluate(catalog_of(rows), truth).classes["QSO"].interval_fraction)


def test_lost_and_unknown_rows_are_reported_and_not_mixed_in() -> None:
    catalog = catalog_of([("a", "STAR", 0.0), ("x", "QSO", 3.0)])
    got = evaluate(catalog, truth_of([("a", "STAR", 0.0), ("b", "QSO", 1.0), ("c", "QSO", 1.0)]))
    assert (got.n, got.accuracy, got.lost) == (1, 1.0, ("b", "c"))
    assert (got.n_truth, got.n_catalog, got.n_matched, got.n_without_truth) == (3, 2, 1, 1)


@pytest.mark.parametrize(
    ("rows", "truth"),
    [([], []), ([], [("a", "QSO", 1.0)]), ([("a", "QSO", 1.0)], [("b", "QSO", 1)])],
)
def test_nothing_in_common_gives_nan_and_counts(rows: Any, truth: Any, tmp_path: Path) -> None:
    got = evaluate(catalog_of(rows), truth_of(truth))
    assert got.n == 0
    assert math.isnan(got.accuracy)
    assert math.isnan(got.classes["QSO"].good_fraction)
    assert (len(got.lost), got.n_without_truth) == (len(truth), len(rows))
    got.to_json(tmp_path / "out.json")
    assert json.loads((tmp_path / "out.json").read_text())["accuracy"] is None


def test_unflagged_redshifts_of_sky_are_counted_apart() -> None:
    rows = [("sky", "QSO", 2.0), ("sky2", "", NAN), ("sky3", "QSO", 1.0), ("q", "QSO", 1.0)]
    truth = truth_of(
        [("sky", "SKY", 6.9), ("sky2", "sky", 0), ("sky3", "SKY", 0), ("q", "qso ", 1)]
    )
    got = evaluate(catalog_of(rows, zwarn=[0, 0, 4, 0]), truth)
    assert (got.n, got.accuracy, got.n_sky, got.n_sky_unflagged) == (1, 1.0, 3, 1)
    unwarned = evaluate(catalog_of(rows), truth)
    assert unwarned.n_sky_unflagged == 2
    assert math.isnan(unwarned.fraction_flagged)
    assert unwarned.n_unflagged == 0


def test_columns_of_a_full_catalog_are_used() -> None:
    catalog = catalog_of(
        [("a", "QSO", 0.5), ("b", "QSO", 1.0)],
        z_err=[0.1, 0.5],
        z_galaxy=[0.1, 0.2],
        p_star=[0.0, 0.1],
        p_galaxy=[0.1, 0.1],
        p_qso=[0.9, 0.8],
        sn_median=[2.0, 200.0],
        robustness=[0.5, NAN],
    )
    got = evaluate(catalog, truth_of([("a", "GALAXY", 0.1), ("b", "QSO", 1.5)]))
    galaxy = got.classes["GALAXY"]
    assert (galaxy.good_fraction, galaxy.good_fraction_as_class) == (0.0, 1.0)
    assert galaxy.pulls.mean == pytest.approx(4.0)
    assert got.calibration_error == pytest.approx((0.9 + 0.2) / 2)
    assert galaxy.curves["accuracy_by_sn"].n.sum() == 1
    qso = got.classes["QSO"].curves
    assert set(qso) == {
        "good_by_sn",
        "good_by_robustness",
        "accuracy_by_sn",
        "accuracy_by_robustness",
        "robustness_by_sn",
    }
    assert qso["good_by_sn"].n_outside == 1  # S/N 200 is beyond the last bin
    subsets = qso["good_by_robustness"]
    assert isinstance(subsets, Subsets)
    assert subsets.completeness[0] == 0  # R is not known


def test_thresholds_by_name_and_ones_own() -> None:
    catalog = catalog_of([("s", "STAR", 9e-4), ("q", "QSO", 2.508)])
    truth = truth_of([("s", "STAR", 0.0), ("q", "QSO", 2.5)])
    assert evaluate(catalog, truth).good_fraction == 0.5
    sdss = evaluate(catalog, truth, "sdss")
    assert sdss.good_fraction == 1.0
    assert sdss.thresholds["QSO"] == "sdss_requirement"
    fourmost = evaluate(catalog, truth, "4most")
    assert (fourmost.n_z, fourmost.good_fraction) == (1, 1.0)  # no requirement for stars
    assert math.isnan(fourmost.classes["STAR"].good_fraction)
    own = evaluate(catalog, truth, {"QSO": lambda z: z * 0.0 + 1e-9})
    assert own.good_fraction == 0.0
    with pytest.raises(ValueError, match="no thresholds named 'desi': take one of paper, sdss"):
        evaluate(catalog, truth, "desi")
    with pytest.raises(ValueError, match=r"unknown classes \['AGN'\]"):
        evaluate(catalog, truth, {"AGN": 1e-3})


def test_only_the_best_of_several_solutions_counts() -> None:
    catalog = catalog_of([("a", "QSO", 1.0), ("a", "STAR", 0.0)], znum=[0, 1])
    got = evaluate(catalog, truth_of([("a", "QSO", 1.0)]))
    assert (got.n_catalog, got.accuracy) == (1, 1.0)


def test_rows_that_cannot_be_told_apart_are_refused() -> None:
    twice = truth_of([("a", "QSO", 1.0), ("a", "STAR", 0.0), ("b", "QSO", 1.0)])
    with pytest.raises(TruthError, match=r"truth table has more than one row of id a; keep one"):
        evaluate(catalog_of([("a", "QSO", 1.0)]), twice)
    with pytest.raises(TruthError, match=r"catalog has more than one spectrum of id a; keep one"):
        evaluate(catalog_of([("a", "QSO", 1.0), ("a", "QSO", 1.0)]), truth_of([("a", "QSO", 1.0)]))
    # Repeated spectra that the truth does not ask for do no harm.
    got = evaluate(
        catalog_of([("x", "QSO", 1), ("x", "QSO", 1), ("a", "QSO", 1)]), truth_of([("a", "QSO", 1)])
    )
    assert got.accuracy == 1.0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("spec-0266-51602-0013", "0266-51602-0013"),
        ("266-51602-13", "0266-51602-0013"),
        (" 10000-57346-0004 ", "10000-57346-0004"),
        ("spec-0752-52251-0044-edge-on", "spec-0752-52251-0044-edge-on"),
        ("39633", "39633"),
    ],
)
def test_normal_id(text: str, expected: str) -> None:
    assert normal_id(text) == expected


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("name", ["spec-0266-51602-0013", "266-51602-31"]),
        ("NAME", ["spec-0266-51602-0013", "266-51602-31"]),
        ("file", ["dir/one.fits", "C:\\data\\two.fits.gz"]),
        ("targetid", [11, 12]),
        ("TARGETID", ["11", "12"]),
    ],
)
def test_keys_that_truth_may_have(key: str, values: list[Any]) -> None:
    catalog = catalog_of(
        [("0266-51602-0013", "QSO", 1.0), ("0266-51602-0031", "STAR", 0.0)],
        file=["one.fits", "two.fits.gz"],
        targetid=[11, 12],
    )
    truth = Table({key: values, "CLASS": ["QSO", "STAR"], "Z": [1.0, 0.0]})
    got = evaluate(catalog, truth)
    assert (got.key, got.n, got.accuracy, got.good_fraction) == (key.lower(), 2, 1.0, 1.0)


def test_file_names_match_ids_where_the_catalog_has_no_files() -> None:
    catalog = catalog_of([("0266-51602-0013", "QSO", 1.0)])
    truth = Table({"file": ["spec-0266-51602-0013.fits"], "cls": ["QSO"], "z_true": [1.0]})
    assert evaluate(catalog, truth).n == 1


def test_the_key_with_most_matches_and_no_repetition_is_taken() -> None:
    catalog = catalog_of([("a", "QSO", 1.0), ("b", "QSO", 1.0)], file=["x.npz", "x.npz"])
    truth = Table(
        {"file": ["x.npz", "x.npz"], "id": ["a", "b"], "class": ["QSO"] * 2, "z": [1.0] * 2}
    )
    assert match(read_truth(truth), catalog).key == "id"
    truth["id"] = ["other-1", "other-2"]
    catalog["file"] = ["x1.npz", "x2.npz"]
    truth["file"] = ["x1.npz", "x2.npz"]
    assert match(read_truth(truth), catalog).key == "file"


@pytest.mark.parametrize("ending", ["csv", "ecsv", "parquet", "fits"])
def test_truth_in_every_format(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"truth.{ending}"
    columns = {"name": ["0013", "0014"], "spectype": ["QSO", "STAR"], "z": [1.0, NAN]}
    if ending == "parquet":
        write_catalog(
            make_catalog({"id": columns["name"], "class": columns["spectype"], "z": [1, NAN]}), path
        )
    else:
        Table(columns).write(
            path, format={"csv": "ascii.csv", "ecsv": "ascii.ecsv", "fits": "fits"}[ending]
        )
    got = evaluate(catalog_of([("0013", "QSO", 1.0), ("0014", "STAR", 0.0)]), path)
    assert (got.n, got.n_z, got.accuracy, got.good_fraction) == (2, 1, 1.0, 1.0)


def test_truth_and_catalogs_that_cannot_be_used(tmp_path: Path) -> None:
    catalog = catalog_of([("a", "QSO", 1.0)])
    with pytest.raises(TruthError, match=r"needs a column to match on .* it has id, redshift"):
        evaluate(catalog, Table({"id": ["a"], "redshift": [1.0]}))
    with pytest.raises(TruthError, match="needs a column to match on"):
        evaluate(catalog, Table({"plate": [1], "class": ["QSO"]}))
    with pytest.raises(TruthError, match="a redshift is no number"):
        evaluate(catalog, Table({"id": ["a"], "class": ["QSO"], "z": ["high"]}))
    with pytest.raises(ValueError, match="the catalog has no column class and none z"):
        evaluate(Table({"id": ["a"]}), Table({"id": ["a"], "class": ["QSO"]}))
    with pytest.raises(TruthError, match="has no column id or file to match on"):
        evaluate(Table({"class": ["QSO"], "z": [1.0]}), Table({"file": ["a"], "class": ["QSO"]}))
    with pytest.raises(ValueError, match=r"cannot read .*none\.csv: there is no such file"):
        evaluate(catalog, tmp_path / "none.csv")


def test_masked_labels_are_no_labels() -> None:
    truth = Table({"id": ["a", "b"], "class": ["QSO", "QSO"], "z": [1.0, 2.0]}, masked=True)
    truth["z"].mask = [False, True]
    truth["class"].mask = [False, True]
    got = evaluate(catalog_of([("a", "QSO", 1.0), ("b", "QSO", 1.0)]), truth)
    assert (got.n_matched, got.n, got.n_z) == (2, 1, 1)


def test_json_is_valid_and_complete(small: Evaluation, tmp_path: Path) -> None:
    small.to_json(tmp_path / "out.json")

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    got = json.loads((tmp_path / "out.json").read_text(), parse_constant=refuse)
    assert got["accuracy"] == 0.5
    assert got["calibration_error"] is None
    assert got["classes"]["QSO"]["n_no_redshift"] == 1
    assert got["confusion"][0] == [2, 0, 0, 0]
    assert [file.name for file in tmp_path.iterdir()] == ["out.json"]


def test_tables_for_the_terminal() -> None:
    catalog = catalog_of([("a", "QSO", 1.0)], zwarn=[0])
    rows = [("a", "QSO", 1.0), *((f"gone-{i}", "QSO", 1.0) for i in range(12))]
    stream = io.StringIO()
    Console(file=stream, width=120).print(tables(evaluate(catalog, truth_of(rows), "sdss")))
    text = stream.getvalue()
    assert "100.0 %" in text
    assert "sdss_requirement" in text
    assert "gone-9 and 2 more" in text
    assert "–" in text  # what is not known
    assert "nan" not in text


def test_the_real_truth_table(shared_dir: Path, tmp_path: Path) -> None:
    path = shared_dir / "data" / "raw" / "truth.csv"
    labels = read_table(path)
    perfect = make_catalog(
        {
            "id": [f"row-{i}" for i in range(len(labels))],
            "class": labels["cls"],
            "z": labels["z"],
            "zwarn": np.where(labels["cls"] == "SKY", 4, 0),
        },
        {"file": labels["file"]},
    )
    write_catalog(perfect[::-1], tmp_path / "out.fits", "sdss")
    got = evaluate(read_catalog(tmp_path / "out.fits"), path)
    assert (got.n_truth, got.n_matched, got.n, got.lost) == (66, 66, 63, ())
    assert (got.accuracy, got.good_fraction, got.n_z) == (1.0, 1.0, 62)  # one star has z = -9999
    assert (got.n_sky, got.n_sky_unflagged, got.n_agn) == (3, 0, 8)
    assert sum(c.n for c in got.classes.values()) == 63
    assert got.classes["GALAXY"].median_delta_z == 0
