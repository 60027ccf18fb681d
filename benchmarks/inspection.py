"""How long one waits for the next spectrum in ``gasnet3 view``: from the key to the picture.

    python benchmarks/inspection.py                 # a hundred noisy copies of bundled spectra
    python benchmarks/inspection.py --look 0        # without looking: nothing can be solved ahead
    python benchmarks/inspection.py --docs          # write the table into docs/view.md

There are more spectra than the app keeps in memory (64): each is solved anew for every look.
The app is started as a user starts it, and headless Chromium presses ``→`` (every other time ``4``,
with *next after quality*). The time runs in the page, from the event of the key to the second frame
after the spectrum is drawn. Needs playwright and the system's Chromium.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from peers.page import processor, versions
from readers import noisy

from gasnet3 import samples
from gasnet3.io import read, write_npz

PAGE = Path(__file__).resolve().parents[1] / "docs" / "view.md"
WATCH = """
window.waits = []
let pressed = 0
addEventListener("keydown", (event) => { pressed = event.timeStamp }, true)
new MutationObserver(() => {
  if (!document.body.dataset.drawn || !pressed) return
  const from = pressed
  pressed = 0
  requestAnimationFrame(() => requestAnimationFrame(() => waits.push(performance.now() - from)))
}).observe(document.body, {attributeFilter: ["data-drawn"]})
"""


@contextmanager
def app(directory: Path, rows: int) -> Iterator[str]:
    """The app with so many spectra; its URL."""
    spectra, catalog = directory / "spectra.npz", directory / "catalog.parquet"
    write_npz(spectra, noisy(read(samples.paths()), rows))
    subprocess.run(["gasnet3", "classify", spectra, "-o", catalog], check=True)
    command: list[str | Path] = ["gasnet3", "view", catalog, spectra, "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            found = re.match(r"http://\S+", process.stdout.readline() if process.stdout else "")
            if not found:
                sys.exit("the app did not start")
            yield found.group()
        finally:
            process.terminate()


def waits(url: str, rows: int, look: float) -> tuple[float, list[float]]:
    """Seconds to the first spectrum, and milliseconds to each after it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        began = time.perf_counter()
        page.goto(url)
        page.wait_for_selector("body[data-drawn]:not([data-drawn=''])", timeout=300_000)
        first = time.perf_counter() - began
        page.evaluate(WATCH)
        page.locator("#onward").click()
        for nth in range(1, rows):
            page.wait_for_timeout(1000 * look)
            page.keyboard.press("4" if nth % 2 else "ArrowRight")
            _wait(page, nth)
        found: list[float] = page.evaluate("waits")
        browser.close()
    return first, found


def _wait(page: Any, nth: int) -> None:
    """Until so many spectra were drawn."""
    while page.evaluate("waits.length") < nth:
        page.wait_for_timeout(5)


def table(looks: Sequence[float], found: Sequence[tuple[float, list[float]]]) -> str:
    """What the page of documentation says."""
    rows = [
        "| look at each, s | n | median, ms | 95 % within, ms | longest, ms | first spectrum, s |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for look, (first, each) in zip(looks, found, strict=True):
        median, most, longest = np.percentile(each, [50, 95, 100])
        waited = f"{median:.0f} | {most:.0f} | {longest:.0f}"
        rows.append(f"| {look:g} | {len(each)} | {waited} | {first:.1f} |")
    return "\n".join(rows)


def main(rows: int, looks: Sequence[float], docs: bool) -> None:
    """Measure, print and, if wished, write into the documentation."""
    found = []
    with tempfile.TemporaryDirectory() as scratch, app(Path(scratch), rows) as url:
        for look in looks:
            found.append(waits(url, rows, look))
            print(table([look], found[-1:]), flush=True)
    text = f"{table(looks, found)}\n\n{processor()}; {', '.join(versions())}"
    print(text)
    if docs:
        page = PAGE.read_text(encoding="utf-8")
        marks = r"(<!-- inspection: begin -->\n).*?(<!-- inspection: end -->)"
        page = re.sub(marks, lambda m: f"{m[1]}{text}\n{m[2]}", page, flags=re.DOTALL)
        PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=101, help="spectra")
    parser.add_argument("--look", type=float, nargs="+", default=[2.0, 0.0], help="seconds")
    parser.add_argument("--docs", action="store_true", help="write the table into docs/view.md")
    arguments = parser.parse_args()
    main(arguments.rows, arguments.look, arguments.docs)
