"""What the page of gasnet3 view can do: mark lines, compare models, show parts, in a browser."""

from __future__ import annotations

import dataclasses
import json
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gasnet3.evaluate.judgements import Judgement, JudgementFile
from gasnet3.view.keys import KEYS
from inspected import Known, Seen, catalog, judged, serving

pytestmark = pytest.mark.slow

SIZES = [(900, 700), (1280, 650), (1440, 900), (1920, 1200)]


@pytest.fixture
def file(tmp_path: Path) -> JudgementFile:
    return JudgementFile(tmp_path / "mine.csv", "anna")


@pytest.fixture
def known() -> Known:
    return catalog()[1]


@pytest.fixture
def seen(page: Any, file: JudgementFile, known: Known) -> Iterator[Seen]:
    """The page with the first of six spectra drawn; a label and redrock differ on the second."""
    z = [0.1, 0.9, np.nan, np.nan, np.nan, np.nan]
    table = catalog(z_redrock=z, spectype_redrock=["GALAXY", "QSO", "", "", "", ""])[0]
    with serving(table, known, file) as (address, _):
        one = Seen(page)
        one.open(address)
        yield one
        page.goto("about:blank")


def test_a_marked_line_is_where_the_redshift_goes(seen: Seen, known: Known) -> None:
    seen.press("}", "}", "}")
    at = 5008.24 * 1.1
    seen.click(at + 6)  # a click beside it finds the line
    seen.says("marker", "[O III]")
    assert seen.js("it.view.mark") == pytest.approx(at, abs=1.5)
    seen.press("p")
    assert seen.z == pytest.approx(0.1, abs=5e-4)
    assert not seen.page.locator("#marker").is_visible()
    seen.until("!it.fitting && !it.next")
    cls, z = known.fitted[-1]
    assert (cls, z) == ("GALAXY", pytest.approx(seen.z))
    seen.click(at)
    seen.page.get_by_role("button", name="Hβ, key b").click()
    assert (seen.cls, seen.z) == ("GALAXY", pytest.approx(at / 4862.68 - 1, abs=1e-3))
    seen.click(at)
    seen.press("4")  # a quality at any time
    seen.says("status", "quality 4")
    seen.press("5")  # Lyα: too far for a galaxy
    assert (seen.cls, seen.z) == ("QSO", pytest.approx(at / 1215.67 - 1, abs=1e-3))


def test_features_are_marked_from_the_keyboard(seen: Seen) -> None:
    found = []
    for _ in range(5):
        seen.press("e")
        found.append(seen.js("it.view.mark"))
    lines = [rest * 1.1 for rest in (3728.48, 4862.68, 4960.30, 5008.24, 6564.61)]
    np.testing.assert_allclose(sorted(found), lines, atol=3)
    seen.press("Escape")
    assert seen.js("it.view.mark") is None
    seen.press("g")  # a class again
    seen.says("status", "saved")


def test_a_second_model_is_drawn_over_the_first(seen: Seen) -> None:
    canvas = seen.page.locator("#spectrum")
    told = []
    for _ in range(3):
        seen.press("b")
        told.append(canvas.get_attribute("data-over"))
    assert told == ["QSO", "STAR", ""]
    assert canvas.get_attribute("data-cls") == "GALAXY"


def test_parts_are_shown_and_hidden(seen: Seen) -> None:
    pictures = [picture(seen)]
    for key in ("t", "y", "i", "n"):
        seen.press(key)
        pictures.append(picture(seen))
    assert len(set(pictures)) == len(pictures)
    button = seen.page.get_by_role("button", name="sky", exact=True)
    assert button.get_attribute("aria-pressed") == "true"
    every = seen.names
    seen.press("n")
    assert seen.names == 0
    seen.press("n")
    assert 0 < seen.names < every
    seen.press("D")
    assert picture(seen) != pictures[-1]
    dark = seen.js("getComputedStyle(document.body).backgroundColor")
    assert dark == "rgb(20, 23, 26)"
    seen.page.reload()
    seen.drawn()
    assert seen.js("getComputedStyle(document.body).backgroundColor") == dark


def picture(seen: Seen) -> str:
    return str(seen.js("document.getElementById('spectrum').toDataURL()"))


def test_zoom_by_keys_and_wheel(seen: Seen) -> None:
    low, high = seen.x
    seen.press("z")
    assert seen.x[1] - seen.x[0] == pytest.approx((high - low) / 2, rel=1e-3)
    seen.press("Z")
    assert seen.x == (low, high)
    at = seen.at(5000)
    seen.page.mouse.move(*at)
    seen.press("z", "z", "z")
    assert seen.x[0] < 5000 < seen.x[1]
    assert seen.js("it.view.top.atX(5000)") == pytest.approx(
        at[0] - seen.page.locator("#spectrum").bounding_box()["x"], abs=2
    )
    narrow = seen.x
    seen.page.mouse.wheel(0, -100)
    seen.until(f"it.view.range[1] - it.view.range[0] < {narrow[1] - narrow[0] - 1}")
    before = seen.x
    seen.page.keyboard.down("Shift")
    seen.drag(at, (at[0] - 40, at[1]))
    seen.page.keyboard.up("Shift")
    assert seen.x[0] > before[0]
    assert seen.js("it.view.mark") is None


