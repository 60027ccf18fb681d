"""What is loaded when: modules are counted, as seconds depend on the machine."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

LOADED = "import json, sys; print(json.dumps(sorted(sys.modules)))"


def loaded(code: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{LOADED}"], capture_output=True, text=True, check=True
    )
    modules: list[str] = json.loads(done.stdout)
    return modules


def ours(modules: list[str]) -> list[str]:
    return [name for name in modules if name.split(".")[0] == "gasnet3"]


def test_the_face_alone_loads_nothing() -> None:
    modules = loaded("import gasnet3")
    assert ours(modules) == ["gasnet3", "gasnet3.classes", "gasnet3.version"]
    assert "numpy" not in modules


def test_classify_first_touched_loads_few_modules() -> None:
    modules = loaded("import gasnet3; gasnet3.classify")
    assert len(ours(modules)) < 30, ours(modules)
    assert not {"torch", "astropy", "scipy", "pyarrow"} & set(modules)


@pytest.mark.parametrize("name", ["load_classifier", "GasnetError", "Spectra", "load_models"])
def test_light_names_load_neither_torch_nor_tables(name: str) -> None:
    modules = loaded(f"import gasnet3; gasnet3.{name}")
    assert not {"torch", "astropy", "pyarrow"} & set(modules)


def test_a_run_is_planned_without_torch() -> None:
    code = (
        "from gasnet3.pipeline.request import Request\n"
        "from gasnet3.run.config import make_config\n"
        "assert len(make_config(Request())['fingerprint']) > 6"
    )
    assert "torch" not in loaded(code)
