"""The page of gasnet3 view, fault by fault: each of these was one, driven as a person does it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gasnet3.evaluate.judgements import Judgement, JudgementFile
from inspected import Known, Seen, catalog, judged, serving

pytestmark = pytest.mark.slow


@pytest.fixture
def file(tmp_path: Path) -> JudgementFile:
    return JudgementFile(tmp_path / "mine.csv", "anna")


@pytest.fixture
def known() -> Known:
    return catalog()[1]


@pytest.fixture
def seen(page: Any, file: JudgementFile, known: Known) -> Iterator[Seen]:
    """The page with the first of six spectra drawn."""
    with serving(catalog()[0], known, file) as (address, _):
        one = Seen(page)
        one.open(address)
        yield one
        page.goto("about:blank")


def test_keys_live_after_the_slider_was_dragged(seen: Seen, file: JudgementFile) -> None:
    before = seen.z
    box = seen.page.locator("#slider").bounding_box()
    middle = box["y"] + box["height"] / 2
    seen.drag((box["x"] + 30, middle), (box["x"] + 60, middle))
    moved = seen.z
    assert moved != before
    seen.press("3")
    seen.says("status", "saved in mine.csv: quality 3")
    assert judged(file.path)["spec-000"].z == pytest.approx(moved)
    seen.press("ArrowRight")
    seen.drawn("spec-001")


def test_the_whole_is_shown_again(seen: Seen) -> None:
    whole, heights = seen.x, seen.y
    seen.drag(seen.at(5000), seen.at(5600))
    assert seen.x[0] == pytest.approx(5000, abs=15)
    seen.press("w")
    assert (seen.x, seen.y) == (whole, heights)
    seen.press("z", "ArrowRight")
    seen.drawn("spec-001")
    assert seen.x == whole  # of another spectrum the whole, not a part that was looked at before


def test_names_of_lines_stay_when_the_flux_is_zoomed(seen: Seen) -> None:
    x, y = seen.at(5000)
    seen.drag((x, y), (x + 300, y + 60))
    low, high = seen.y
    assert high - low < 25
    assert seen.names > 0
    seen.press("ArrowRight")
    seen.drawn("spec-001")
    assert seen.names > 3


def test_a_zoom_outlives_redshift_and_solution(seen: Seen) -> None:
    x, y = seen.at(5000)
    seen.drag((x, y), (x + 300, y + 60))
    zoomed = (seen.x, seen.y)
    for key in ("]", "}", "ArrowDown", "r"):
        seen.press(key)
        assert (seen.x, seen.y) == zoomed
    seen.drag(seen.at(5100), seen.at(5200))
    assert seen.y[1] < 15  # what is seen there, without lines
    assert seen.y[0] > 5


def test_what_was_not_drawn_is_not_judged(seen: Seen, known: Known, file: JudgementFile) -> None:
    seen.page.locator("#onward").click()
    seen.until("it.store.kept.size > 2")
    known.go.clear()
    seen.js("it.store.kept.clear()")
    seen.press("4")
    seen.says("status", "saved in mine.csv: quality 4")
    seen.press("4")  # spec-001 is not there yet
    seen.says("status", "NOT SAVED: this spectrum is not drawn yet")
    assert set(judged(file.path)) == {"spec-000"}
    known.go.set()
    seen.drawn("spec-001")
    seen.page.wait_for_timeout(300)  # a look
    seen.press("4")
    seen.drawn("spec-002")
    seen.until("!it.judge.saver.left")
    assert set(judged(file.path)) == {"spec-000", "spec-001"}


def test_a_key_pressed_twice_judges_once(seen: Seen, file: JudgementFile) -> None:
    seen.page.locator("#onward").click()
    seen.until("it.store.kept.has(1) && it.store.kept.has(2)")
    now = "document.dispatchEvent(new KeyboardEvent('keydown', {key: '4'}))"
    seen.js(f"[{now}, {now}]")  # the next is drawn between both
    seen.says("status", "NOT SAVED: this spectrum was drawn just now")
    seen.drawn("spec-001")
    seen.until("!it.judge.saver.left")
    assert set(judged(file.path)) == {"spec-000"}


def test_a_key_held_down_judges_one_spectrum(seen: Seen, file: JudgementFile) -> None:
    seen.page.locator("#onward").click()
    seen.page.keyboard.down("4")
    seen.page.keyboard.down("4")
    seen.page.keyboard.down("4")
    seen.page.keyboard.up("4")
    seen.drawn("spec-001")
    seen.until("!it.judge.saver.left")
    assert set(judged(file.path)) == {"spec-000"}


def test_no_spectrum_no_judgement(page: Any, file: JudgementFile) -> None:
    table, known = catalog(2)
    del known.known["spec-000"]
    with serving(table, known, file) as (address, _):
        seen = Seen(page)
        seen.open(address)
        seen.says("message", "no spectrum 'spec-000'")
        seen.press("4")
        seen.says("status", "NOT SAVED: there is no spectrum to be seen here")
        seen.page.locator("#text").fill("nothing is called so")
        seen.says("answer", "no spectrum passes the filter")
        seen.press("Escape", "4")
        seen.says("status", "NOT SAVED: there is no spectrum")
        page.goto("about:blank")
    assert not file.path.exists()


def test_a_judgement_can_be_taken_back(seen: Seen, file: JudgementFile) -> None:
    seen.press("3")
    seen.says("status", "quality 3")
    seen.press("3")
    seen.says("status", "taken back")
    assert not judged(file.path)
    seen.press("2")
    seen.says("status", "quality 2")
    seen.press("4")
    seen.says("status", "quality 4")
    seen.press("u")
    seen.says("status", "quality 2")
    seen.page.locator("#onward").click()
    seen.press("1")
    seen.drawn("spec-001")
    seen.press("u")  # it is of the spectrum before
    seen.drawn("spec-000")
    seen.says("status", "quality 2")
    assert judged(file.path)["spec-000"].quality == 2
    seen.press("u")
    seen.says("status", "taken back")
    assert not judged(file.path)


def test_the_same_quality_again_for_another_redshift_saves_it(
    seen: Seen, file: JudgementFile
) -> None:
    seen.press("3", "}")
    seen.says("status", "press the quality again")
    seen.press("3")
    seen.until("!it.judge.saver.left")
    assert judged(file.path)["spec-000"].z == pytest.approx(seen.z)


def test_another_class_has_a_redshift_of_its_own(seen: Seen, file: JudgementFile) -> None:
    seen.press("ArrowRight", "ArrowRight")
    seen.drawn("spec-002")
    assert (seen.cls, seen.z) == ("STAR", pytest.approx(0.0005))
    seen.press("q")
    seen.says("status", "this is the best redshift of QSO")
    said = judged(file.path)["spec-002"]
    assert (said.cls, said.z) == ("QSO", 1.25)
    assert (seen.cls, seen.z) == ("QSO", 1.25)
    seen.page.locator("#z").fill("0.5")
    seen.press("Enter", "g")
    seen.says("status", "GALAXY at the redshift that you chose")
    assert judged(file.path)["spec-002"].z == 0.5


@pytest.mark.parametrize("seconds", [0.0, 1.0])
def test_a_server_that_is_gone_is_told_and_saved_later(
    chromium: Any, file: JudgementFile, seconds: float
) -> None:
    import browser

    table, known = catalog()
    with browser.watched(chromium, allow=["ERR_CONNECTION_REFUSED"]) as page:
        with serving(table, known, file) as (address, server):
            seen = Seen(page)
            seen.open(address)
            seen.press("3")
            seen.says("status", "saved in mine.csv: quality 3")
            port, secret = server.server_port, server.secret
        seen.press("2")
        seen.says("status", "NOT SAVED")
        assert page.locator("#status").get_attribute("class") == "bad"
        time.sleep(seconds)
        with serving(table, known, file, port=port, secret=secret):
            seen.says("status", "saved in mine.csv: quality 2")
            assert judged(file.path)["spec-000"].quality == 2
            page.goto("about:blank")


def test_an_app_started_anew_saves_what_the_old_page_could_not(
    chromium: Any, file: JudgementFile
) -> None:
    import browser

    table, known = catalog()
    # What was asked ahead may be cut off amid its answer.
    allow = ["ERR_CONNECTION_REFUSED", "ERR_CONTENT_LENGTH_MISMATCH", "status of 403"]
    with browser.watched(chromium, allow=allow) as page:
        with serving(table, known, file) as (address, server):
            seen = Seen(page)
            seen.open(address)
            port = server.server_port
        seen.press("1")
        seen.says("status", "NOT SAVED")
        with serving(table, known, file, port=port) as (new, _):
            seen.says("status", "Open the address that it printed")
            seen.open(new)
            seen.says("status", "saved in mine.csv: quality 1")
            page.goto("about:blank")
    assert judged(file.path)["spec-000"].quality == 1


def test_a_disk_that_takes_nothing_is_told(seen: Seen, file: JudgementFile) -> None:
    file.path.mkdir()
    seen.press("4")
    seen.says("status", "NOT SAVED")
    file.path.rmdir()
    seen.says("status", "saved in mine.csv: quality 4")


def test_the_slider_follows_the_class(seen: Seen) -> None:
    high = seen.page.locator("#slider")
    assert "to 1.800" in high.get_attribute("title")
    seen.press("End")
    seen.drawn("spec-005")
    assert "-0.004 to 0.004" in high.get_attribute("title")
    assert seen.text("velocity") == "150 km/s"
    before = seen.z
    seen.press("]")
    assert 0 < seen.z - before < 3e-5  # 7 km/s


def test_an_order_begins_at_its_first_and_keys_go_far(seen: Seen) -> None:
    seen.press("End")
    seen.drawn("spec-005")
    seen.press("Home")
    seen.drawn("spec-000")
    seen.press("PageDown")
    seen.drawn("spec-005")
    seen.page.locator("#sort").select_option("S/N, high first")
    seen.until("it.list.page.place === 0 && it.list.row === 5")
    seen.press("ArrowRight")
    seen.drawn("spec-004")
    seen.page.locator("#sort").select_option("redshift")
    seen.drawn("spec-002")


def test_the_old_picture_stays_until_the_new_is_there(seen: Seen, known: Known) -> None:
    seen.until("it.store.kept.size >= 3")
    known.go.clear()
    seen.press("End")
    seen.until("document.getElementById('figure').classList.contains('waiting')")
    assert seen.js("it.view.data !== null")
    assert "spec-000" in seen.text("answer")
    known.go.set()
    seen.drawn("spec-005")


def test_the_next_two_are_solved_ahead(seen: Seen, known: Known) -> None:
    seen.until("it.store.kept.has(1) && it.store.kept.has(2)")
    known.go.clear()
    seen.press("ArrowRight")
    assert seen.js("document.body.dataset.drawn") == "spec-001"  # at once: nothing is solved now
    seen.press("ArrowRight")
    assert seen.js("document.body.dataset.drawn") == "spec-002"
    known.go.set()


def test_what_another_tab_said_meanwhile_is_shown(seen: Seen, file: JudgementFile) -> None:
    seen.until("it.store.kept.has(1)")
    file.record(Judgement("spec-001", quality=1, cls="QSO", z=1.25, comment="<b>"))
    seen.press("ArrowRight")
    seen.says("status", "saved in mine.csv: quality 1")
    assert (seen.cls, seen.z) == ("QSO", 1.25)
    assert seen.page.locator("#comment").input_value() == "<b>"
