"""Compiles the loops in C beside their text, for wheels and for editable installs.

Where that fails the package is installed without them, for any machine: it works, slower.
"""

from __future__ import annotations

import importlib.util
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

KERNELS = Path("src/gasnet3/kernels")


class CompileKernels(BuildHookInterface[Any]):
    """A wheel of one platform, for every Python, with the loops in it."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, name the platform, and have what git ignores put in."""
        spec = importlib.util.spec_from_file_location(
            "build", Path(self.root) / KERNELS / "build.py"
        )
        assert spec is not None
        assert spec.loader is not None
        kernels = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(kernels)
        try:
            made = kernels.build(Path(self.root) / KERNELS)
        except kernels.BuildError as error:
            self.app.display_warning(f"gasnet3 is installed without its loops in C: {error}")
            return
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform}"
        build_data["artifacts"].extend(str(KERNELS / path.name) for path in made.values())
