"""Every example of the README and the documentation runs, and what they name is there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(bash|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
RELATIVE_LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")

DRIVER = """
import subprocess
namespace = {"__name__": "__main__"}
for kind, text in BLOCKS:
    if kind == "python":
        exec(compile(text, "example", "exec"), namespace)
    else:
        subprocess.run(["bash", "-euo", "pipefail", "-c", text], check=True)
"""


def examples(page: Path) -> list[tuple[str, str]]:
    """The bash and python blocks of a page, in order."""
    return [(kind, text) for kind, text in BLOCK.findall(page.read_text())]


WITH_EXAMPLES = [page for page in PAGES if examples(page)]


@pytest.mark.parametrize("page", WITH_EXAMPLES, ids=lambda page: page.name)
def test_examples_run(page: Path, tmp_path: Path) -> None:
    """In the order of the page, in one empty directory, with warnings as errors."""
    script = f"BLOCKS = {examples(page)!r}\n{DRIVER}"
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_pages_with_examples_are_found() -> None:
    names = {page.name for page in WITH_EXAMPLES}
    assert {"README.md", "tutorial.md", "training.md", "extend.md"} <= names


def test_tests_that_the_pages_name_exist() -> None:
    named = [found for page in PAGES for found in TEST.findall(page.read_text())]
    assert named, "the method page names the tests that keep its decisions"
    missing = [
        f"{path}::{name}"
        for path, name in named
        if not (ROOT / path).is_file() or f"def {name}(" not in (ROOT / path).read_text()
    ]
    assert missing == []


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_links_of_pages_outside_the_documentation_lead_somewhere(name: str) -> None:
    links = RELATIVE_LINK.findall((ROOT / name).read_text())
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_targets_that_the_readme_names_are_in_the_makefile() -> None:
    targets = set(re.findall(r"^\$ make (\w+)$", (ROOT / "README.md").read_text(), re.MULTILINE))
    assert {"demo", "test"} <= targets
    makefile = (ROOT / "Makefile").read_text()
    assert [name for name in targets if f"\n{name}:" not in makefile] == []
