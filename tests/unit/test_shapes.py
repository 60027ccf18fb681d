"""The shapes that the core functions are annotated with are those they get and give."""

import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]


def test_annotated_shapes_hold_and_wrong_ones_are_refused() -> None:
    # In a process of its own: checks cost time, and modules are checked from their import on.
    done = subprocess.run(
        [sys.executable, "-W", "error", str(TESTS / "shapes.py")],
        capture_output=True, text=True, timeout=300,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.split() == ["39", "5"]


def test_jaxtyping_is_not_needed_to_run() -> None:
    code = "import sys; import gasnet3.pipeline.pipeline; print('jaxtyping' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "False", done.stderr
