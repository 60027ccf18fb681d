"""The figures of the paper from a catalog: what is chosen, what is drawn, what is left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.table import Table
from matplotlib.figure import Figure

from gasnet3 import CLASSES, samples
from gasnet3.catalog import make_catalog
from gasnet3.flags import Notes, ZWarn
from gasnet3.io import finding
from gasnet3.paper import coefficients as paper_coefficients
from gasnet3.paper import figures as paper
from gasnet3.paper import spectra as paper_spectra
from gasnet3.paper.figures import FIGURES, draw, read_inputs
from gasnet3.paper.inputs import (
    extreme_rows,
    histories_by_network,
    random_rows,
    subclasses_of,
    typical_rows,
)
from gasnet3.report import figures
from gasnet3.spectra.batch import Spectra
from gasnet3.spectra.lattice import OBSERVED

NUMBERS = ("1", "2", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "A1", "C1")
BY_CATALOG = ("1", "10", "13", "A1")
BY_TRUTH = ("8", "9", "10", "11", "12", "13", "A1")


def some_catalog(each: int = 12, **changed: Any) -> tuple[Table, Table]:
    """A catalog of some spectra of each class, and its truth; columns given replace its own."""
    rng = np.random.default_rng(8)
    classes = np.repeat(CLASSES, each)
    rows = len(classes)
    dof = np.full(rows, 3900)
    columns: dict[str, Any] = {
        "id": [f"row-{i}" for i in range(rows)],
        "class": classes,
        "subclass": np.tile(["A", "", "G"], rows)[:rows],
        "z": rng.uniform(0, 0.2, rows),
        "z_err": np.full(rows, 1e-4),
        "zwarn": np.zeros(rows, int),
        "notes": np.zeros(rows, int),
        "chi2": dof * rng.uniform(0.9, 1.2, rows),
        "dof": dof,
        "rchi2": rng.uniform(0.9, 1.2, rows),
        "robustness": rng.uniform(0.1, 5.0, rows),
        "coeff": rng.normal(size=(rows, 4)),
        "sn_median": rng.uniform(1.0, 50.0, rows),
        "n_good": dof + 20,
        "anomaly_score": np.zeros(rows),
        "anomaly_extreme": np.zeros(rows),
    }
    for cls in CLASSES:
        own = classes == cls
        columns[f"p_{cls.lower()}"] = np.where(own, 0.9, 0.05)
        columns[f"z_{cls.lower()}"] = columns["z"]
        columns[f"chi2_{cls.lower()}"] = columns["chi2"] * np.where(own, 1.0, 1.5)
        columns[f"robustness_{cls.lower()}"] = columns["robustness"]
    columns |= changed
    truth = Table({"id": columns["id"], "class": classes, "z": columns["z"]})
    return make_catalog(columns), truth


@pytest.fixture(autouse=True)
def coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small pictures: what is on them is looked at, not they."""
    monkeypatch.setattr(figures, "DPI", 15)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that are saved, to look at what is on them."""
    kept: list[Figure] = []

    def keep(figure: Figure, path: str | Path) -> Path:
        kept.append(figure)
        return figures.save_figure(figure, path)

    monkeypatch.setattr(paper, "save_figure", keep)
    return kept


def test_every_figure_of_the_paper_that_is_no_drawing_is_there() -> None:
    assert tuple(FIGURES) == NUMBERS
    assert set().union(*(figure.needs for figure in FIGURES.values())) == set(paper.HOW)
    assert len({figure.file for figure in FIGURES.values()}) == len(FIGURES)


def test_all_that_a_catalog_allows_is_drawn_and_the_rest_is_told(tmp_path: Path) -> None:
    catalog, _ = some_catalog()
    done: list[tuple[int, int]] = []
    wanted = [n for n in NUMBERS if n != "7"]
    found, left_out = draw(
        read_inputs(catalog), tmp_path, wanted, on_figure=lambda *count: done.append(count)
    )
    assert tuple(found) == BY_CATALOG
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in found.values()}
    assert set(found) | set(left_out) == set(wanted)
    assert "--truth" in left_out["8"]
    assert "--spectra" in left_out["14"]
    assert "--history" in left_out["5"]
    assert done[-1] == (13, 13)


def test_with_a_truth_the_figures_of_accuracy_are_drawn(
    tmp_path: Path, drawn: list[Figure]
) -> None:
    catalog, truth = some_catalog()
    found, left_out = draw(read_inputs(catalog, truth), tmp_path, BY_TRUTH)
    assert (tuple(found), left_out) == (BY_TRUTH, {})
    for figure in drawn:
        last = [ax for ax in figure.axes if ax.get_subplotspec().is_last_row()]
        assert all(ax.get_xlabel() or figure.get_supxlabel() for ax in last)
    assert drawn[0].axes[0].get_ylabel() == "Δz (eq. 14)"


NAN = np.full(36, np.nan)
DEGENERATE = {
    "no rows": (0, {}),
    "one row a class": (1, {}),
    "no class": (12, {"class": np.full(36, "")}),
    "one class": (12, {"class": np.full(36, "QSO")}),
    "no numbers": (
        12,
        dict.fromkeys(("z", "rchi2", "robustness", "sn_median", "z_star", "robustness_qso"), NAN),
    ),
    "no coefficients": (12, {"coeff": np.full((36, 4), np.nan)}),
    "equal coefficients": (12, {"coeff": np.ones((36, 4))}),
    "negative robustness": (12, {"robustness": np.full(36, -0.5)}),
    "huge values": (12, {"rchi2": np.full(36, 1e30), "sn_median": np.full(36, 1e9)}),
}


@pytest.mark.parametrize("case", list(DEGENERATE))
def test_odd_catalogs_are_drawn_or_told_and_never_trip(tmp_path: Path, case: str) -> None:
    each, changed = DEGENERATE[case]
    catalog, truth = some_catalog(each, **changed)
    wanted = ("1", "8", "9", "10", "11", "12", "13", "A1")
    found, left_out = draw(read_inputs(catalog, truth), tmp_path, wanted)
    assert set(found) | set(left_out) == set(wanted)
    assert not any(part in why for why in left_out.values() for part in ("array", "axis", "shape"))
    if case == "no rows":
        assert not found
        assert "the truth has no class" in left_out["8"]
    if case == "no coefficients":
        assert "coefficients" in left_out["A1"]


def test_population_loses_nothing_beyond_its_ends(tmp_path: Path, drawn: list[Figure]) -> None:
    rchi2 = np.full(36, 1e4)
    catalog, _ = some_catalog(rchi2=rchi2, sn_median=np.full(36, -1.0))
    draw(read_inputs(catalog), tmp_path, ["1"])
    for ax in drawn[0].axes:
        steps = ax.patches
        assert [step.get_data().values.sum() for step in steps] == pytest.approx([1.0] * 3)
        assert len({step.get_linestyle() for step in steps}) == 3, "told apart without colour"
        assert ax.get_xlabel()
        assert "n = 12" in ax.get_legend().get_texts()[0].get_text()


def test_typical_spectra_have_no_flag_and_a_sn_near_ten() -> None:
    zwarn, sn = np.zeros(36, int), np.full(36, 40.0)
    sn[[3, 4, 5]], zwarn[3] = 10.0, ZWarn.Z_UNCERTAIN
    notes = np.where(np.arange(36) == 4, int(Notes.NEGATIVE_MODEL), 0)
    catalog, _ = some_catalog(zwarn=zwarn, notes=notes, sn_median=sn)
    assert typical_rows(read_inputs(catalog)) == [5, 12, 24]
    zwarn[:] = 1
    catalog, _ = some_catalog(zwarn=zwarn, sn_median=sn)
    assert typical_rows(read_inputs(catalog))[0] == 3, "flagged ones where there are no others"


def test_spectra_by_lot_are_ordinary_and_the_same_each_time() -> None:
    score = np.zeros(36)
    score[:10] = 3.0
    catalog, _ = some_catalog(anomaly_score=score)
    inputs = read_inputs(catalog)
    rows = random_rows(inputs)
    assert rows == random_rows(inputs)
    assert rows[:2] == [10, 11]
    assert list(catalog["class"][rows]) == ["STAR"] * 2 + ["GALAXY"] * 2 + ["QSO"] * 2


def test_extremes_are_the_largest_chi2_and_the_least_robustness() -> None:
    rchi2, robustness, zwarn = np.ones(36), np.full(36, 2.0), np.zeros(36, int)
    rchi2[[1, 2]], zwarn[1] = [99.0, 7.0], ZWarn.NODATA
    robustness[[3, 4, 5]] = [np.nan, -0.5, 0.01]
    robustness[24:] = -0.1
    robustness[30] = -0.3
    catalog, _ = some_catalog(rchi2=rchi2, robustness=robustness, zwarn=zwarn)
    found = extreme_rows(read_inputs(catalog))
    assert list(found) == [2, 5, 12, 13, 24, 30]
    assert found[2] == "largest χ² of STAR"
    assert found[5] == "least R of STAR, 0.01"


def test_further_solutions_of_a_spectrum_are_not_counted(
    tmp_path: Path, drawn: list[Figure]
) -> None:
    catalog, _ = some_catalog(znum=np.tile([0, 1], 18))
    draw(read_inputs(catalog), tmp_path, ["1"])
    assert "n = 6" in drawn[0].axes[0].get_legend().get_texts()[0].get_text()


def test_labelled_subclasses_are_in_standard_words() -> None:
    catalog, truth = some_catalog()
    truth["subclass"] = np.full(36, "G5III+... (157910)")
    truth["subclass"][24:] = "BROADLINE"
    truth["class"][1], truth["subclass"][0] = "QSO", ""
    inputs = read_inputs(catalog, truth)
    star = subclasses_of(inputs, "STAR", inputs.of_class("STAR"))
    assert star[:3].tolist() == ["", "labelled QSO", "G"]
    assert set(subclasses_of(inputs, "QSO", inputs.of_class("QSO"))) == {"BROADLINE"}
    plain = subclasses_of(read_inputs(catalog), "STAR", inputs.of_class("STAR"))
    assert plain[:3].tolist() == ["A", "", "G"], "the catalog's own without labels"


def outliers_in_legends(figure: Figure) -> list[str]:
    texts = [text.get_text() for ax in figure.axes for text in ax.get_legend().get_texts()]
    return [text for text in texts if "extreme" in text or "LOF" in text]


def test_outliers_are_the_extreme_ones_of_the_catalog_or_found_on_the_spot(
    tmp_path: Path, drawn: list[Figure]
) -> None:
    extreme = np.zeros(36)
    extreme[[0, 1, 20]] = [2.0, 3.5, np.nan]
    catalog, _ = some_catalog(anomaly_extreme=extreme)
    draw(read_inputs(catalog), tmp_path, ["A1"])
    assert outliers_in_legends(drawn[0]) == ["extreme (2)"]
    coeff = 1.0 + np.random.default_rng(1).normal(scale=0.02, size=(120, 4))
    coeff[7] = [-1.0, 1.0, -1.0, 1.0]
    catalog, _ = some_catalog(40, coeff=coeff)
    catalog.remove_column("anomaly_extreme")
    draw(read_inputs(catalog), tmp_path, ["A1"])
    assert "LOF > 1.5 (1)" in outliers_in_legends(drawn[1])
    assert drawn[1].axes[0].get_title() == "STAR (n = 40)"


def test_of_very_many_spectra_a_part_is_projected(
    tmp_path: Path, drawn: list[Figure], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paper_coefficients, "MOST_ROWS", 8)
    catalog, _ = some_catalog()
    draw(read_inputs(catalog), tmp_path, ["A1"])
    assert drawn[0].axes[0].get_title() == "STAR (n = 8 of 12)"


def test_without_scikit_learn_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sklearn.manifold", None)
    catalog, _ = some_catalog()
    _, left_out = draw(read_inputs(catalog), tmp_path, ["A1"])
    assert "gasnet3[anomalies]" in left_out["A1"]


def test_preparation_shows_spectra_before_and_after() -> None:
    rng = np.random.default_rng(2)
    flux = 10.0 + rng.normal(size=(2, OBSERVED.n))
    ivar = np.ones_like(flux)
    ivar[1] = 0.0
    spectra = Spectra.from_arrays(flux, ivar, loglam=OBSERVED.loglam)
    example = paper_spectra.Example("a spectrum", "GALAXY", 0.1)
    before, after, *_ = paper_spectra.plot_preparation(spectra, [example, example]).axes
    assert before.get_title(loc="left") == "a spectrum"
    assert np.nanstd(after.lines[0].get_ydata()) == pytest.approx(1.0, rel=0.01)
    assert "dimensionless" in after.get_ylabel()
    assert "Hα" in [text.get_text() for text in after.texts]
    with pytest.raises(ValueError, match="2 spectra and 1 examples"):
        paper_spectra.plot_preparation(spectra, [example])


def test_histories_are_named_as_training_names_them_or_by_the_card(tmp_path: Path) -> None:
    plain, carded = tmp_path / "unet-qso.history.csv", tmp_path / "mine.history.csv"
    (tmp_path / "mine.json").write_text('{"cls": "STAR", "architecture": "encoder"}')
    told = histories_by_network([plain, carded])
    assert told == {"U-Net": {"QSO": plain}, "Encoder": {"STAR": carded}}
    with pytest.raises(ValueError, match=r"what\.csv: cannot tell"):
        histories_by_network([tmp_path / "what.csv"])


def test_spectra_that_are_not_in_the_files_are_named(tmp_path: Path) -> None:
    catalog, _ = some_catalog()
    inputs = read_inputs(catalog, spectra=samples.paths()[:2])
    with pytest.raises(ValueError, match=r"2 of the spectra .* first is row-0"):
        inputs.rows_of([0, 5])


def test_the_files_that_the_catalog_names_are_read_first(monkeypatch: pytest.MonkeyPatch) -> None:
    catalog, _ = some_catalog()
    catalog["id"] = catalog["id"].astype("U20")
    catalog["id"][5] = "mock-7-000009"
    catalog["file"] = np.where(np.arange(36) == 5, "elsewhere/mock-7-000009.fits", "")
    opened: list[Path] = []
    find_reader = finding.find_reader
    monkeypatch.setattr(
        finding, "find_reader", lambda path, *rest: opened.append(path) or find_reader(path, *rest)
    )
    inputs = read_inputs(catalog, spectra=samples.DIRECTORY)
    assert inputs.rows_of([5]).ids.tolist() == ["mock-7-000009"]
    assert [path.name for path in opened] == ["mock-7-000009.fits"]
    inputs.rows_of([5])
    assert len(opened) == 1, "what was read is kept"


def test_unknown_figures_and_kinds_are_refused_before_any_is_drawn(tmp_path: Path) -> None:
    inputs = read_inputs(some_catalog()[0])
    with pytest.raises(ValueError, match="no figure 3, B7: choose among 1, 2, 5"):
        draw(inputs, tmp_path, ["3", "1", "B7"])
    with pytest.raises(ValueError, match="use one of"):
        draw(inputs, tmp_path, ["1"], ending=".doc")
    assert list(tmp_path.iterdir()) == []
