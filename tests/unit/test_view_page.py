"""One page of the app without a browser: what keys do, what is saved, what is fitted."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from astropy.table import Table
from bokeh.document import Document

from gasnet3.evaluate.judgements import Judgement, JudgementFile
from gasnet3.pipeline.closeup import Closeup, Solution
from gasnet3.view.judge import Judge
from gasnet3.view.keys import ALLOWED, KEYS
from gasnet3.view.listing import Listing
from gasnet3.view.page import FAR, PIXEL, Page
from gasnet3.view.shared import Shared
from gasnet3.view.spectra import MissingSpectrum, SpectrumFinder

WAVE = np.linspace(4000.0, 9000.0, 50)


def solution(cls: str, z: float, chi2: float) -> Solution:
    level = np.full(len(WAVE), z)
    return Solution(cls, "", z, 1e-4, chi2, chi2 / 50, 9.0, 0.9, 0, level)


def closeup(name: str, z: float) -> Closeup:
    found = (solution("QSO", z, 50.0), solution("STAR", 0.001, 80.0))
    ones = np.ones(len(WAVE))
    curves = {cls: (np.array([0.0, 1.0]), np.array([1.0, 2.0])) for cls in ("STAR", "QSO")}
    p_z = {"QSO": (np.linspace(0.9, 1.4, 101), np.full(101, 0.8 / 101))}
    return Closeup(
        name, WAVE, ones, ones, ones, ones, "QSO", z, 1e-4, 1.0, 0, 0, curves, {}, found, p_z
    )  # fmt: skip


class Solver:
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.finder = SpectrumFinder([])
        self.asked: list[tuple[str, Any]] = []
        self.fitted: list[Future[Any]] = []

    def inspect(self, name: str) -> Future[Closeup]:
        future: Future[Closeup] = Future()
        if name == "missing":
            future.set_exception(MissingSpectrum("no spectrum <b>'missing'</b>"))
        else:
            future.set_result(closeup(name, 1.0 + int(name) / 10))
        return future

    def model_at(self, name: str, cls: str, z: float) -> Future[Any]:
        self.asked.append((cls, z))
        self.fitted.append(Future())
        return self.fitted[-1]


class Turns(Document):
    """A document whose next turn is now."""

    @property
    def session_context(self) -> Any:
        return SimpleNamespace()

    def add_next_tick_callback(self, callback: Callable[[], None]) -> Any:
        callback()


@pytest.fixture
def file(tmp_path: Path) -> JudgementFile:
    return JudgementFile(tmp_path / "mine.csv", "anna")


@pytest.fixture
def page(file: JudgementFile) -> Page:
    ids = ["0", "1", "missing", "3"]
    table = Table({"id": ids, "class": ["QSO"] * 4, "z": [1.0, 1.1, 0.5, 1.3]})
    return Page(Turns(), Shared(Listing(table), cast(Any, Solver()), file, "test"))


def test_a_spectrum_opens_with_its_best_solution(page: Page) -> None:
    page.press("ArrowDown")
    assert page.z.value == 0.001
    page.press("ArrowRight")
    assert page.z.value == pytest.approx(1.1)
    assert page.solutions.selected.indices == [0]
    assert page.slider.value == page.z.value
    assert page.solutions.data["worse"] == [0.0, 30.0]


def test_p_z_is_drawn_in_bars(page: Page) -> None:
    quasar, star = (page.curves.bars[cls].data for cls in ("QSO", "STAR"))
    assert sum(quasar["p"]) == pytest.approx(0.8)
    assert quasar["low"][0] < 0.9 < quasar["high"][0] < 0.92
    assert quasar["right"][-1] == pytest.approx(np.log1p(quasar["high"][-1]))
    assert not len(star["p"])
    titles = {cls: panel.title.text for cls, panel in page.curves.panels.items()}
    assert titles == {"STAR": "STAR", "GALAXY": "GALAXY", "QSO": "QSO, p = 0.800"}
    assert max(quasar["p"]) < page.curves.share.end < 2 * max(quasar["p"])
    page.press("ArrowRight")
    page.press("ArrowRight")  # a spectrum that is missing
    assert not len(page.curves.bars["QSO"].data["p"])
    assert page.curves.panels["QSO"].title.text == "QSO"


def test_the_head_has_the_interval(file: JudgementFile) -> None:
    table = Table({"id": ["0"], "class": ["QSO"], "z": [1.0], "z_lo": [0.3], "z_hi": [1.01]})
    page = Page(Turns(), Shared(Listing(table), cast(Any, Solver()), file, "test"))
    assert "z = 1.00000 (0.30000 to 1.01000)" in page.header.text


def test_a_late_word_of_the_browser_chooses_nothing(page: Page) -> None:
    page.seen = None  # the next spectrum is being solved
    page.solutions.selected.indices = [1]
    assert page.nth == 0
    assert page.z.value == pytest.approx(1.0)


def test_a_quality_is_said_of_what_is_shown(page: Page, file: JudgementFile) -> None:
    page.press("ArrowDown")
    page.press("4")
    said = file.latest()["0"]
    assert (said.quality, said.cls, said.z) == (4, "STAR", 0.001)
    page.press("ArrowUp")
    assert "press the quality again" in page.judge.status.text
    assert file.latest()["0"] == said
    page.press("R")
    page.judge.comment.value = "two objects?"
    both = file.latest()["0"]
    assert (both.z, both.issue, both.comment) == (0.001, "R", "two objects?")
    page.press("g")
    page.press("4")
    again = file.latest()["0"]
    assert (again.quality, again.cls, again.z) == (4, "GALAXY", pytest.approx(1.0))


def test_a_comment_says_nothing_of_the_redshift(page: Page, file: JudgementFile) -> None:
    page.judge.comment.value = "look again"
    said = file.latest()["0"]
    assert (said.quality, said.cls, said.z, said.comment) == (None, "", None, "look again")


def test_no_class_is_a_class_that_can_be_said(page: Page, file: JudgementFile) -> None:
    page.press("x")
    page.press("1")
    assert (file.latest()["0"].cls, file.latest()["0"].quality) == ("", 1)
    page.press("ArrowRight")
    page.press("ArrowLeft")
    assert page.judge.cls.active == 3


def test_what_was_judged_is_shown_again(page: Page, file: JudgementFile) -> None:
    file.record(Judgement("1", quality=2, cls="STAR", z=0.001))
    file.record(Judgement("3", quality=2, cls="GALAXY", z=0.77, issue="S", comment="<i>"))
    page.press("ArrowRight")
    assert page.nth == 1
    page.press("ArrowRight")
    page.press("ArrowRight")
    assert (page.cls, page.z.value) == ("GALAXY", 0.77)
    assert (page.judge.quality.active, page.judge.issues.active) == (2, [2])
    assert page.judge.comment.value == "<i>"


def test_words_of_an_issue_are_kept(page: Page, file: JudgementFile) -> None:
    file.record(Judgement("1", issue="Sky is bright"))
    page.press("ArrowRight")
    assert page.judge.issues.active == []
    for key, issue in (
        ("S", "S Sky is bright"),
        ("R", "RS Sky is bright"),
        ("S", "R Sky is bright"),
    ):
        page.press(key)
        assert file.latest()["1"].issue == issue


def test_after_a_quality_the_next_spectrum_if_wished(page: Page) -> None:
    page.press("3")
    assert page.browser.place == 0
    page.judge.onward.active = True
    page.press("3")
    assert page.browser.place == 1


def test_redshifts_passed_on_the_way_are_not_fitted(page: Page) -> None:
    solver = cast(Solver, page.shared.closeups)
    for key in ("]", "}", "["):
        page.press(key)
    assert solver.asked == [("QSO", pytest.approx(2.0 * PIXEL - 1))]
    solver.fitted[0].set_result(np.full(len(WAVE), 5.0))
    last = 2.0 * PIXEL**FAR - 1
    assert solver.asked[1:] == [("QSO", pytest.approx(last))]
    assert page.model[0] == 1.0  # that of the solution still
    solver.fitted[1].set_result(np.full(len(WAVE), 6.0))
    assert page.model[0] == 6.0
    page.press("r")
    assert page.z.value == 1.0
    assert page.model[0] == 1.0
    assert len(solver.asked) == 2


def test_a_missing_spectrum_is_told_as_text_and_can_be_judged(
    page: Page, file: JudgementFile
) -> None:
    page.press("l")
    page.press("l")
    assert "no spectrum &lt;b&gt;" in page.message.text
    page.press("0")
    said = file.latest()["missing"]
    assert (said.quality, said.cls, said.z) == (0, "QSO", 0.5)
    page.press("l")
    assert page.message.text == ""


def test_a_file_that_cannot_be_read_or_written_is_told(page: Page, file: JudgementFile) -> None:
    file.path.write_text("id,VI_SCANNER,VI_QUALITY\n1,anna,many\n")
    page.press("ArrowRight")
    assert "cannot be read" in page.judge.status.text
    file.path.unlink()
    file.path.mkdir()
    page.press("4")
    assert "NOT SAVED" in page.judge.status.text


def test_every_key_of_the_help_is_listened_to_and_does_no_harm(page: Page) -> None:
    named = " ".join(KEYS)
    for key in ALLOWED:
        arrow = {"ArrowRight": "→", "ArrowLeft": "←", "ArrowUp": "↑", "ArrowDown": "↓"}.get(key)
        assert (arrow or key) in named
        page.press(key)
    assert page.help.visible


def test_redshifts_that_nobody_can_mean_are_not_saved(file: JudgementFile) -> None:
    for z in (math.nan, math.inf, -1.0):
        judge = Judge(file, lambda z=z: ("QSO", z), lambda onward: None)
        judge.show("a")
        judge.rate(4)
        assert file.latest()["a"].z is None


def test_a_catalog_without_rows_says_so(file: JudgementFile) -> None:
    table = Table({"id": ["a"], "class": ["QSO"], "z": [1.0]})[:0]
    empty = Page(Turns(), Shared(Listing(table), cast(Any, Solver()), file, "test"))
    assert "no spectrum passes" in empty.header.text
