"""Whatever gasnet3 itself says is wrong can be caught by one name."""

from __future__ import annotations

import ast
import builtins
import pickle
from pathlib import Path

import pytest

import gasnet3
from gasnet3.io import ReadError
from gasnet3.nets.card import ModelError

SOURCE = Path(gasnet3.__file__).parent


def exceptions() -> list[tuple[str, list[str]]]:
    """Classes that derive from exceptions, with their bases."""
    found = []
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                bases = [ast.unparse(base) for base in node.bases]
                if any(base.endswith(("Error", "Exception")) for base in bases):
                    found.append((node.name, bases))
    return found


def test_every_error_is_one_of_ours_and_of_pythons_where_it_was() -> None:
    found = dict(exceptions())
    assert len(found) == 31, "28 errors, their root, and what work and the kernels catch themselves"
    others = {name: bases for name, bases in found.items() if bases[0] != "GasnetError"}
    assert others == {key: ["Exception"] for key in ("GasnetError", "ReadAgain", "BuildError")}
    assert {base for bases in found.values() for base in bases[1:]} == {
        "ValueError",
        "ModuleNotFoundError",
    }
    assert all(hasattr(builtins, base) for bases in found.values() for base in bases[1:])


def test_the_root_is_on_the_face() -> None:
    with pytest.raises(gasnet3.GasnetError, match="no model 'nothing'"):
        gasnet3.load_models("nothing")
    assert issubclass(ModelError, gasnet3.GasnetError)
    assert not issubclass(ModelError, ValueError)


def test_an_error_of_a_worker_travels() -> None:
    error = pickle.loads(pickle.dumps(ModelError("a.json: no")))
    assert (type(error), str(error)) == (ModelError, "a.json: no")
    failed = pickle.loads(pickle.dumps(ReadError(Path("a.fits"), "is broken")))
    assert str(failed) == "a.fits: is broken"
