"""Pages in a real browser, where any complaint of theirs fails the test.

The fixtures ``chromium`` and ``page`` of ``conftest.py`` are made of this: ``page`` is a page of
playwright in a browser profile of its own, and ``page.context.new_page()`` is a second tab that
is watched as well.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
LOCAL_SCHEMES = ("file", "data", "blob", "about", "chrome-error")
SIZE = {"width": 1400, "height": 900}
SWITCHES = (
    "--no-sandbox",  # it refuses to start as root otherwise
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Whatever a page asks of another machine, it does not get it here.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


@contextmanager
def launched() -> Iterator[Any]:
    """A headless Chromium of the system; the test is skipped where there is none.

    Yields
    ------
    playwright.sync_api.Browser
    """
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip(f"no browser: none of {', '.join(NAMES)} is installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=list(SWITCHES))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def watched(browser: Any, allow: Sequence[str] = ()) -> Iterator[Any]:
    """A page, and the failure of the test if it complains.

    Parameters
    ----------
    browser : playwright.sync_api.Browser
        The fixture ``chromium``.
    allow : sequence of str
        Regular expressions of complaints that the test provokes.

    Yields
    ------
    playwright.sync_api.Page
        With an empty profile. Downloads are accepted.

    Raises
    ------
    AssertionError
        When the block ends, if any page of the context wrote an error or a warning to the
        console, raised an error, or asked anything of another machine.
    """
    complaints: list[str] = []
    context = browser.new_context(viewport=SIZE, accept_downloads=True)
    context.on("console", lambda message: complaints.extend(_told(message)))
    context.on("weberror", lambda error: complaints.append(f"page error: {error.error}"))
    context.on("request", lambda request: complaints.extend(_outside(request.url)))
    context.on(
        "page",
        lambda page: page.on("websocket", lambda socket: complaints.extend(_outside(socket.url))),
    )
    try:
        yield context.new_page()
        for page in context.pages:
            page.wait_for_timeout(100)  # what is said in the end is heard as well
    finally:
        context.close()
    wrong = [text for text in complaints if not any(re.search(each, text) for each in allow)]
    assert not wrong, "the page complained:\n" + "\n".join(wrong)


def _told(message: Any) -> list[str]:
    if message.type not in ("error", "warning"):
        return []
    return [f"console {message.type}: {message.text} ({message.location.get('url') or 'page'})"]


def _outside(url: str) -> list[str]:
    parts = urlsplit(url)
    if parts.scheme in LOCAL_SCHEMES or parts.hostname == "127.0.0.1":
        return []
    return [f"request to another machine: {url}"]


def url_of(path: Path) -> str:
    """Address of a file, for ``page.goto``."""
    return path.resolve().as_uri()
