"""Where models are found: the shipped ones by name, any other by path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gasnet3.classes import CLASSES
from gasnet3.nets.card import (
    ModelCard,
    ModelError,
    TrunkCard,
    common_lattice,
    read_card,
    read_trunk_card,
)

if TYPE_CHECKING:
    from gasnet3.nets.model import Model
    from gasnet3.nets.trunk import TrunkModel
    from gasnet3.spectra.lattice import LogLattice

ModelNames = str | Path | Sequence[str | Path]
"""How models are named, see :func:`load_models`."""

SHIPPED = Path(__file__).resolve().parents[1] / "models"
"""Directory of the shipped models."""

SETS = ("encoder", "unet")
"""The sets of models that lie in it, by their networks; the first is used by default."""

FITS = ("anomaly", "confidence", "subclass")
"""Directories beside models with what was fitted to their answers."""


TRUNK = "trunk.json"
"""Name of the card of a trunk in a directory of models."""

EXPORTED = (".onnx", ".eigenspectra.safetensors")
"""Ends of the files of exported models: the network; where a trunk serves, the eigenspectra."""


@dataclass(frozen=True)
class ModelInfo:
    """One entry of the registry."""

    name: str
    path: Path
    card: ModelCard

    @property
    def weights(self) -> Path:
        """The file whose hash the card has: of torch, or exported."""
        return weights_file(self.path)


@dataclass(frozen=True)
class TrunkInfo:
    """A trunk of a directory of models."""

    path: Path
    card: TrunkCard

    @property
    def weights(self) -> Path:
        """The file with the network: of torch, or exported."""
        return weights_file(self.path)


def weights_file(card: Path) -> Path:
    """The file whose hash a card has."""
    for end in EXPORTED:
        if (exported := card.with_suffix(end)).exists():
            return exported
    return card.with_suffix(".safetensors")


def list_models(directory: Path = SHIPPED) -> list[ModelInfo]:
    """All models of a directory (the shipped ones by default), by name."""
    return [_info(path) for path in sorted(directory.glob("*.json")) if path.name != TRUNK]


def list_trunk(directory: Path = SHIPPED) -> TrunkInfo | None:
    """The trunk of a directory, if it has one."""
    path = directory / TRUNK
    return TrunkInfo(path, read_trunk_card(path)) if path.exists() else None


def shipped_sets() -> list[str]:
    """Names of further sets of shipped models, for special purposes, each in its own directory.

    What a set lacks is taken from the default one: it holds only the classes that differ.
    """
    directories = (path for path in SHIPPED.iterdir() if path.is_dir() and path.name not in FITS)
    return sorted(path.name for path in directories if any(path.glob("*.json")))


def is_shipped(source: Any) -> bool:
    """Whether models are named by the name of a shipped set."""
    return isinstance(source, str | Path) and str(source) in (*SETS, *shipped_sets())


def _info(path: Path) -> ModelInfo:
    card = read_card(path)
    return ModelInfo(card.name, path, card)


def load_model(name: str | Path) -> Model:
    """Load a model by its registry name or by the path of its card or weights.

    Raises
    ------
    ModelError
        If there is no such model; the message lists what there is.
    """
    return _load(_card_path(name))


def _card_path(name: str | Path) -> Path:
    path = Path(name)
    if path.suffix in (".json", ".safetensors"):
        return path.with_suffix(".json").resolve()
    shipped = SHIPPED / f"{name}.json"
    if path.name != str(name) or not shipped.exists():
        known = ", ".join(info.name for info in list_models()) or "none"
        raise ModelError(
            f"no model {str(name)!r}: the shipped ones are {known}, sets of them "
            f"{', '.join((*SETS, *shipped_sets()))}; or give the path of a model card (.json)"
        )
    return shipped


def _load(path: Path) -> Model:
    try:
        version = path.stat().st_mtime_ns
    except OSError:
        version = 0  # read_model says what is wrong
    return _load_version(path, version)


def find_trunk(source: ModelNames = "encoder") -> TrunkInfo | None:
    """The trunk that gives the coefficients of all models of :func:`find_models`, if there is one.

    It lies beside them.
    """
    models = find_models(source).values()
    for directory in dict.fromkeys(info.path.parent for info in models):
        found = list_trunk(directory)
        if found and found.card.serves(info.card for info in models):
            return found
    return None


def load_trunk(source: ModelNames = "encoder") -> TrunkModel | None:
    """Load what :func:`find_trunk` finds; ModelError if it is damaged."""
    found = find_trunk(source)
    return None if found is None else _trunk_version(found.path, found.path.stat().st_mtime_ns)


@cache
def _trunk_version(path: Path, version: int) -> TrunkModel:
    from gasnet3.nets.trunk import read_trunk  # loads torch

    return read_trunk(path)


@cache
def _load_version(path: Path, version: int) -> Model:
    """Read once, and again when the card is written anew: a model may be trained meanwhile."""
    from gasnet3.nets.model import read_model  # loads torch

    return read_model(path)


def is_exported(models: Any) -> bool:
    """Whether models are given as a directory that ``gasnet3 export`` wrote."""
    if not isinstance(models, str | Path) or is_shipped(models):
        return False
    directory = Path(models)
    return directory.is_dir() and any(any(directory.glob(f"*{end}")) for end in EXPORTED)


def load_models(source: ModelNames = "encoder") -> dict[str, Model]:
    """The models of a set: a network for each class, or templates that compete.

    Parameters
    ----------
    source : str, Path or sequence of them
        A set of the shipped ones ("encoder", "unet", or one of :func:`shipped_sets`), a directory
        of models, or names and paths of single models.

    Returns
    -------
    dict of str to Model
        By class, in the order of ``gasnet3.CLASSES``; templates, of which several compete in a
        class, by class and name: ``"STAR star-k"`` (:attr:`ModelCard.key`).

    Raises
    ------
    ModelError
        If a model is missing, or two networks are for the same class.
    """
    if is_exported(source):
        raise ModelError(
            f"{source} holds exported networks (ONNX), with which classify, plan and work run; "
            "this needs the networks that they were exported from"
        )
    return {cls: _load(info.path) for cls, info in find_models(source).items()}


def find_models(source: ModelNames = "encoder") -> dict[str, ModelInfo]:
    """What there is of :func:`load_models`, or of exported networks, without loading any."""
    if not isinstance(source, str | Path):
        found = [_info(_card_path(name)) for name in source]
    elif str(source) in SETS:
        found = _of_architecture(str(source))
    elif is_shipped(source):
        own = list_models(SHIPPED / str(source))
        classes = {info.card.cls for info in own}
        others = _of_architecture(SETS[0])
        found = [*own, *(info for info in others if info.card.cls not in classes)]
    elif Path(source).is_dir():
        found = list_models(Path(source).resolve())
    else:
        found = [_info(_card_path(source))]
    if not found:
        raise ModelError(f"no models in {str(source)!r}")
    by_key: dict[str, ModelInfo] = {}
    for info in found:
        other = by_key.setdefault(info.card.key, info)
        if other is not info:
            raise ModelError(
                f"two models for class {info.card.key}: {other.name} and {info.name}; "
                "name one of them, or put them into different directories"
            )
    return {key: info for cls in CLASSES for key, info in by_key.items() if info.card.cls == cls}


def _of_architecture(name: str) -> list[ModelInfo]:
    return [info for info in list_models(SHIPPED) if info.card.architecture == name]


def lattice_of(source: ModelNames = "encoder") -> LogLattice:
    """The lattice that spectra for models must be on; only cards are read.

    Parameters
    ----------
    source : str, Path or sequence of them
        As of :func:`load_models`; exported networks too.

    Raises
    ------
    ModelError
        If a model is missing, or the models differ in their lattices.
    """
    return common_lattice(info.card for info in find_models(source).values())


def directory_of(source: str | Path) -> Path:
    """Where the cards of a set of models lie that are its own, of shipped ones by name too."""
    if str(source) in shipped_sets():
        return SHIPPED / str(source)
    return Path(source) if not is_shipped(source) and Path(source).is_dir() else SHIPPED


def fit_directories(models: ModelNames, shipped: Path) -> tuple[Path, ...]:
    """Where the fits of models may lie: beside the shipped ones, and in their own directory."""
    if not isinstance(models, (str, Path)):
        return (shipped,)
    return tuple(dict.fromkeys([shipped, directory_of(models) / shipped.name]))
