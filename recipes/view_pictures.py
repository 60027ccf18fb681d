"""The pictures of docs/view.md: the app as a browser shows it.

    python recipes/view_pictures.py catalog.parquet SPECTRA docs/images

The first is the strangest spectrum of the catalog; the second its strangest galaxy, with a second
model and a feature marked. Needs playwright and the system's Chromium.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright


def main(catalog: str, spectra: str, directory: Path) -> None:
    """Start the app with judgements of its own, use it, and write what is seen."""
    with tempfile.TemporaryDirectory() as scratch:
        judgements = Path(scratch) / "anna.csv"
        command = ["gasnet3", "view", catalog, spectra, "--no-browser", "--scanner", "anna"]
        command += ["--judgements", str(judgements)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                line = process.stdout.readline() if process.stdout else ""
                found = re.match(r"http://\S+", line)
                if not found:
                    sys.exit("the app did not start")
                draw(found.group(), directory)
            finally:
                process.terminate()


def draw(url: str, directory: Path) -> None:
    """Write both pictures of the app at a URL."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1500, "height": 900})
        page.goto(url)
        settled(page)
        page.screenshot(path=directory / "view.png")
        page.locator("#filters summary").click()
        page.locator("#classes").get_by_role("button", name="GALAXY").click()
        settled(page)
        for key in ("b", "e"):
            page.keyboard.press(key)
        settled(page)
        page.screenshot(path=directory / "view-mark.png")
        browser.close()


def settled(page: Page) -> None:
    """Wait until the spectrum is drawn, and nothing is asked for any more."""
    page.wait_for_selector("body[data-drawn]:not([data-drawn=''])", timeout=120_000)
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(1000)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("catalog")
    parser.add_argument("spectra", help="files that the catalog was made of")
    parser.add_argument("directory", type=Path, help="where the pictures go")
    arguments = parser.parse_args()
    main(arguments.catalog, arguments.spectra, arguments.directory)
