"""gasnet3 info: what a bug report needs."""

from __future__ import annotations

import platform
import sys

from gasnet3.cli.show import grid
from gasnet3.version import __version__

PACKAGES = (
    "torch",
    "onnxruntime",
    "numpy",
    "scipy",
    "astropy",
    "pyarrow",
    "safetensors",
    "matplotlib",
)


def info() -> None:
    """Show what a bug report needs."""
    from gasnet3.io import READERS, load_plugins
    from gasnet3.kernels.library import library
    from gasnet3.nets.registry import list_models, list_trunk

    load_plugins()
    shipped = [f"{m.name} ({m.card.sha256[:12]})" for m in list_models()]
    shipped += [f"{t.path.stem} ({t.card.sha256[:12]})" for t in [list_trunk()] if t]
    rows = [
        ("gasnet3", __version__),
        ("python", f"{platform.python_version()} ({sys.executable})"),
        ("platform", platform.platform()),
        *((name, _version(name)) for name in PACKAGES),
        *_torch_sees(),
        ("inner loops", library().about),
        ("models", ", ".join(shipped) or "none"),
        ("readers", ", ".join(reader.name for reader in READERS)),
    ]
    grid("", ("what", "value"), rows)


def _version(package: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _torch_sees() -> list[tuple[str, str]]:
    """Threads and devices; nothing where torch is not installed."""
    try:
        import torch
    except ImportError:
        return []
    cuda = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return [("threads", str(torch.get_num_threads())), ("CUDA devices", ", ".join(cuda) or "none")]
