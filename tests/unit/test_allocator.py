"""Memory of freed arrays is kept for the next ones, in the processes that ask for it."""

import subprocess
import sys

import pytest

PAGES = """
import resource
import sys
import numpy as np
from gasnet3.machine.allocator import keep_freed_memory

if sys.argv[1] == "keep" and not keep_freed_memory():
    sys.exit(3)

def batch():
    arrays = [np.ones(500_000) for _ in range(6)]

for _ in range(3):
    batch()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    batch()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def pages(how: str) -> int:
    """New pages that ten equal batches need after the first three."""
    command = [sys.executable, "-c", PAGES, how]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 3:
        pytest.skip("this C library has no mallopt")
    return int(done.stdout)


def test_batches_ask_the_system_for_no_more_memory() -> None:
    assert pages("keep") < 100 < pages("leave")