def test_smoothing_trusts_good_pixels_and_shows_no_masked_ones(seen: Seen) -> None:
    assert seen.text("smoothing") == "2"
    seen.press("+", "+", "-")
    assert seen.text("smoothing") == "2.5"
    found = seen.page.evaluate(
        """async () => {
          const {smoothed} = await import("/static/numbers.js")
          const flux = new Float32Array(50).fill(3), ivar = new Float32Array(50).fill(1)
          flux[20] = flux[30] = 1e6
          ivar[20] = 0
          ivar[30] = 1e-12
          return [Array.from(smoothed(flux, ivar, 2)), Array.from(smoothed(flux, ivar, 0))]
        }"""
    )
    smooth, bare = (np.array([np.nan if v is None else v for v in one], float) for one in found)
    assert np.isnan(smooth[20])
    np.testing.assert_allclose(np.delete(smooth, 20), 3.0, rtol=1e-5)
    np.testing.assert_array_equal(bare[:20], 3.0)


def test_the_model_is_as_smooth_as_the_data(seen: Seen) -> None:
    height = "Math.max(...it.view.{0}.filter(Number.isFinite))"
    for sigma in ("2", "6"):
        data, model = (seen.js(height.format(one)) for one in ("data.smooth", "model"))
        assert data == pytest.approx(model, rel=0.1), sigma
        seen.press(*["+"] * 8)
    residual = "it.view.data.smooth.map((v, i) => (v - it.view.model[i]) / it.view.data.noise[i])"
    assert seen.js(f"Math.max(...Array.from({residual}).filter(Number.isFinite).map(Math.abs))") < 6


def test_no_signal_is_all_that_is_said_of_nothing(page: Any, file: JudgementFile) -> None:
    table, known = catalog(1)
    known.known["spec-000"] = dataclasses.replace(known.known["spec-000"], solutions=())
    with serving(table, known, file) as (address, _):
        seen = Seen(page)
        seen.open(address)
        seen.press("4")
        seen.says("status", "NOT SAVED: no class and redshift are shown")
        seen.press("0")
        seen.says("status", "quality 0")
        page.goto("about:blank")
    said = judged(file.path)["spec-000"]
    assert (said.quality, said.cls, said.z) == (0, "", None)


def test_details_follow_the_redshift_and_can_be_chosen(seen: Seen) -> None:
    labels = "[...document.querySelectorAll('#details canvas')].map((one) => one.ariaLabel)"
    first = seen.js(labels)
    assert first[0] == "detail: [O II]"
    assert first[1] == "detail: Hβ + [O III]"
    seen.page.get_by_role("combobox", name="lines in window 3").select_option("Mg b")
    assert seen.js(labels)[2] == "detail: Mg b"
    seen.press("ArrowDown")  # a quasar at 1.25
    assert seen.js(labels)[:2] == ["detail: Mg II", "detail: C III]"]
    seen.page.reload()
    seen.drawn()
    assert seen.js(labels)[2] == "detail: Mg b"


def test_a_click_in_a_curve_goes_there(seen: Seen) -> None:
    box = seen.page.locator("#curves").bounding_box()
    x, y = seen.js(
        "(() => { const {frame} = it.curves.panels[2];"
        " return [frame.atX(Math.log1p(1.25)), frame.top + 10] })()"
    )
    seen.page.mouse.click(box["x"] + x + 2, box["y"] + y)
    assert (seen.cls, seen.z) == ("QSO", pytest.approx(1.25, abs=0.01))
    seen.press("r")
    assert (seen.cls, seen.z) == ("GALAXY", pytest.approx(0.1))


def test_why_and_what_surveys_say(seen: Seen) -> None:
    assert "p(GALAXY) = 0.900" in seen.text("why")
    assert "redrock: GALAXY z = 0.10000 (+0 km/s from ours)" in seen.text("why")
    seen.press("ArrowRight")
    seen.drawn("spec-001")
    other = seen.page.locator("#why span", has_text="redrock: QSO z = 0.90000")
    assert other.get_attribute("class") == "bad"


def test_a_saved_picture_says_what_it_is(seen: Seen) -> None:
    before = seen.page.locator("#spectrum").bounding_box()
    with seen.page.expect_download() as download:
        seen.press("P")
    assert download.value.suggested_filename == "spec-000-GALAXY-z0.1000.png"
    head = Path(download.value.path()).read_bytes()[:24]
    width, height = struct.unpack(">II", head[16:24])
    assert (width, height) == (round(before["width"]), round(before["height"]) + 44)


