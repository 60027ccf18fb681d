"""What a trunk is trained for: its configuration, the Encoders, and what these make of spectra."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gasnet3.io.options import ReadOptions
from gasnet3.nets.encoder import Encoder
from gasnet3.nets.model import Model
from gasnet3.nets.registry import directory_of, is_shipped
from gasnet3.nets.trunk import WIDTHS
from gasnet3.train.config import ConfigError
from gasnet3.train.data import TrainingSet, load_training_set

VALID_ROWS = 256
"""Spectra seen at once without gradients."""


@dataclass(frozen=True)
class TrunkConfig:
    """What to train a trunk for, on what, and how.

    Parameters
    ----------
    train, valid : list of str
        Files, directories or globs of labelled spectra of all classes; relative to the TOML file.
    models : str
        The Encoders: a shipped set, or a directory; relative to the TOML file.
    output : str
        Directory of the checkpoint, history and trunk; relative to the TOML file. That of the
        models where it is empty.
    architecture : str
        "trunk".
    widths : list of int
        Channels of the layers (:class:`gasnet3.nets.trunk.Trunk`).
    others : float
        Weight of the heads of the other classes: mean squared difference of their reconstruction
        from that of the Encoder of their class, in units of the spectrum's variance (eq. 2).
    half : bool
        Whether the convolutions are trained in bfloat16: faster on processors that multiply in it.
    air, columns, units, windows, epochs, batch_size, seed, lr, lr_final, error_floor
        As in :class:`gasnet3.train.config.TrainConfig`; the schedule is "onecycle".
    description, limits, licence : str
        What was trained on, what the weights are not for, and their licence; for the card.
    """

    train: list[str]
    valid: list[str]
    models: str = "encoder"
    output: str = ""
    architecture: str = "trunk"
    widths: list[int] = field(default_factory=lambda: list(WIDTHS))
    others: float = 3.0
    half: bool = False
    air: bool | None = None
    columns: list[str] = field(default_factory=list)
    units: list[str] = field(default_factory=list)
    windows: float = 0.0
    epochs: int = 12
    batch_size: int = 128
    seed: int = 1
    lr: float = 2e-3
    lr_final: float = 1e-5
    error_floor: float = 0.05
    description: str = ""
    limits: str = ""
    licence: str = "MIT"
    base: Path = Path()

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be 1 or more, got {getattr(self, name)}")
        if len(self.widths) != len(WIDTHS) or min(self.widths) < 1:
            raise ConfigError(f"widths = {self.widths}: give {len(WIDTHS)} numbers of 1 or more")
        if not 0 <= self.windows <= 1:
            raise ConfigError(f"windows must be from 0 to 1, got {self.windows}")
        if self.others < 0:
            raise ConfigError(f"others must be 0 or more, got {self.others}")
        if not 0 < self.lr_final <= self.lr:
            raise ConfigError(f"need 0 < lr_final <= lr, got {self.lr_final} and {self.lr}")

    @property
    def name(self) -> str:
        """Name of the card, the history and the checkpoint."""
        return "trunk"

    @property
    def source(self) -> str:
        """The Encoders, as :func:`gasnet3.load_models` takes them."""
        return self.models if is_shipped(self.models) else str(self.base / self.models)

    @property
    def directory(self) -> Path:
        """Where the outputs go."""
        return self.base / self.output if self.output else directory_of(self.source)

    def files(self, which: str) -> list[str]:
        """The ``train`` or ``valid`` inputs, resolved against the TOML file."""
        return [str(self.base / name) for name in getattr(self, which)]

    def settings(self) -> dict[str, Any]:
        """What must not change between a training and its resumption."""
        return {k: v for k, v in asdict(self).items() if k not in ("base", "output")}


@dataclass(frozen=True, eq=False)
class Teachers:
    """The Encoders, and how far apart two reconstructions of each are.

    Attributes
    ----------
    models : dict of str to Model
        By class.
    gram : dict of str to Tensor
        Products of the eigenspectra, a pixel, (m, m).
    """

    models: dict[str, Model]
    gram: dict[str, Tensor]

    @classmethod
    def of(cls, models: Mapping[str, Model], device: str) -> Teachers:
        """Those of models, on a device.

        ConfigError if they differ in lattice or continuum, ModelError if one is no Encoder.
        """
        for model in models.values():
            model.card.need_eigenspectra()
        if len({(model.card.observed, model.card.degree) for model in models.values()}) > 1:
            raise ConfigError("the Encoders differ in their lattices or continua: train them alike")
        moved = {name: model.to(device) for name, model in models.items()}
        found = {name: eigenspectra_of(model) for name, model in moved.items()}
        return cls(moved, {name: some @ some.T / some.shape[1] for name, some in found.items()})

    @torch.inference_mode()
    def scaled(self, flux: Tensor, ivar: Tensor) -> tuple[Tensor, ...]:
        """Coefficients times amplitude that the Encoders give, (rows, m) each."""
        found = []
        for model in self.models.values():
            assert isinstance(model.network, Encoder)
            coeff, amplitude = model.network.encode(flux, ivar)
            found.append((amplitude[:, None] * coeff).clone())
        return tuple(found)

    def apart(self, cls: str, one: Tensor, other: Tensor) -> Tensor:
        """Mean squared difference of two reconstructions a row, (rows,)."""
        difference = one - other
        return ((difference @ self.gram[cls]) * difference).sum(dim=1)


def eigenspectra_of(model: Model) -> Tensor:
    """Eigenspectra of a model that has some."""
    assert model.eigenspectra is not None
    return model.eigenspectra


@dataclass(frozen=True, eq=False)
class Sets:
    """Labelled spectra of all classes, one class after the other, and what Encoders make of them.

    Attributes
    ----------
    by_class : dict of str to TrainingSet
        Prepared spectra with shifts.
    taught : dict of str to tuple of Tensor
        :meth:`Teachers.scaled` of each.
    """

    by_class: dict[str, TrainingSet]
    taught: dict[str, tuple[Tensor, ...]]

    @classmethod
    def read(cls, config: TrunkConfig, which: str, teachers: Teachers, device: str) -> Sets:
        """Those that a configuration names."""
        options = ReadOptions.parse(config.air, config.columns, config.units)
        found = {
            name: load_training_set(config.files(which), model.card, options)
            for name, model in teachers.models.items()
        }
        taught = {}
        for name, data in found.items():
            cuts = torch.split(torch.arange(len(data)), VALID_ROWS)
            parts = [
                teachers.scaled(data.flux[cut].to(device), data.ivar[cut].to(device))
                for cut in cuts
            ]
            taught[name] = tuple(torch.cat(several).cpu() for several in zip(*parts, strict=True))
        return cls(found, taught)

    def __len__(self) -> int:
        return sum(map(len, self.by_class.values()))

    def split(self, rows: Tensor) -> dict[str, Tensor]:
        """Rows counted through all classes as rows of each class."""
        found, first = {}, 0
        for cls, data in self.by_class.items():
            found[cls] = rows[(rows >= first) & (rows < first + len(data))] - first
            first += len(data)
        return found
