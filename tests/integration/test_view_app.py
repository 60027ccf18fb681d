"""gasnet3 view as a person starts it: by command, with networks, in a browser."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from astropy.table import Table

from gasnet3 import samples
from gasnet3.catalog import read_catalog
from gasnet3.view.app import opening
from inspected import Seen, judged
from warm import run, start

pytestmark = pytest.mark.slow


@contextmanager
def app(*arguments: str | Path) -> Iterator[str]:
    """The app, started as a user starts it; gives its URL."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with start("view", *arguments, "--no-browser", "--scanner", "anna", **pipes) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if line.startswith("gasnet3: what others say"):
                line = process.stdout.readline()
            found = re.match(r"http://127\.0\.0\.1:\d+/\?secret=\S+", line)
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


def test_a_person_judges_and_finds_it_again(page: Any, url: str, place: Path) -> None:
    seen = Seen(page)
    seen.open(url)
    first = seen.js("document.body.dataset.drawn")
    seen.press("ArrowDown")  # another solution, which must not stay for the next spectrum
    seen.press("ArrowRight")
    seen.until(f"!['', {json.dumps(first)}].includes(document.body.dataset.drawn)")
    name = seen.js("document.body.dataset.drawn")
    z = seen.z
    seen.press("3")
    seen.says("status", "saved in all_vi.csv: quality 3")
    row = judged(place / "all_vi.csv")[name]
    assert (row.scanner, row.quality, row.cls) == ("anna", 3, seen.cls)
    assert row.z == pytest.approx(z)
    seen.press("}")
    seen.says("status", "press the quality again")
    seen.until("!it.fitting && !it.next")
    seen.press("2")
    seen.says("status", "quality 2")
    page.reload()
    seen.drawn()
    page.locator("td", has_text=name).first.click()
    seen.drawn(name)
    seen.says("status", "quality 2")
    steps = 20 if seen.cls != "STAR" else 2
    assert seen.z == pytest.approx((1 + z) * 10 ** (steps * 1e-4) - 1)


def test_the_model_is_fitted_where_the_redshift_goes(page: Any, url: str) -> None:
    seen = Seen(page)
    seen.open(url)
    before = seen.js("Array.from(it.model)")
    z = seen.z
    page.locator("#z").fill(f"{z + 0.004:.5f}")
    seen.press("Enter")
    seen.until("!it.fitting && !it.next")
    assert seen.js("Array.from(it.model)") != before
    seen.press("r")
    assert seen.z == z
    assert seen.js("Array.from(it.model)") == before


def test_what_is_in_a_catalog_is_text(page: Any, tmp_path: Path) -> None:
    path = tmp_path / "odd.csv"
    name = "<img src=x onerror=alert(1)> 7"
    Table(
        {"id": [name, "b"], "class": ["QSO", "<script>alert(2)</script>"], "z": [np.nan, 1e9]}
    ).write(path)
    with app(path) as address:
        seen = Seen(page)
        seen.open(address)
        seen.says("message", "no spectra were given")
        assert page.locator("img[src=x]").count() == 0
        seen.says("answer", name)
        seen.press("ArrowRight")
        seen.drawn("b")
        seen.says("answer", "<script>alert(2)</script>")
        page.goto("about:blank")


def test_damaged_and_missing_spectra_are_told(page: Any, place: Path, tmp_path: Path) -> None:
    good, bad = samples.paths()[:2]
    shutil.copy(good, tmp_path)
    (tmp_path / bad.name).write_bytes(bad.read_bytes()[:3000])
    with app(place / "all.parquet", tmp_path, "--judgements", tmp_path / "mine.csv") as address:
        seen = Seen(page)
        seen.open(address)
        told = []
        for row in range(len(samples.paths())):
            seen.until(f"it.list.page.place === {row} && document.body.dataset.drawn")
            told.append(seen.text("message"))
            seen.press("ArrowRight")
        page.goto("about:blank")
    assert told.count("") == 1
    assert sum(bad.name in text for text in told) == len(told) - 1


def test_one_file_without_a_catalog(page: Any, tmp_path: Path) -> None:
    path = Path(shutil.copy(samples.paths()[0], tmp_path))
    with app(path) as address:
        seen = Seen(page)
        seen.open(address)
        assert seen.text("count") == "1 of 1 spectra"
        seen.press("4")
        seen.says("status", "quality 4")
        page.goto("about:blank")
    assert len(judged(path.with_name(f"{path.stem}_vi.csv"))) == 1


