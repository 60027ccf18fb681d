"""Class, redshift and anomalies of optical spectra by generative networks (GaSNet-III)."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gasnet3.flags import ZWarn as ZWarn
    from gasnet3.lattice import LogLattice as LogLattice
    from gasnet3.loading import load_classifier as load_classifier
    from gasnet3.nets.registry import load_model as load_model
    from gasnet3.nets.registry import load_models as load_models
    from gasnet3.pipeline import Pipeline as Pipeline
    from gasnet3.run.local import classify as classify
    from gasnet3.run.local import classify_files as classify_files
    from gasnet3.spectra import Spectra as Spectra

__version__ = "0.1.0"

CLASSES = ("STAR", "GALAXY", "QSO")
"""The three classes, in the order used everywhere."""

_PUBLIC = {
    "LogLattice": "gasnet3.lattice",
    "Pipeline": "gasnet3.pipeline",
    "Spectra": "gasnet3.spectra",
    "ZWarn": "gasnet3.flags",
    "classify": "gasnet3.run.local",
    "classify_files": "gasnet3.run.local",
    "load_classifier": "gasnet3.loading",
    "load_model": "gasnet3.nets.registry",
    "load_models": "gasnet3.nets.registry",
}

__all__ = [
    "CLASSES",
    "LogLattice",
    "Pipeline",
    "Spectra",
    "ZWarn",
    "classify",
    "classify_files",
    "load_classifier",
    "load_model",
    "load_models",
]


def __getattr__(name: str) -> Any:
    """Load public names when first used: importing gasnet3 loads neither torch nor astropy."""
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'gasnet3' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
