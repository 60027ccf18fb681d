"""What is loaded when: modules are counted, as seconds depend on the machine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import gasnet3.samples

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


HEAVY = ("numpy", "torch", "astropy", "scipy", "pyarrow", "pandas", "rich", "importlib.metadata")


def ran(*arguments: str) -> set[str]:
    """What a command has loaded when it is done."""
    code = (
        "import contextlib, io\nfrom gasnet3.cli import app\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
        f"    app({list(arguments)!r})"
    )
    return set(loaded(code))


def test_the_help_loads_nothing_heavy() -> None:
    modules = ran("--help")
    assert not modules & set(HEAVY)
    rooms = {name.split(".")[1] for name in ours(sorted(modules)) if "." in name}
    assert rooms == {"classes", "cli", "errors", "io", "machine", "version"}


def test_classify_loads_what_it_needs(tmp_path: Path) -> None:
    sample = min(Path(gasnet3.samples.__file__).parent.glob("*.fits"))
    output = tmp_path / "catalog.parquet"
    modules = ran("classify", str(sample), "-o", str(output), "--solver", "amortised")
    assert output.is_file()
    unneeded = {"astropy", "pandas", "pyarrow.dataset", "pyarrow.compute", "scipy.fft", "h5py"}
    assert not modules & {*unneeded, "matplotlib", "rich.progress", "sklearn", "distributed"}


def test_a_plan_needs_no_networks(tmp_path: Path) -> None:
    sample = min(Path(gasnet3.samples.__file__).parent.glob("*.fits"))
    modules = ran("plan", str(sample), "-o", str(tmp_path / "run"))
    assert (tmp_path / "run" / "plan.json").is_file()
    assert not modules & {"torch", "astropy", "pandas"}