def test_colleagues_are_read_and_must_be_there(place: Path, tmp_path: Path) -> None:
    _, err = run(
        "view", place / "all.parquet", "--no-browser", "--colleague", tmp_path / "no.csv", status=2
    )
    assert "no.csv: there is no such file" in err
    ben = tmp_path / "ben.csv"
    names = read_catalog(place / "all.parquet")["id"]
    ben.write_text(f"id,VI_QUALITY,VI_CLASS,VI_Z\n{names[0]},4,QSO,6.5\n")
    mine = tmp_path / "mine.csv"
    mine.write_text("id,VI_SCANNER,VI_QUALITY\na,carl,nonsense\n")  # not ours to correct
    with app(place / "all.parquet", "--colleague", ben, "--judgements", mine) as address:
        status, body = post(address, "list", {"chosen": {"only": "disputed"}})
    assert status == 200
    assert [row["id"] for row in json.loads(body)["rows"]] == [str(names[0])]


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


def test_ctrl_c_ends_it_and_says_where_the_judgements_are(place: Path) -> None:
    call = [sys.executable, "-m", "gasnet3", "view", str(place / "all.parquet"), "--no-browser"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    # The background of a shell ignores Ctrl-C, and what it starts would too.
    heard = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(call, preexec_fn=heard, **pipes) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("http://")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=120)
    assert err == f"gasnet3: stopped; the judgements are in {place / 'all_vi.csv'}\n"
    assert process.returncode == 128 + signal.SIGINT


def post(url: str, name: str, asked: dict[str, Any], **headers: str | None) -> tuple[int, str]:
    """Ask as the page does, with other headers where they are named; status and answer."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=30)
    sent = {"Host": parts.netloc, "X-Secret": parts.query.removeprefix("secret=")}
    sent |= {key.replace("_", "-"): value for key, value in headers.items()}
    body = json.dumps(asked)
    sent["Content-Length"] = str(len(body))
    connection.putrequest("POST", f"/ask/{name}", skip_host=True, skip_accept_encoding=True)
    for key, value in sent.items():
        if value is not None:
            connection.putheader(key, value)
    connection.endheaders(body.encode())
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    return response.status, text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"X_Secret": None}, 403),
        ({"X_Secret": "guess"}, 403),
        ({"X_Secret": "é"}, 403),
        ({"Host": "evil.example"}, 403),
        ({"Host": None}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "localhost:8080", "Origin": "http://localhost:8080"}, 200),  # a tunnel
    ],
)
def test_only_who_has_the_secret_is_answered(
    url: str, place: Path, headers: dict[str, Any], status: int
) -> None:
    found, body = post(url, "start", {}, **headers)
    assert found == status
    assert ("all.parquet" in body) is (status == 200)
    name = str(read_catalog(place / "all.parquet")["id"][-1])
    found, _ = post(url, "judge", {"id": name, "quality": 0, "comment": "not anna"}, **headers)
    assert found == status
    said = judged(place / "all_vi.csv").get(name) if (place / "all_vi.csv").exists() else None
    assert (said is not None and said.comment == "not anna") is (status == 200)
    if status == 200:
        post(url, "judge", {"id": name})


@pytest.mark.parametrize("name", ["start", "", "%2e%2e/start", "nothing", "_answers"])
def test_bad_questions_are_refused(url: str, name: str) -> None:
    asked: Any = [1, 2] if name == "list" else {"row": "x"}
    status, _ = post(url, name, asked)
    assert status == (200 if name == "start" else 400)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("", 403), ("?secret=guess", 403), ("static/main.js", 200), ("x", 404),
        ("static/..%2f..%2fetc/passwd", 404), ("..%2f..%2fetc/passwd", 404),
        ("static/../server.py", 404), ("static/", 404),
    ],
)  # fmt: skip
def test_nothing_is_served_by_its_path(url: str, path: str, status: int) -> None:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    connection.request("GET", f"/{path}")
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    assert response.status == status
    if status == 403:
        assert "open the address that gasnet3 view printed" in text


def test_a_browser_is_led_there_by_a_file_of_its_owner() -> None:
    place = Path(urlsplit(opening("http://127.0.0.1:1/?secret=abc")).path)
    assert place.stat().st_mode & 0o077 == 0
    assert "http://127.0.0.1:1/?secret=abc" in place.read_text()
    shutil.rmtree(place.parent)
