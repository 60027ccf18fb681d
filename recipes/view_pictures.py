"""The pictures of docs/view.md: the app as a browser shows it.

    python recipes/view_pictures.py catalog.parquet SPECTRA docs/images

The first is the strangest spectrum of the catalog; the second another solution of the next one at
a redshift of its own, judged, with the help open. Needs playwright and the system's Chromium.
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

MODEL = "Bokeh.documents[0].get_model_by_name('{}')"


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
        page = browser.new_page(viewport={"width": 1500, "height": 880})
        page.goto(url)
        solved(page)
        page.screenshot(path=directory / "view.png")
        page.keyboard.press("ArrowRight")
        page.wait_for_function(f"{MODEL.format('table')}.source.selected.indices[0] === 1")
        solved(page)
        for key in ("ArrowDown", "}", "1", "?"):
            page.keyboard.press(key)
        page.wait_for_function(f"{MODEL.format('help')}.visible")
        page.wait_for_timeout(1000)
        page.set_viewport_size({"width": 1500, "height": 1080})
        page.wait_for_timeout(1000)
        page.screenshot(path=directory / "view-help.png")
        browser.close()


def solved(page: Page) -> None:
    """Wait until the spectrum is drawn with its solutions."""
    page.wait_for_selector(".slick-row")
    page.wait_for_function(f"{MODEL.format('solutions')}.source.data.z.length > 0")
    page.wait_for_timeout(1000)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("catalog")
    parser.add_argument("spectra", help="files that the catalog was made of")
    parser.add_argument("directory", type=Path, help="where the pictures go")
    arguments = parser.parse_args()
    main(arguments.catalog, arguments.spectra, arguments.directory)
