"""The report as a user makes it and sees it: the command, and the page in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.table import Table

from browser import url_of
from gasnet3 import samples
from gasnet3.report.html.page import write_report
from warm import run

READY = "() => window.Bokeh && Bokeh.documents.length && Bokeh.documents[0].is_idle"
SHOWN = "() => Bokeh.documents[0].get_model_by_name('shown').text"
SLOW = 10.0
"""Seconds, generous: it takes less than two, but test machines are shared."""


def made_up(n: int) -> Table:
    rng = np.random.default_rng(1)
    return Table(
        {
            "id": [f"<i>{i}</i>" for i in range(n)],
            "class": np.array(["STAR", "GALAXY", "QSO"])[np.arange(n) % 3],
            "z": np.round(rng.uniform(0, 3, n), 4),
            "zwarn": np.where(np.arange(n) % 10 == 0, 4, 0),
            "notes": np.where(np.arange(n) % 20 == 0, 3, 0),
            "rchi2": rng.lognormal(0, 0.2, n),
            "robustness": rng.lognormal(-2, 1, n),
            "sn_median": rng.lognormal(2, 1, n),
            "p_z": rng.uniform(size=n),
            "anomaly_score": rng.exponential(0.5, n),
        }
    )


def told(page: Any) -> str:
    return page.evaluate(SHOWN)


@pytest.mark.slow
def test_it_filters_sorts_and_shows_what_is_selected(page: Any, tmp_path: Path) -> None:
    page.goto(url_of(write_report(made_up(300), tmp_path / "page.html")))
    page.wait_for_function(READY)
    assert told(page) == "All 300 spectra."

    page.locator("select").nth(0).select_option(label="QSO")
    assert told(page).startswith("100 of the 300")
    page.locator("select").nth(1).select_option(label="any warning")
    assert told(page).startswith("10 of the 300")
    page.locator("select").nth(2).select_option(label="CLASS_AMBIGUOUS")
    assert told(page).startswith("5 of the 300")
    page.get_by_role("button", name="Show all").click()
    assert told(page) == "All 300 spectra."

    head = page.locator(".slick-header-column", has_text="z").first
    head.click()
    page.wait_for_timeout(200)
    cells = page.locator(".slick-row .slick-cell.l2").all_inner_texts()
    values = [float(text) for text in cells]
    assert len(values) > 5
    assert values == sorted(values)
    assert page.locator(".slick-row .slick-cell.l0").first.inner_text().startswith("<i>")

    box = page.locator("#rows ~ div .bk-Canvas, #rows ~ div canvas").first.bounding_box()
    page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 0.3 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + 0.8 * box["height"], steps=5)
    page.mouse.up()
    page.wait_for_function("() => " + SHOWN[6:] + ".includes('Selected in a plot')")
    marked = int(told(page).split()[0])
    assert 0 < marked < 300
    page.locator(".slick-row .slick-cell.l0").first.click()
    page.wait_for_timeout(200)
    assert int(told(page).split()[0]) == marked
    row = page.evaluate("() => Bokeh.documents[0].get_model_by_name('row').text")
    assert "<i>" in row


@pytest.mark.slow
@pytest.mark.parametrize("rows", [0, 1, 10_000])
def test_it_opens_quietly_whatever_its_size(page: Any, tmp_path: Path, rows: int) -> None:
    page.goto(url_of(write_report(made_up(rows), tmp_path / "page.html")))
    page.wait_for_function(READY)
    assert page.evaluate("() => performance.now()") < 1000 * SLOW
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.slow
def test_the_command_with_truth_and_pictures(page: Any, tmp_path: Path) -> None:
    files = samples.DIRECTORY
    run("classify", files, "-o", "c.parquet", "--quiet", cwd=tmp_path)
    options = ("--truth", files / "truth.csv", "--spectra", files, "--pictures", 2)
    out, _ = run("report", "c.parquet", "-o", "r.html", *options, cwd=tmp_path)
    assert out == "r.html\n"
    _, err = run("report", "c.parquet", "-o", "r.html", status=2, cwd=tmp_path)
    assert "--overwrite" in err
    run("report", "none.parquet", "-o", "s.html", status=2, cwd=tmp_path)

    page.goto(url_of(tmp_path / "r.html"))
    page.wait_for_function(READY)
    shown = page.evaluate("() => [...document.images].map(i => i.naturalWidth)")
    assert shown == [800, 800, 800]
    assert page.locator("#truth").count() == 1
