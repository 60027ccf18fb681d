"""gasnet3 view as a person uses it: in a browser, by keys and clicks."""

from __future__ import annotations

import csv
import http.client
import re
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.table import Table

from gasnet3 import samples
from warm import run, start

pytestmark = pytest.mark.slow

PATIENCE = 30_000  # milliseconds; the machine may be busy


@contextmanager
def app(*arguments: str | Path) -> Iterator[str]:
    """The app, started as a user starts it; gives its URL."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with start("view", *arguments, "--no-browser", "--scanner", "anna", **pipes) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            found = re.match(r"http://127\.0\.0\.1:\d+/", line)
            assert found, line + process.stdout.read()
            yield found.group()
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, sample_catalog: Path) -> Path:
    """A directory with a catalog of the bundled spectra."""
    path = tmp_path_factory.mktemp("view")
    shutil.copy(sample_catalog, path / "all.parquet")
    return path


@pytest.fixture(scope="module")
def url(place: Path) -> Iterator[str]:
    """The app with the catalog and the spectra."""
    with app(place / "all.parquet", samples.DIRECTORY) as address:
        yield address


def judged(path: Path) -> dict[str, dict[str, str]]:
    """The rows of a file of judgements by id."""
    with path.open(newline="", encoding="utf-8") as file:
        return {row["id"]: row for row in csv.DictReader(file)}


class Seen:
    """What a person sees of the page, and what they do to it."""

    def __init__(self, page: Any) -> None:
        self.page = page

    def value(self, name: str, attribute: str = "value") -> Any:
        """An attribute of the widget of a name."""
        return self.page.evaluate(
            f"Bokeh.documents[0].get_model_by_name('{name}').{attribute}"
        )  # fmt: skip

    def wait(self, name: str, condition: str) -> None:
        """Wait until a condition on a widget ``it`` holds."""
        code = f"(() => {{ const it = Bokeh.documents[0].get_model_by_name('{name}');"
        self.page.wait_for_function(f"{code} return {condition} }})()", timeout=PATIENCE)

    def open(self, address: str) -> None:
        """Open the app and wait for the solutions of the first spectrum."""
        self.page.goto(address)
        self.page.wait_for_selector(".slick-row", timeout=PATIENCE)
        self.solved()

    def solved(self) -> None:
        """Wait for the solutions of the spectrum."""
        self.wait("solutions", "it.source.data.z.length > 0 && it.source.selected.indices.length")

    def press(self, key: str) -> None:
        self.page.keyboard.press(key)

    @property
    def id(self) -> str:
        return str(self.page.locator("b").filter(has_text=re.compile(r"\d|img")).first.inner_text())

    @property
    def status(self) -> str:
        return str(self.value("status", "text"))

    def saved(self, text: str) -> None:
        """Wait until the page says that this was saved."""
        # "saved in FILE: ..." becomes "saved: ..." once a spectrum that was underway is shown.
        self.wait("status", f"/saved( in|:)/.test(it.text) && it.text.includes('{text}')")

    def rows(self) -> list[list[str]]:
        """Cells of the list, as they are drawn."""
        drawn = self.page.locator(".slick-viewport").first.locator(".slick-row")
        rows = [row.locator(".slick-cell").all_inner_texts() for row in drawn.all()]
        return sorted(rows)


def test_a_person_judges_and_finds_it_again(page: Any, url: str, place: Path) -> None:
    seen = Seen(page)
    seen.open(url)
    first = seen.id
    seen.press("ArrowDown")  # another solution, which must not stay for the next spectrum
    seen.wait("solutions", "it.source.selected.indices[0] === 1")
    seen.press("ArrowRight")
    seen.wait("header", f"!it.text.includes('{first}')")
    seen.solved()
    name, z = seen.id, seen.value("solutions", "source.data.z[0]")
    assert name != first
    seen.press("3")
    seen.saved("quality 3")
    row = judged(place / "all_vi.csv")[name]
    assert row["VI_SCANNER"] == "anna"
    assert row["VI_QUALITY"] == "3"
    assert row["VI_CLASS"] == seen.value("solutions", "source.data['class'][0]")
    assert float(row["VI_Z"]) == pytest.approx(z)

    seen.press("m")
    page.keyboard.type("broad, 4 s lines")
    seen.press("Enter")
    page.wait_for_function("document.activeElement === document.body")
    seen.press("C")
    seen.wait("issues", "it.active.length === 1")
    seen.press("}")
    seen.wait("status", "it.text.includes('press the quality again')")
    seen.press("2")
    seen.saved("quality 2")
    moved = seen.value("z")
    assert moved == pytest.approx((1 + z) * 10 ** (20 * 1e-4) - 1)

    page.reload()
    page.wait_for_selector(".slick-row", timeout=PATIENCE)
    page.get_by_text(name, exact=True).first.click()
    seen.wait("quality", "it.active === 2")
    assert seen.value("comment") == "broad, 4 s lines"
    seen.wait("z", f"Math.abs(it.value - {moved}) < 1e-9")
    row = judged(place / "all_vi.csv")[name]
    assert (row["VI_QUALITY"], row["VI_ISSUE"]) == ("2", "C")
    assert row["VI_COMMENT"] == "broad, 4 s lines"
    assert [cells[-1] for cells in seen.rows() if cells[0] == name] == ["2"]


def test_keys_write_while_a_person_types(page: Any, url: str, place: Path) -> None:
    seen = Seen(page)
    seen.open(url)
    seen.press("ArrowLeft")
    name = seen.id
    seen.press("m")
    page.keyboard.type("s4 <b>q</b>?")
    seen.press("Escape")
    seen.saved("no quality, class or redshift")
    row = judged(place / "all_vi.csv")[name]
    assert row["VI_COMMENT"] == "s4 <b>q</b>?"
    assert row["VI_QUALITY"] == row["VI_CLASS"] == row["VI_Z"] == ""
    assert not seen.value("help", "visible")
    seen.press("?")
    seen.wait("help", "it.visible")


def test_the_list_is_filtered_and_ordered(page: Any, url: str) -> None:
    seen = Seen(page)
    seen.open(url)
    everything = len(seen.rows())
    assert everything == len(samples.paths())
    page.get_by_role("button", name="QSO").first.click()
    seen.wait("table", f"it.source.data.id.length < {everything}")
    assert {cells[1] for cells in seen.rows()} == {"QSO"}
    page.get_by_role("button", name="QSO").first.click()
    seen.wait("table", f"it.source.data.id.length === {everything}")

    page.locator("select").nth(3).select_option("redshift")
    seen.wait("table", "it.source.data.z.every((z, i, all) => i === 0 || all[i - 1] <= z)")
    redshifts = [float(cells[2]) for cells in seen.rows()]
    drawn = page.locator(".slick-viewport").first.locator(".slick-row")
    tops = {
        row.evaluate("row => row.getBoundingClientRect().top"): row.locator(".slick-cell")
        .nth(2)
        .inner_text()
        for row in drawn.all()
    }
    assert [float(tops[top]) for top in sorted(tops)] == sorted(redshifts)

    wanted = seen.value("table", "source.data.id[3]")
    seen.press("f")
    page.keyboard.type(wanted[-6:])
    seen.press("Enter")
    seen.wait("table", "it.source.data.id.length === 1")
    assert [cells[0] for cells in seen.rows()] == [wanted]
    seen.wait("header", f"it.text.includes('{wanted}')")


def test_the_redshift_moves_lines_and_model(page: Any, url: str) -> None:
    seen = Seen(page)
    seen.open(url)
    plot = "Bokeh.documents[0].get_model_by_name('spectrum')"
    column = "renderers.find((one) => one.data_source.data.{0}).data_source.data.{0}"
    lines = f"Array.from({plot}.{column.format('x')})"
    model = f"Array.from({plot}.{column.format('model')})"
    x, before = np.array(page.evaluate(lines)), page.evaluate(model)
    z = seen.value("z")
    box = page.locator("input[type=text]").last
    for spinner in page.locator(".bk-spin-wrapper input").all():
        if spinner.input_value() == f"{z:.5f}":
            box = spinner
    box.fill(f"{z + 0.004:.5f}")
    seen.press("Enter")
    page.wait_for_function(f"{model}[2000] !== {before[2000]}", timeout=PATIENCE)
    shifted = np.array(page.evaluate(lines))
    np.testing.assert_allclose(shifted / x, (1 + round(z + 0.004, 5)) / (1 + z))
    assert seen.value("z-slider") == seen.value("z")
    seen.press("r")
    seen.wait("z", f"it.value === {z}")


def test_two_tabs_keep_what_each_says(page: Any, url: str, place: Path) -> None:
    one, two = Seen(page), Seen(page.context.new_page())
    one.open(url)
    two.open(url)
    for _ in range(4):
        one.press("l")
    one.wait("table", "it.source.selected.indices[0] === 4")
    one.press("1")
    one.saved("quality 1")
    name = one.value("table", "source.data.id[4]")
    for _ in range(3):
        two.press("ArrowRight")
    two.wait("table", "it.source.selected.indices[0] === 3")
    two.press("0")
    two.saved("quality 0")
    two.press("ArrowRight")
    two.wait("quality", "it.active === 1")  # what the other tab said
    assert judged(place / "all_vi.csv")[name]["VI_QUALITY"] == "1"


def test_what_is_in_a_catalog_is_text(page: Any, tmp_path: Path) -> None:
    path = tmp_path / "odd.csv"
    name = "<img src=x onerror=alert(1)> 7"
    Table(
        {"id": [name, "b"], "class": ["QSO", "<script>alert(2)</script>"], "z": [np.nan, 1e9]}
    ).write(path)
    with app(path) as address:
        seen = Seen(page)
        page.goto(address)
        page.wait_for_selector(".slick-row", timeout=PATIENCE)
        seen.wait("message", "it.text.includes('no spectra were given')")
        assert page.locator("img[src=x]").count() == 0
        assert seen.id == name
        seen.press("4")
        seen.saved("quality 4")
        seen.press("ArrowRight")
        seen.wait("header", "it.text.includes('1000000000')")
        page.get_by_text("no spectra were given").wait_for()
        page.goto("about:blank")
    assert judged(tmp_path / "odd_vi.csv")[name]["VI_CLASS"] == "QSO"


def test_damaged_and_missing_spectra_are_told(page: Any, place: Path, tmp_path: Path) -> None:
    good, bad = samples.paths()[:2]
    shutil.copy(good, tmp_path)
    (tmp_path / bad.name).write_bytes(bad.read_bytes()[:3000])
    with app(place / "all.parquet", tmp_path, "--judgements", tmp_path / "mine.csv") as address:
        seen = Seen(page)
        page.goto(address)
        page.wait_for_selector(".slick-row", timeout=PATIENCE)
        told = []
        for row in range(len(samples.paths())):
            seen.wait("table", f"it.source.selected.indices[0] === {row}")
            name = seen.value("table", f"source.data.id[{row}]")
            seen.wait("header", f"it.text.includes('{name}')")
            seen.wait("message", "!it.text.includes('solving')")
            told.append(seen.value("message", "text"))
            seen.press("ArrowRight")
        page.goto("about:blank")
    assert told.count("") == 1
    assert sum(bad.name in text for text in told) == len(told) - 1


def test_one_file_without_a_catalog(page: Any, tmp_path: Path) -> None:
    path = Path(shutil.copy(samples.paths()[0], tmp_path))
    with app(path) as address:
        seen = Seen(page)
        seen.open(address)
        assert len(seen.rows()) == 1
        seen.press("4")
        seen.saved("quality 4")
        page.goto("about:blank")
    assert len(judged(path.with_name(f"{path.stem}_vi.csv"))) == 1


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "file size is 0 bytes"),
        (b"PAR1 this is no parquet", "the file is damaged"),
        (b"a,b\n1,2\n", "is no catalog"),
    ],
    ids=["empty", "damaged", "no catalog"],
)
def test_a_malformed_catalog_is_one_line(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / ("bad.csv" if b"," in content else "bad.parquet")
    path.write_bytes(content)
    _, err = run("view", path, "--no-browser", status=2)
    assert err.startswith("gasnet3: ")
    assert str(path) in err
    assert told in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("origin", "status"),
    [("http://evil.example", 403), ("http://127.0.0.1:1", 403), ("null", 403), ("", 101)],
    ids=["elsewhere", "other port", "null", "its own"],
)
def test_other_pages_cannot_talk_to_it(url: str, origin: str, status: int) -> None:
    host = url.removeprefix("http://").rstrip("/")
    connection = http.client.HTTPConnection(host, timeout=30)
    headers = {
        "Origin": origin or f"http://{host}",
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Protocol": "bokeh",
    }
    connection.request("GET", "/ws", headers=headers)
    assert connection.getresponse().status == status
    connection.close()


@pytest.mark.parametrize("path", ["..%2f..%2fetc/passwd", "static/..%2f..%2fetc/passwd", "x"])
def test_nothing_is_served_by_its_path(url: str, path: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(url + path)
    assert refused.value.code in (403, 404)
    refused.value.close()
