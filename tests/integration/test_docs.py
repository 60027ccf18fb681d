"""Every example of the README and the documentation runs, and what they name is there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from warm import environment

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
TUTORIAL = ROOT / "docs" / "tutorial.md"

IMPORTED_AS = {"scikit_learn": "sklearn"}
BARE = """
import sys
from importlib.machinery import PathFinder

class Bare(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name.split(".")[0] not in {absent}:
            return super().find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Bare
"""


def run_page(page: Path, directory: Path, python: list[str], variables: dict[str, str]) -> None:
    """Run the examples of a page in the order they have, in one directory."""
    done = subprocess.run(
        [*python, "-c", f"BLOCKS = {examples(page)!r}\n{DRIVER}"],
        cwd=directory,
        env=variables,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", [page for page in WITH_EXAMPLES if page != TUTORIAL], ids=lambda page: page.name
)
def test_examples_run(page: Path, tmp_path: Path) -> None:
    """In one empty directory, with warnings as errors."""
    run_page(page, tmp_path, ["gasnet3"], environment())


@pytest.mark.slow
def test_the_tutorial_runs_with_the_installed_command_alone(tmp_path: Path) -> None:
    """As somebody has it who installed gasnet3 without any extra."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = [line for extra in project["optional-dependencies"].values() for line in extra]
    packages = {re.split(r"[\[>]", line)[0].replace("-", "_") for line in lines} - {"gasnet3"}
    absent = {IMPORTED_AS.get(name, name) for name in packages}
    assert {"sklearn", "bokeh", "pandas"} <= absent
    (tmp_path / "sitecustomize.py").write_text(BARE.format(absent=absent))
    (tmp_path / "work").mkdir()
    variables = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(tmp_path),
    }
    run_page(TUTORIAL, tmp_path / "work", [sys.executable, "-W", "error"], variables)


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
