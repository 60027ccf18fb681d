"""The commands of ``warm.py`` are to a shell what the installed one is."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import gasnet3
from warm import environment, run


def shell(text: str) -> subprocess.CompletedProcess[str]:
    """Run a line of bash."""
    call = ["bash", "-c", text]
    return subprocess.run(call, env=environment(), capture_output=True, text=True, timeout=60)


def test_output_and_status_are_those_of_the_command() -> None:
    assert run("--version") == (f"gasnet3 {gasnet3.__version__}\n", "")
    done = shell("gasnet3 --version | tr a-z A-Z; gasnet3 classify; echo $?")
    assert done.stdout == f"GASNET3 {gasnet3.__version__}\n2\n"
    assert "FILES" in done.stderr


def test_warnings_of_scripts_are_errors() -> None:
    done = shell("gasnet3 -c 'import warnings; warnings.warn(\"careful\")'")
    assert done.returncode == 1
    assert "UserWarning: careful" in done.stderr


MEET = """
import os, sys, time
from pathlib import Path
Path(str(os.getpid())).touch()
until = time.monotonic() + 50
while len(list(Path().iterdir())) < 2 and time.monotonic() < until:
    time.sleep(0.01)
sys.exit(len(list(Path().iterdir())) < 2)
"""


def test_two_at_once(tmp_path: Path) -> None:
    """Each waits for the other, which one after the other could not."""
    calls = [
        subprocess.Popen(["gasnet3", "-c", MEET], env=environment(), cwd=tmp_path) for _ in range(2)
    ]
    assert [call.wait(timeout=60) for call in calls] == [0, 0]


def test_who_kills_the_caller_kills_the_command(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    text = f"import os, time; from pathlib import Path; Path({str(note)!r}).write_text"
    script = f"{text}(str(os.getpid())); time.sleep(60)"
    process = subprocess.Popen(["gasnet3", "-c", script], env=environment())
    while not (note.exists() and note.read_text()):
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    for _ in range(100):
        try:
            os.kill(int(note.read_text()), 0)
        except ProcessLookupError:
            break
        time.sleep(0.05)
    else:
        raise AssertionError("the command goes on though its caller is gone")