def test_a_colleagues_disagreements_are_listed(page: Any, file: JudgementFile) -> None:
    table, known = catalog()
    ben = (Judgement("spec-004", "ben", quality=3, cls="QSO", z=1.25),)
    with serving(table, known, file, colleagues=ben) as (address, _):
        seen = Seen(page)
        seen.open(address)
        page.locator("#filters summary").click()
        page.locator("#only").select_option("disputed")
        seen.drawn("spec-004")
        assert seen.text("count") == "1 of 6 spectra"
        assert "ben" not in seen.text("status")
        seen.press("4")
        seen.says("status", "ben: quality 3, QSO, z = 1.25000")
        page.goto("about:blank")


def test_a_night_by_keyboard_alone(seen: Seen, file: JudgementFile) -> None:
    seen.press("4", "ArrowRight")
    seen.drawn("spec-001")
    seen.press("}", "3", "R", "m")
    seen.page.keyboard.type("s4 <b>q</b>, broad?")
    seen.press("Enter", "ArrowRight")
    seen.drawn("spec-002")
    seen.press("x", "1", "f")
    seen.page.keyboard.type("005")
    seen.press("Enter")
    seen.drawn("spec-005")
    seen.press("s", "0", "?")
    assert seen.page.locator("#help").is_visible()
    seen.press("Escape")
    assert not seen.page.locator("#help").is_visible()
    seen.until("!it.judge.saver.left")
    told = {
        name: (one.quality, one.cls, one.issue, one.comment)
        for name, one in judged(file.path).items()
    }
    assert told == {
        "spec-000": (4, "GALAXY", "", ""),
        "spec-001": (3, "GALAXY", "R", "s4 <b>q</b>, broad?"),
        "spec-002": (1, "", "", ""),
        "spec-005": (0, "STAR", "", ""),
    }


def test_every_key_of_the_help_does_something(seen: Seen) -> None:
    words = [word for names in KEYS for word in re.split(r"[ ,]+", names)]
    keys = {word for word in words if len(word) == 1} - set("→←↑↓a")
    assert keys >= set("lhjk01234sgqxue[]{}rzZw+-btyindRCSmfoPD?")
    for key in sorted(keys - set("P?")):
        assert seen.js(f"it.press({json.dumps(key)})"), key
        seen.js("document.activeElement.blur()")
    assert not seen.js("it.press('ä')")


def test_tab_comes_round(seen: Seen) -> None:
    places = []
    for _ in range(90):
        seen.press("Tab")
        places.append(seen.js("document.activeElement.id || document.activeElement.tagName"))
        if places[-1] == "BODY":
            break
    assert places[-1] == "BODY"
    assert {"comment", "z", "slider", "text", "sort", "TR"} <= set(places)
    assert places.index("comment") < places.index("text")  # the spectrum's before the list


def test_a_screen_reader_hears_what_is_there(seen: Seen) -> None:
    named = seen.js(
        "[...document.querySelectorAll('button, input, select, canvas, [role]')]"
        ".filter((one) => !one.closest('[hidden]') && !one.closest('dialog:not([open])'))"
        ".map((one) => [one.tagName, one.ariaLabel || one.textContent.trim() ||"
        " one.labels?.[0]?.textContent.trim() || one.title || one.role])"
    )
    assert all(name for _, name in named), named
    for role, name in (
        ("img", "spectrum spec-000, model GALAXY at z = 0.10000"),
        ("group", "quality, 0 to 4"),
        ("group", "solutions, best first"),
        ("textbox", "comment"),
        ("slider", "redshift, by slider"),
        ("spinbutton", "redshift"),
        ("searchbox", "find"),
        ("table", "spectra that pass the filter"),
        ("navigation", "spectra"),
    ):
        assert seen.page.get_by_role(role, name=name, exact=role == "spinbutton").count() == 1, name
    button = seen.page.get_by_role("button", name="4: sure")
    assert button.get_attribute("aria-pressed") == "false"
    seen.press("4")
    assert button.get_attribute("aria-pressed") == "true"
    assert "spec-000, GALAXY at redshift 0.1" in seen.text("spoken")
    seen.press("ArrowRight")
    seen.drawn("spec-001")
    assert seen.page.locator("tr[aria-selected=true] td").first.inner_text() == "spec-001"
    assert button.get_attribute("aria-pressed") == "false"


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_spectrum_fills_any_window(seen: Seen, width: int, height: int) -> None:
    seen.page.set_viewport_size({"width": width, "height": height})
    seen.page.reload()
    seen.drawn()
    seen.press("4")
    seen.says("status", "saved")
    inside = seen.js(
        "['spectrum', 'judge', 'moving', 'strip', 'status', 'solutions'].every((id) => {"
        " const box = document.getElementById(id).getBoundingClientRect();"
        " return box.top >= 0 && box.left >= 0 && box.right <= innerWidth + 1 &&"
        " box.bottom <= innerHeight + 1 })"
    )
    assert inside
    box = seen.page.locator("#figure").bounding_box()
    assert box["height"] > 0.35 * height
    assert box["width"] > 0.68 * width
    assert seen.js("document.documentElement.scrollHeight <= innerHeight")
    assert seen.js("document.documentElement.scrollWidth <= innerWidth")
    seen.press("o")
    assert seen.page.locator("#list").is_visible() is (width < 1360)
