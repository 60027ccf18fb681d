"""The page of the paper's experiments: words that follow the numbers, whatever they are."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[2] / "recipes" / "paper"))

import figure_texts
import figures
import figures_page
import trainings
import wording
import write

from gasnet3 import CLASSES
from gasnet3.paper.figures import FIGURES

VALUES = {
    "n": 10, "gf": 0.9, "log_gf": None, "delta_z": 1e-4, "mae": 1e-4, "mad": 1e-5,
    "median_delta_z": 1e-5, "chi2": 2.0, "chi2_median": 1.1, "robustness": None,
    "robustness_median": None, "n_robustness": 0, "accuracy": 1.0,
}  # fmt: skip


def row(**changed: object) -> dict[str, object]:
    classes = {cls: {**VALUES, **changed} for cls in CLASSES}
    return {"method": "Encoder, amortised", "set": "real", "accuracy": 1.0, "classes": classes}


@pytest.fixture
def results(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """Results that the page is made of, by their names."""
    kept: dict[str, object] = {}
    for module in (write, figure_texts, figures_page):
        monkeypatch.setattr(module, "read_result", kept.get)
    return kept


def test_comparisons_follow_the_numbers() -> None:
    theirs = {"STAR": 1.0, "GALAXY": 1.0, "QSO": 1.0}
    ours = {"STAR": 2.0, "GALAXY": 0.5, "QSO": 1.01}
    told = wording.compared(ours, theirs)
    assert told == "higher for STAR, alike for QSO, lower for GALAXY"
    assert wording.compared({"STAR": None}, theirs) == "not comparable"
    assert (
        wording.compared(dict.fromkeys(CLASSES, 3.0), theirs) == "higher for STAR, GALAXY and QSO"
    )


@pytest.mark.parametrize(
    ("value", "text"), [(None, "–"), (0.000123456, "0.0001235"), (12, "12"), (2.0, "2")]
)
def test_numbers_as_text(value: float | None, text: str) -> None:
    assert wording.number(value) == text


def test_a_page_without_results_says_so(results: dict[str, object]) -> None:
    text = write.page()
    assert text.count(write.NOT_RUN) >= 4
    assert "nan" not in text.lower().replace("nanomet", "")


def test_table_2_has_the_papers_numbers_beside_ours(results: dict[str, object]) -> None:
    results["table2"] = [row()]
    text = write.table2_section()
    assert "| paper: Encoder | SDSS | 1.089 | 1.203 | 1.378 | 16.2 | 2.402 | 0.511 |" in text
    assert "| Encoder, amortised | real | 2 (1.1) | 2 (1.1) | 2 (1.1) | – | – | – |" in text
    assert "mean χ² is higher for STAR, GALAXY and QSO" in text


@pytest.mark.parametrize(("ms", "word"), [(0.5, "is met by"), (20.0, "is missed by")])
def test_the_claim_of_speed_is_judged_by_the_numbers(
    results: dict[str, object], ms: float, word: str
) -> None:
    times = {"the bare FFTs": 0.25, "Encoder, amortised: whole pipeline": ms}
    results["table3_speed"] = {"n": 8, "rounds": 2, "floor": "the bare FFTs", "ms": times}
    text = write.speed_section()
    assert word in text
    assert f"| {ms:.3g} | {ms / 0.25:.3g} |" in text


def test_trends_of_the_small_trainings(results: dict[str, object]) -> None:
    common = {"degree": 2, "size": 4000, "epochs": 6, "batch_size": 32}
    results["table4"] = [
        {**row(), **common, "m": 3},
        {**row(chi2_median=0.8, gf=0.95), **common, "m": 10},
        {**row(chi2_median=0.9, gf=0.95), **common, "m": 10, "degree": 5},
    ]
    text = write.trained_section("table4", "Table 4", "m")
    assert "- STAR, real: from m = 3 to 10 the median χ² falls (1.1 to 0.8)" in text
    assert "good fraction rises (0.9 to 0.95)" in text
    degree = "from degree 2 to 5 the median χ² rises (0.8 to 0.9) and the good fraction stays"
    assert degree in text


def test_the_papers_table_4_and_b1_are_whole() -> None:
    assert {(p["cls"], p["m"], p["degree"]) for p in write.PAPER["table4"]} == {
        (cls, variant.m, variant.degree) for cls in CLASSES for variant in trainings.TABLE_4
    }
    assert len(write.PAPER["table_b1"]) == len(CLASSES) * len(trainings.TABLE_B1)


def test_every_small_training_shows_as_many_spectra() -> None:
    for variant in (*trainings.TABLE_4, *trainings.TABLE_B1):
        config = trainings.config_of(variant, "QSO", epochs=10)
        assert config.epochs * variant.size == 10 * trainings.LARGEST
        assert config.options == {"m": variant.m, "variant": "paper"}
        assert config.degree == variant.degree


def test_the_page_of_figures_has_them_all_and_says_of_how_many_spectra(
    results: dict[str, object],
) -> None:
    assert set(figures_page.MORE) == set(FIGURES)
    assert {figure.file for figure in FIGURES.values()} == set(figures.FIGURES)
    assert "spectra (" not in figures_page.page()
    results["every"] = {"n": 60, "classes": {"STAR": 10, "GALAXY": 20, "QSO": 30}}
    results["sets"] = [{"set": "real", "class": cls, "n": 7} for cls in CLASSES]
    text = figures_page.page()
    assert "60 spectra (10 STAR, 20 GALAXY, 30 QSO by the class found)" in text
    assert "21 spectra (7 STAR, 7 GALAXY, 7 QSO)" in text
    for number, figure in FIGURES.items():
        assert f"## Fig. {number}\n\n{figure.shows}" in text
        assert f"![{figure.shows}](images/paper/{figure.file}" in text


def test_pictures_of_the_pages_lose_no_rare_colour(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    pixels = np.repeat(rng.integers(0, 256, (200, 200, 1), np.uint8), 3, axis=2)
    pixels[5, 5:9] = (0, 114, 178)
    path = tmp_path / "picture.png"
    Image.fromarray(pixels).save(path)
    before = path.stat().st_size
    figures.make_small(path)
    assert path.stat().st_size < before
    with Image.open(path) as small:
        assert small.mode == "P"
        kept = np.asarray(small.convert("RGB")).astype(int)[5, 5:9]
    assert np.abs(kept - [0, 114, 178]).max() < 30
    once = path.read_bytes()
    figures.make_small(path)
    assert path.read_bytes() == once, "a picture with a palette stays as it is"
