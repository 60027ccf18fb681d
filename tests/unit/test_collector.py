"""The garbage collector of the commands' own processes."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import atexit, gc
from gasnet3.cli import app
from gasnet3.machine.collector import OBJECTS

before = gc.get_threshold()
atexit.register(lambda: print("frozen", gc.get_freeze_count() > 1000))  # the last to run
for _ in range(2):
    app(["models"], standalone_mode=False)
assert before[0] < OBJECTS == gc.get_threshold()[0], gc.get_threshold()
assert gc.get_threshold()[1:] == before[1:]
assert gc.isenabled()
"""


def test_a_command_looks_for_garbage_seldom_and_not_at_its_end() -> None:
    command = [sys.executable, "-W", "error", "-c", SCRIPT]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "frozen True"


def test_importing_gasnet3_leaves_the_collector_alone() -> None:
    script = "import gc; a = gc.get_threshold(); import gasnet3.cli; assert gc.get_threshold() == a"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
