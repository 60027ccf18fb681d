"""Packages that not everybody needs: each is an extra, as in ``pip install 'gasnet3[view]'``."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from gasnet3.errors import GasnetError


class MissingExtra(GasnetError, ModuleNotFoundError):
    """A package of an extra is not installed; the message says how to install it."""


def needed(module: str, extra: str = "", what: str = "this") -> Any:
    """A module of an extra (called as the module, by default); MissingExtra if it is not there."""
    try:
        return import_module(module)
    except ImportError as error:
        name = {"sklearn": "scikit-learn"}.get(module.partition(".")[0], module)
        install = f"pip install 'gasnet3[{extra or module}]'"
        raise MissingExtra(f"{what} needs {name}: {install}", name=module) from error
