"""The harness of the browser tests hears what a page says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from browser import url_of, watched

QUIET = "<!doctype html><meta charset=utf-8><title>Quiet</title><p id=text>χ²</p>"


def written(directory: Path, body: str = "") -> str:
    path = directory / "page.html"
    path.write_text(QUIET + body, encoding="utf-8")
    return url_of(path)


def test_a_quiet_page_passes(page: Any, tmp_path: Path) -> None:
    page.goto(written(tmp_path, "<script>console.log('only a note')</script>"))
    assert page.title() == "Quiet"
    assert page.inner_text("#text") == "χ²"


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("console.error('it broke')", "console error: it broke"),
        ("console.warn('take care')", "console warning: take care"),
        ("setTimeout(() => { throw new Error('thrown') }, 0)", "page error: thrown"),
        ("fetch('http://example.org/x').catch(() => 0)", "another machine: http://example.org/x"),
        ("new WebSocket('ws://example.org/ws')", "another machine: ws://example.org/ws"),
    ],
)
def test_a_complaint_fails_the_test(
    chromium: Any, tmp_path: Path, script: str, complaint: str
) -> None:
    address = written(tmp_path, f"<script>{script}</script>")
    failed = pytest.raises(AssertionError, match="the page complained")
    with failed as failure, watched(chromium) as page:
        page.goto(address)
    assert complaint in str(failure.value)


def test_a_second_tab_is_watched(chromium: Any, tmp_path: Path) -> None:
    address = written(tmp_path, "<script>console.error('it broke')</script>")
    with pytest.raises(AssertionError, match="it broke"), watched(chromium) as page:
        page.context.new_page().goto(address)


def test_a_complaint_that_is_provoked_is_let_through(chromium: Any, tmp_path: Path) -> None:
    with watched(chromium, allow=["^console error: on purpose"]) as page:
        page.goto(written(tmp_path, "<script>console.error('on purpose')</script>"))
