"""Where models are found: the shipped ones by name, any other by path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gasnet3.classes import CLASSES
from gasnet3.nets.card import ModelCard, ModelError, read_card

if TYPE_CHECKING:
    from gasnet3.nets.model import Model

SHIPPED = Path(__file__).resolve().parents[1] / "models"
"""Directory of the shipped models."""


@dataclass(frozen=True)
class ModelInfo:
    """One entry of the registry."""

    name: str
    path: Path
    card: ModelCard

    @property
    def weights(self) -> Path:
        """The file with the network: of torch, or exported."""
        exported = self.path.with_suffix(".onnx")
        return exported if exported.exists() else self.path.with_suffix(".safetensors")


def list_models(directory: Path = SHIPPED) -> list[ModelInfo]:
    """All models of a directory (the shipped ones by default), by name."""
    cards = [(path, read_card(path)) for path in sorted(directory.glob("*.json"))]
    return [ModelInfo(card.name, path, card) for path, card in cards]


def load_model(name: str | Path) -> Model:
    """Load a model by its registry name or by the path of its card or weights.

    Raises
    ------
    ModelError
        If there is no such model; the message lists what there is.
    """
    path = Path(name)
    if path.suffix in (".json", ".safetensors"):
        return _load(path.with_suffix(".json").resolve())
    shipped = SHIPPED / f"{name}.json"
    if path.name != str(name) or not shipped.exists():
        known = ", ".join(info.name for info in list_models()) or "none"
        raise ModelError(
            f"no model {str(name)!r}: the shipped ones are {known}; "
            "or give the path of a model card (.json)"
        )
    return _load(shipped)


def _load(path: Path) -> Model:
    try:
        version = path.stat().st_mtime_ns
    except OSError:
        version = 0  # read_model tells what is wrong
    return _load_version(path, version)


@cache
def _load_version(path: Path, version: int) -> Model:
    """Read once, and again when the card is written anew: a model may be trained meanwhile."""
    from gasnet3.nets.model import read_model  # loads torch

    return read_model(path)


def is_exported(models: Any) -> bool:
    """Whether models are given as a directory that ``gasnet3 export`` wrote."""
    if not isinstance(models, str | Path):
        return False
    directory = Path(models)
    return directory.is_dir() and any(directory.glob("*.onnx"))


def load_models(source: str | Path | Sequence[str | Path] = "encoder") -> dict[str, Model]:
    """One model for each class.

    Parameters
    ----------
    source : str, Path or sequence of them
        An architecture ("encoder" or "unet": the shipped ones), a directory of models, or
        names and paths of single models.

    Returns
    -------
    dict of str to Model
        By class, in the order of ``gasnet3.CLASSES``.

    Raises
    ------
    ModelError
        If a model is missing, or two are for the same class.
    """
    if isinstance(source, (str, Path)):
        if str(source) in ("encoder", "unet"):
            names = [i.name for i in list_models() if i.card.architecture == str(source)]
            models = [load_model(name) for name in names]
        elif is_exported(source):
            raise ModelError(
                f"{source} holds exported networks (ONNX), with which classify, plan and work run; "
                "this needs the networks that they were exported from"
            )
        elif Path(source).is_dir():
            models = [_load(info.path.resolve()) for info in list_models(Path(source))]
        else:
            models = [load_model(source)]
    else:
        models = [load_model(name) for name in source]
    if not models:
        raise ModelError(f"no models in {str(source)!r}")
    by_class: dict[str, Model] = {}
    for model in models:
        if model.card.cls in by_class:
            raise ModelError(
                f"two models for class {model.card.cls}: "
                f"{by_class[model.card.cls].card.name} and {model.card.name}; name one of them"
            )
        by_class[model.card.cls] = model
    return {cls: by_class[cls] for cls in CLASSES if cls in by_class}


def fit_directories(models: str | Path | Sequence[str | Path], shipped: Path) -> tuple[Path, ...]:
    """Where the fits of models may lie: beside the shipped ones, and in their own directory."""
    if isinstance(models, (str, Path)) and Path(models).is_dir():
        return shipped, Path(models) / shipped.name
    return (shipped,)
