"""gasnet3 convert as a user runs it: convert, go on, verify, and what goes wrong."""

from __future__ import annotations

import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import warm
from gasnet3 import Spectra, io, samples
from gasnet3.io.stores.manifest import verify
from gasnet3.spectra.lattice import OBSERVED

COMMAND = Path(sys.executable).with_name("gasnet3")


def run(*arguments: object, status: int = 0) -> tuple[str, str]:
    """Run gasnet3 convert; stdout and stderr, without a traceback whatever the status."""
    return warm.run("convert", *arguments, status=status)


def small_files() -> None:
    """As a full disk: no file may grow beyond a shard's half."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled spectra as shards of three."""
    directory = tmp_path_factory.mktemp("convert") / "shards"
    out, err = run(samples.DIRECTORY, "-o", directory, "--shard-rows", 3)
    count = len(io.read(samples.DIRECTORY))
    assert f"{count} spectra in {-(-count // 3)} shards" in out
    assert err == "", "no progress where there is no terminal"
    return directory


def test_shards_are_an_input_like_any_other(shards: Path) -> None:
    again, first = io.read(shards), io.read(samples.DIRECTORY)
    assert again.flux.tobytes() == first.flux.tobytes()
    assert again.ids.tolist() == first.ids.tolist()
    assert again.classes.tolist() == first.classes.tolist()


def test_going_on_and_verifying(shards: Path, tmp_path: Path) -> None:
    directory = tmp_path / "copy"
    shutil.copytree(shards, directory)
    out, _ = run("--verify", directory)
    assert "all as written" in out
    (directory / "shard-000001.arrow").write_bytes(b"")
    out, err = run("--verify", directory, status=1)
    assert "shard-000001.arrow: has 0 bytes" in err
    assert "run gasnet3 convert with the same inputs again" in err
    out, _ = run(samples.DIRECTORY, "-o", directory, "--shard-rows", 3)
    assert "(1 written, " in out
    assert run("--verify", directory, "--quiet") == ("", "")


def test_files_that_cannot_be_read_are_listed(shards: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.fits").write_bytes(b"nothing")
    _, err = run(tmp_path / "broken.fits", shards, "-o", tmp_path / "out", status=1)
    assert "broken.fits: no reader knows this format" in err
    assert len(io.read(tmp_path / "out")) == len(io.read(shards))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("IN",), "--output"),
        (("--verify", "IN", "-o", "OUT"), "--verify converts nothing"),
        (("--verify", "IN"), "manifest.json: cannot be read"),
        (("IN/nothing", "-o", "OUT"), "no such file"),
        (("IN", "-o", "FILE"), "is a file; give a directory"),
        (("IN", "-o", "SHARDS"), "hold other rows"),
        (("SHARDS", "-o", "SHARDS", "--overwrite"), "lies in the output"),
    ],
)
def test_bad_usage_is_one_line(
    shards: Path, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    (tmp_path / "file").touch()
    names = {"IN": samples.DIRECTORY, "OUT": tmp_path / "out", "FILE": tmp_path / "file"}
    names["SHARDS"] = shards
    for name, path in names.items():
        arguments = tuple(text.replace(name, str(path)) for text in arguments)
    _, err = run(*arguments, status=2)
    assert len(err.strip().splitlines()) == 1, err
    assert message in err


def test_a_shard_that_cannot_be_written_is_one_line_and_no_file(tmp_path: Path) -> None:
    command = [COMMAND, "convert", samples.DIRECTORY, "-o", tmp_path / "out"]
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=small_files)
    assert done.returncode == 2
    err = done.stderr
    assert len(err.strip().splitlines()) == 1, err
    assert "cannot write into it" in err
    assert "run the same command again" in err
    assert list((tmp_path / "out").iterdir()) == []


def test_interrupted_it_says_how_to_go_on(tmp_path: Path) -> None:
    flux = np.ones((600, OBSERVED.n), np.float32)
    many = Spectra.from_arrays(flux, flux, loglam=OBSERVED.loglam)
    io.write_shard(tmp_path / "many.arrow", many)
    arguments = [tmp_path / "many.arrow", "-o", tmp_path / "out", "--shard-rows", "1"]
    process = subprocess.Popen(
        [COMMAND, "convert", *map(str, arguments)],
        stderr=subprocess.PIPE,
        text=True,
        # The background of a shell ignores Ctrl-C, and what it starts would too.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 60
    while len(list((tmp_path / "out").glob("shard-*"))) < 5 and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "run the same command again to go on" in err
    assert len(err.strip().splitlines()) == 1, err
    done = len(list((tmp_path / "out").glob("shard-*")))
    assert 5 <= done < 600
    assert not list((tmp_path / "out").glob(".*")), "nothing half-written stays"


def test_two_at_once_leave_one_good_directory(tmp_path: Path) -> None:
    """Whether the second is refused or does the same work, nothing is lost or doubled."""
    command = [COMMAND, "convert", samples.DIRECTORY, "-o", tmp_path / "out", "--shard-rows", "1"]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    errors = [process.communicate(timeout=120)[1] for process in both]
    assert 0 in [process.returncode for process in both], errors
    assert not any("Traceback" in error for error in errors), errors
    assert verify(tmp_path / "out") == []
    assert io.read(tmp_path / "out").ids.tolist() == io.read(samples.DIRECTORY).ids.tolist()
