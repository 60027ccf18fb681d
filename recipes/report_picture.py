"""The picture of docs/report.md: the head of a report as a browser shows it.

    python recipes/report_picture.py report.html docs/images/report.png

Needs playwright and the system's Chromium.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

SIZE = {"width": 1240, "height": 1560}
READY = "() => window.Bokeh && Bokeh.documents.length && Bokeh.documents[0].is_idle"


def main(report: Path, picture: Path) -> None:
    """Open the report, wait until all is drawn, and write what is seen."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.set_viewport_size({"width": SIZE["width"], "height": SIZE["height"]})
        page.goto(report.resolve().as_uri())
        page.wait_for_function(READY)
        page.screenshot(path=picture)
        browser.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("report", type=Path)
    parser.add_argument("picture", type=Path, help="PNG to write")
    arguments = parser.parse_args()
    main(arguments.report, arguments.picture)
