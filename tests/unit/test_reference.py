"""The references of the documentation, which are made from the code, lack nothing."""

from __future__ import annotations

import pkgutil
import re
import sys
from pathlib import Path

import pytest
import typer

import gasnet3
from gasnet3.catalog import COLUMNS
from gasnet3.cli import app
from gasnet3.flags import Notes, ZWarn

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def generated():
    sys.path.insert(0, str(DOCS))
    try:
        import generated as module
    finally:
        sys.path.remove(str(DOCS))
    return module


def test_every_public_module_is_in_the_reference(generated):
    text = "\n".join(generated.reference_pages().values())
    named = set(re.findall(r"^::: (\S+)$", text, re.MULTILINE))
    found = {"gasnet3", *(m.name for m in pkgutil.walk_packages(gasnet3.__path__, "gasnet3."))}
    public = {n for n in found if not re.search(r"\._|^gasnet3\.cli|^gasnet3$", n)}
    assert "gasnet3.io.stores.npz" in public
    assert sorted(public - named) == []
    assert sorted(named - public) == []


def test_every_module_says_what_it_is_for(generated):
    silent = [n for page in generated.modules().values() for n, text in page.items() if not text]
    assert silent == []


def test_every_command_and_option_is_in_the_reference(generated):
    text = generated.commands()
    group = typer.main.get_command(app)
    for name, command in group.commands.items():
        part = text.split(f"## {name}\n", 1)[1].split("\n## ", 1)[0]
        for parameter in (p for p in command.params if not p.hidden):
            for option in (o for o in parameter.opts if o.startswith("-")):
                assert option in part, f"{option} of {name}"
    assert "<int" not in text
    assert "| `--solver <amortised\\|exact\\|hybrid>` |" in text
    assert re.search(r"^\| `--batch-size N` .* \| 256 \|$", text, re.MULTILINE)


def test_every_column_and_flag_is_in_the_reference(generated):
    assert [c.name for c in COLUMNS if f"| `{c.name}` |" not in generated.columns()] == []
    assert [flag.name for flag in ZWarn if f"`{flag.name}`" not in generated.flags()] == []
    assert [flag.name for flag in Notes if f"`{flag.name}`" not in generated.notes()] == []


def test_what_pages_take_from_the_code_is_there(generated):
    pages = {page.name: page.read_text() for page in DOCS.glob("*.md")}
    marks = {mark for text in pages.values() for mark in re.findall(r"<!-- from code: (\w+)", text)}
    assert {"columns", "flags", "notes", "commands", "modules"} <= marks
    assert marks <= set(generated.GENERATORS)


def test_public_names_are_explained(generated):
    assert [
        name for name in gasnet3.__all__ if f"`gasnet3.{name}`" not in generated.everyday()
    ] == []
