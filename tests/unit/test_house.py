"""The picture of the house in CONTRIBUTING.md is that of the imports and of the contracts."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import gasnet3

SOURCE = Path(gasnet3.__file__).parent
ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "CONTRIBUTING.md").read_text()


def floors() -> list[list[str]]:
    """The rooms of each floor as CONTRIBUTING.md draws them, from the top."""
    drawn = re.search(r"<!-- floors -->\n```\n(.*?)```", GUIDE, re.DOTALL)
    assert drawn
    return [re.split(r"\s{2,}", line[:50].strip()) for line in drawn[1].splitlines()]


def imported(path: Path) -> set[str]:
    """The rooms that a module imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module == "gasnet3":
            names |= {f"gasnet3.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return {name.split(".")[1] for name in names if name.startswith("gasnet3.")}


def arrows() -> dict[str, set[str]]:
    """Which rooms each room imports."""
    found: dict[str, set[str]] = {}
    for path in SOURCE.rglob("*.py"):
        room = path.relative_to(SOURCE).parts[0].removesuffix(".py")
        found.setdefault(room, set()).update(imported(path) - {room})
    return found


def test_the_floors_are_those_of_the_contract() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    layers = next(one["layers"] for one in contracts["contracts"] if one["type"] == "layers")
    assert floors() == [layer.split(" | ") for layer in layers]


def test_each_room_has_a_line_with_its_arrows() -> None:
    told = {
        row[1]: set(filter(None, row[2].split(", ")))
        for row in re.finditer(r"^\| `(\w+)` \| .* \| (.*?) ?\|$", GUIDE, re.MULTILINE)
    }
    found = arrows()
    order = [room for floor in floors() for room in floor]
    wrong = [
        f"{room}: {', '.join(sorted(found[room], key=order.index))}"
        for room in order
        if not room.startswith("__") and told.get(room) != found[room]
    ]
    assert not wrong, "what the last column of CONTRIBUTING.md should say:\n" + "\n".join(wrong)
    assert set(told) == set(found) - {"__init__", "__main__"}
