"""Training configuration: a TOML file with nothing unknown in it."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from gasnet3.classes import CLASSES
from gasnet3.errors import GasnetError
from gasnet3.io.options import ReadOptions
from gasnet3.spectra.coverage import MIN_GOOD
from gasnet3.spectra.target import STANDARD

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

SCHEDULES = ("step", "onecycle")

Config = TypeVar("Config", bound="DataclassInstance")


class ConfigError(GasnetError, ValueError):
    """A training configuration that cannot be used; the message names the file and the key."""


@dataclass(frozen=True)
class TrainConfig:
    """What to train, on what, and how.

    Parameters
    ----------
    name, cls : str
        Name of the model and class of its spectra.
    train, valid : list of str
        Files, directories or globs of labelled spectra; relative to the TOML file.
    output : str
        Directory of the checkpoint, history and finished model; relative to the TOML file.
    architecture : str
        "encoder" or "unet".
    options : dict
        Arguments of the network (m, variant, width, stem, flip).
    z_min, z_max : float
        Redshift range; spectra outside it are left out, and counted.
    air : bool, optional
        Whether wavelengths of files that define neither are air; see
        :class:`~gasnet3.io.options.ReadOptions`.
    columns, units : list of str
        ``ROLE=NAME`` and ``ROLE=UNIT`` for files that do not tell all.
    degree : int
        Degree of the continuum polynomial.
    k_min, n : int
        First pixel and number of pixels of the observed lattice; those of the shipped
        Encoders by default.
    windows : float
        Share of the spectra, from 0 to 1, of which an epoch shows only a random window: what
        some survey would have observed (:mod:`gasnet3.train.windows`); 0 is the paper's training.
    epochs, batch_size, seed : int
        Length of the training, spectra a step (a process), seed of everything random.
    schedule : str
        "step": the paper's decay from ``lr`` to ``lr_final`` in four steps; "onecycle": warm-up
        to ``lr``, then a cosine to ``lr_final``.
    lr, lr_final : float
        Learning rates of Adam.
    error_floor : float
        See :func:`gasnet3.train.losses.chi2_loss`.
    projection : float
        Weight of :func:`gasnet3.train.losses.projection_loss` beside the network's own loss
        (Encoder only); 0 is the paper's training.
    smoothness : float
        Weight of :func:`gasnet3.train.losses.roughness` (Encoder only); 0 is the paper's training.
    description, limits, licence : str
        What was trained on, what the weights are not for, and their licence; for the card.
    """

    name: str
    cls: str
    train: list[str]
    valid: list[str]
    z_min: float
    z_max: float
    output: str = "."
    architecture: str = "encoder"
    options: dict[str, Any] = field(default_factory=dict)
    air: bool | None = None
    columns: list[str] = field(default_factory=list)
    units: list[str] = field(default_factory=list)
    degree: int = 5
    k_min: int = STANDARD.k_min
    n: int = STANDARD.n
    windows: float = 0.0
    epochs: int = 100
    batch_size: int = 128
    seed: int = 1
    schedule: str = "step"
    lr: float = 1e-3
    lr_final: float = 1e-4
    error_floor: float = 0.0
    projection: float = 0.0
    smoothness: float = 0.0
    description: str = ""
    limits: str = ""
    licence: str = "MIT"
    base: Path = Path()

    def __post_init__(self) -> None:
        if self.cls not in CLASSES:
            raise ConfigError(f"cls = {self.cls!r}: choose one of {', '.join(CLASSES)}")
        if self.schedule not in SCHEDULES:
            raise ConfigError(f"schedule = {self.schedule!r}: choose one of {', '.join(SCHEDULES)}")
        if not -1 < self.z_min <= self.z_max < float("inf"):
            raise ConfigError(
                f"z_min = {self.z_min}, z_max = {self.z_max}: give redshifts above -1, z_min first"
            )
        for name in ("epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be 1 or more, got {getattr(self, name)}")
        if self.n < MIN_GOOD or self.k_min < 1:
            raise ConfigError(
                f"k_min = {self.k_min}, n = {self.n}: give a first pixel of 1 or more and at "
                f"least {MIN_GOOD} pixels"
            )
        if not 0 <= self.windows <= 1:
            raise ConfigError(f"windows must be from 0 to 1, got {self.windows}")
        for name in ("projection", "smoothness"):
            weight = getattr(self, name)
            if weight < 0 or (weight and self.architecture != "encoder"):
                raise ConfigError(f"{name} must be 0 or more, and 0 without eigenspectra")
        try:
            _ = self.reading
        except ValueError as error:
            raise ConfigError(str(error).removeprefix("--")) from None
        if not 0 < self.lr_final <= self.lr:
            raise ConfigError(f"need 0 < lr_final <= lr, got {self.lr_final} and {self.lr}")

    @property
    def reading(self) -> ReadOptions:
        """What the files do not say; ValueError if a text has another form."""
        return ReadOptions.parse(self.air, self.columns, self.units)

    @property
    def directory(self) -> Path:
        """Where the outputs go."""
        return self.base / self.output

    def files(self, which: str) -> list[str]:
        """The ``train`` or ``valid`` inputs, resolved against the TOML file."""
        return [str(self.base / name) for name in getattr(self, which)]


def read_config(path: Path) -> TrainConfig:
    """Read the TOML configuration of the training of one network.

    Raises
    ------
    ConfigError
        If the file is missing or not TOML, or a key is unknown, missing or of the wrong type.
    """
    return checked(path, read_toml(path), TrainConfig)


def read_toml(path: Path) -> dict[str, Any]:
    """What a TOML file says; ConfigError if it is missing or not TOML."""
    try:
        return tomllib.loads(path.read_text())
    except OSError as error:
        raise ConfigError(f"{path}: cannot read it ({error.strerror})") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML ({error})") from None


def checked(path: Path, content: dict[str, Any], kind: type[Config]) -> Config:
    """A configuration from what its file says; ConfigError as of :func:`read_config`."""
    types = {f.name: f.type for f in fields(kind) if f.name != "base"}
    if unknown := sorted(set(content) - set(types)):
        raise ConfigError(f"{path}: unknown key {', '.join(unknown)}; known: {', '.join(types)}")
    for key, value in content.items():
        _check_type(path, key, value, str(types[key]))
    try:
        return kind(**content, **{"base": path.resolve().parent})
    except TypeError as error:
        told = str(error).replace(f"{kind.__name__}.__init__() ", "")
        raise ConfigError(f"{path}: {told}") from None
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def _check_type(path: Path, key: str, value: object, expected: str) -> None:
    right = {
        "str": isinstance(value, str),
        "bool": isinstance(value, bool),
        "bool | None": isinstance(value, bool),
        "int": isinstance(value, int) and not isinstance(value, bool),
        "float": isinstance(value, (int, float)) and not isinstance(value, bool),
        "list[int]": isinstance(value, list) and all(type(v) is int for v in value),
        "list[str]": isinstance(value, list) and all(isinstance(v, str) for v in value),
        "dict[str, Any]": isinstance(value, dict),
    }[expected]
    if not right:
        raise ConfigError(f"{path}: {key} must be of type {expected}, got {value!r}")
