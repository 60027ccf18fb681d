"""The app without networks, for tests in a browser: spectra that are known, solved when told to.

``serving`` starts the server of the app in this process. Its spectra have lines at a redshift of
their own, so what a person sees of them can be foretold.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np
from astropy.table import Table

from gasnet3.evaluate.judgements import Judgement, JudgementFile
from gasnet3.pipeline.closeup import Closeup, Solution
from gasnet3.view.app import make_server
from gasnet3.view.listing import Listing
from gasnet3.view.server import Server
from gasnet3.view.shared import Shared
from gasnet3.view.spectra import MissingSpectrum

WAVE = 10 ** (3.5563 + 1e-4 * np.arange(4000))
LINES = (3728.48, 4862.68, 4960.30, 5008.24, 6564.61)
PATIENCE = 20.0
"""Seconds to wait for a page; the machine may be busy."""


def light(z: float, level: float = 10.0) -> np.ndarray:
    """A continuum with emission lines at a redshift."""
    flux = np.full(len(WAVE), level)
    for rest in LINES:
        flux += 3 * level * np.exp(-0.5 * ((WAVE / (rest * (1 + z)) - 1) / 4e-4) ** 2)
    return flux


def solution(cls: str, z: float, chi2: float) -> Solution:
    return Solution(cls, "", z, 1e-4, chi2, chi2 / 4000, 9.0, 0.9, 0, light(z), 0.95)


def closeup(name: str, z: float, cls: str = "GALAXY") -> Closeup:
    """A spectrum of a class and redshift, with another solution of each class."""
    noise = np.random.default_rng(int(z * 1e5)).normal(0, 0.5, len(WAVE))
    ivar = np.full(len(WAVE), 4.0)
    ivar[:20] = ivar[1000:1010] = 0.0
    grids = {
        "STAR": np.linspace(-0.004, 0.004, 80),
        "GALAXY": np.linspace(-0.002, 1.8, 900),
        "QSO": np.linspace(0.0, 7.0, 2000),
    }
    best = {"STAR": 0.0005, "GALAXY": z, "QSO": 1.25} | {cls: z}
    curves = {one: (at, 2 - np.exp(-((at - best[one]) ** 2) / 1e-4)) for one, at in grids.items()}
    p_z = {cls: (np.linspace(z - 0.01, z + 0.01, 60), np.full(60, 0.95 / 60))}
    order = [cls, *(one for one in ("QSO", "STAR", "GALAXY") if one != cls)]
    found = tuple(solution(one, best[one], 4000.0 + 90 * i) for i, one in enumerate(order))
    return Closeup(
        name, WAVE, light(z) + noise, ivar, np.full(len(WAVE), 10.0), light(z), cls, z, 1e-4, 1.0,
        0, 0, curves, best, found, p_z,
    )  # fmt: skip


class Known:
    """Closeups that are known; ``hold`` makes them wait, ``solved`` lists what was asked for."""

    def __init__(self, known: dict[str, Closeup]) -> None:
        self.known = known
        self.go = threading.Event()
        self.go.set()
        self.solved: list[str] = []
        self.fitted: list[tuple[str, float]] = []
        self._pool = ThreadPoolExecutor(1)

    def inspect(self, name: str) -> Future[Closeup]:
        return self._pool.submit(self._inspect, name)

    def _inspect(self, name: str) -> Closeup:
        self.go.wait(timeout=60)
        self.solved.append(name)
        if name not in self.known:
            raise MissingSpectrum(f"no spectrum {name!r} in the files given")
        return self.known[name]

    def model_at(self, name: str, cls: str, z: float) -> Future[Any]:
        self.fitted.append((cls, z))
        return self._pool.submit(light, z, 10.0)


def catalog(n: int = 6, **columns: Any) -> tuple[Table, Known]:
    """A catalog of n spectra, a star every third, and their closeups."""
    classes = ["STAR" if i % 3 == 2 else "GALAXY" for i in range(n)]
    z = [0.0005 if cls == "STAR" else 0.1 + 0.02 * i for i, cls in enumerate(classes)]
    ids = [f"spec-{i:03d}" for i in range(n)]
    both = zip(ids, z, classes, strict=True)
    known = {name: closeup(name, at, cls) for name, at, cls in both}
    rising = np.arange(n, dtype=float)
    table = Table({"id": ids, "class": classes, "z": z, "sn_median": rising, **columns})
    return table, Known(known)


@contextmanager
def serving(
    table: Table,
    known: Known,
    file: JudgementFile,
    *,
    port: int = 0,
    secret: str = "",
    colleagues: tuple[Judgement, ...] = (),
) -> Iterator[tuple[str, Server]]:
    """The app in this process: its address, and the server."""
    shared = Shared(Listing(table), cast(Any, known), file, "test.parquet", colleagues)
    server = make_server(shared, port=port, secret=secret)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/?secret={server.secret}", server
    finally:
        known.go.set()
        server.shutdown()
        server.server_close()
        thread.join()


class Seen:
    """What a person sees of the page, and what they do to it."""

    def __init__(self, page: Any) -> None:
        self.page = page

    def open(self, address: str) -> None:
        """Open the app and wait until the first spectrum is drawn."""
        self.page.goto(address)
        self.drawn()

    def js(self, code: str) -> Any:
        return self.page.evaluate(f"() => {{ const it = window.gasnet3; return {code} }}")

    def until(self, code: str) -> Any:
        """Wait until an expression, of the page ``it``, is true."""
        # Not wait_for_function: it needs eval, which the page forbids.
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            found = self.js(code) if self.js("Boolean(it)") else None
            if found:
                return found
            self.page.wait_for_timeout(30)
        raise AssertionError(f"never: {code}; the status is {self.text('status')!r}")

    def drawn(self, name: str = "") -> None:
        """Wait until a spectrum is drawn, or the one of an id."""
        wanted = f" === {json.dumps(name)}" if name else ""
        self.until(f"document.body.dataset.drawn{wanted}")

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def text(self, name: str) -> str:
        return str(self.page.locator(f"#{name}").inner_text())

    def says(self, name: str, text: str) -> None:
        """Wait until a part of the page has a text."""
        self.until(f"document.getElementById('{name}').textContent.includes({json.dumps(text)})")

    @property
    def z(self) -> float:
        return float(self.js("it.z"))

    @property
    def cls(self) -> str:
        return str(self.js("it.cls"))

    @property
    def x(self) -> tuple[float, float]:
        """Wavelengths that the spectrum shows."""
        low, high = self.page.locator("#spectrum").get_attribute("data-x").split()
        return float(low), float(high)

    @property
    def y(self) -> tuple[float, float]:
        low, high = self.page.locator("#spectrum").get_attribute("data-y").split()
        return float(low), float(high)

    @property
    def names(self) -> int:
        """Names of lines that are drawn."""
        return int(self.page.locator("#spectrum").get_attribute("data-names"))

    def at(self, wave: float) -> tuple[float, float]:
        """Where on the screen a wavelength of the spectrum is."""
        box = self.page.locator("#spectrum").bounding_box()
        left = self.js(f"it.view.top.atX({wave})")
        return box["x"] + left, box["y"] + self.js("it.view.top.top + 0.6 * it.view.top.height")

    def click(self, wave: float) -> None:
        self.page.mouse.click(*self.at(wave))

    def drag(self, one: tuple[float, float], two: tuple[float, float]) -> None:
        self.page.mouse.move(*one)
        self.page.mouse.down()
        self.page.mouse.move((one[0] + two[0]) / 2, (one[1] + two[1]) / 2)
        self.page.mouse.move(*two)
        self.page.mouse.up()


def judged(path: Path) -> dict[str, Any]:
    """The judgements of a file by id."""
    return JudgementFile(path, "anna").latest()
