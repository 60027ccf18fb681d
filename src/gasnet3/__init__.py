"""Class, redshift and anomalies of optical spectra by generative networks (GaSNet-III)."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from gasnet3.classes import CLASSES
from gasnet3.version import __version__

if TYPE_CHECKING:
    from gasnet3.errors import GasnetError as GasnetError
    from gasnet3.flags import MeasureWarn as MeasureWarn
    from gasnet3.flags import Notes as Notes
    from gasnet3.flags import ZWarn as ZWarn
    from gasnet3.measurement.arrays import measure as measure
    from gasnet3.nets.registry import load_model as load_model
    from gasnet3.nets.registry import load_models as load_models
    from gasnet3.pipeline.arrays import classify as classify
    from gasnet3.pipeline.loading import load_classifier as load_classifier
    from gasnet3.pipeline.pipeline import Pipeline as Pipeline
    from gasnet3.run.local import classify_files as classify_files
    from gasnet3.run.local import measure_files as measure_files
    from gasnet3.spectra.batch import Spectra as Spectra
    from gasnet3.spectra.lattice import LogLattice as LogLattice


_PUBLIC = {
    "GasnetError": "gasnet3.errors",
    "LogLattice": "gasnet3.spectra.lattice",
    "MeasureWarn": "gasnet3.flags",
    "Notes": "gasnet3.flags",
    "Pipeline": "gasnet3.pipeline.pipeline",
    "Spectra": "gasnet3.spectra.batch",
    "ZWarn": "gasnet3.flags",
    "classify": "gasnet3.pipeline.arrays",
    "classify_files": "gasnet3.run.local",
    "load_classifier": "gasnet3.pipeline.loading",
    "load_model": "gasnet3.nets.registry",
    "load_models": "gasnet3.nets.registry",
    "measure": "gasnet3.measurement.arrays",
    "measure_files": "gasnet3.run.local",
}

__all__ = [
    "CLASSES",
    "GasnetError",
    "LogLattice",
    "MeasureWarn",
    "Notes",
    "Pipeline",
    "Spectra",
    "ZWarn",
    "__version__",
    "classify",
    "classify_files",
    "load_classifier",
    "load_model",
    "load_models",
    "measure",
    "measure_files",
]


def __getattr__(name: str) -> Any:
    """Load public names when first used: importing gasnet3 loads neither torch nor astropy."""
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'gasnet3' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
