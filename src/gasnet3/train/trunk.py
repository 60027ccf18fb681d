"""Training of a trunk: one network that gives the coefficients of trained Encoders."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler

from gasnet3.nets.card import TrunkCard
from gasnet3.nets.model import Model
from gasnet3.nets.registry import TRUNK, load_models
from gasnet3.nets.trunk import Trunk, save_trunk
from gasnet3.spectra.lattice import LogLattice
from gasnet3.train.config import ConfigError
from gasnet3.train.loop import (
    GRADIENT_CLIP,
    HISTORY,
    OnEpoch,
    generator,
    one_cycle,
    restore,
    write_checkpoint,
    write_history,
)
from gasnet3.train.losses import chi2_loss, seen_window
from gasnet3.train.taught import VALID_ROWS, Sets, Teachers, TrunkConfig, eigenspectra_of
from gasnet3.train.windows import some_windows


@dataclass(frozen=True, eq=False)
class Training:
    """A trunk with what it learns from, and how.

    Attributes
    ----------
    network : Trunk
        What is trained.
    teachers : Teachers
        The Encoders.
    scale : dict of str to float
        What the χ² of each class is divided by: that of its Encoder. Without it stars, whose χ² is
        largest, would own the trunk.
    config : TrunkConfig
        How.
    device : str
        Where.
    """

    network: Trunk
    teachers: Teachers
    scale: dict[str, float]
    config: TrunkConfig
    device: str

    def loss(self, sets: Sets, rows: Tensor, windows: Mapping[str, Tensor]) -> Tensor:
        """Loss of rows of the sets, of which windows were observed.

        χ² at the labelled redshift, relative to that of the Encoder, and the differences of the
        other heads from their Encoders.
        """
        seen, wanted, cut = [], [], {}
        for cls, mine in sets.split(rows).items():
            data = sets.by_class[cls]
            flux, ivar, start = data.seen(mine, windows[cls])
            whole = (windows[cls][mine] == whole_window(data.lattice)).all(dim=1)
            seen.append((flux, ivar))
            wanted.append([some[mine] for some in sets.taught[cls]])
            cut[cls] = start, whole
        flux, ivar = (torch.cat(some).to(self.device) for some in zip(*seen, strict=True))
        taught = [torch.cat(some).to(self.device) for some in zip(*wanted, strict=True)]
        again = torch.nonzero(~torch.cat([whole for _, whole in cut.values()]))[:, 0]
        again = again.to(self.device)
        with self._rounded():
            new = self.teachers.scaled(flux[again], ivar[again])
            features = self.network.see(flux, ivar)
        taught = [old.index_copy(0, again, of.float()) for old, of in zip(taught, new, strict=True)]
        made = self.network.scaled(features.float())
        total, at = flux.new_zeros(()), 0
        for cls, (start, _) in cut.items():
            part = slice(at, at + len(start))
            at += len(start)
            if len(start):
                here = [of[part] for of in made]
                own = self._own(cls, here, flux[part], ivar[part], start)
                others = self._others(cls, here, [of[part] for of in taught])
                total = total + (own + others) * len(start) / len(rows)
        return total

    def _rounded(self) -> torch.autocast:
        kind = torch.device(self.device).type
        return torch.autocast(kind, torch.bfloat16, enabled=self.config.half)

    def _own(
        self, cls: str, made: list[Tensor], flux: Tensor, ivar: Tensor, start: Tensor
    ) -> Tensor:
        rest = made[list(self.scale).index(cls)] @ eigenspectra_of(self.teachers.models[cls])
        window = seen_window(rest, start.to(self.device), flux.shape[1])
        return chi2_loss(window, flux, ivar, self.config.error_floor) / self.scale[cls]

    def _others(self, cls: str, made: list[Tensor], taught: list[Tensor]) -> Tensor:
        total = made[0].new_zeros(())
        for other, one, wanted in zip(self.scale, made, taught, strict=True):
            if other != cls and self.config.others:
                total = total + self.config.others * self.teachers.apart(other, one, wanted).mean()
        return total

    @torch.inference_mode()
    def valid_loss(self, sets: Sets) -> float:
        """The loss of whole spectra."""
        self.network.eval()
        windows = {
            cls: whole_window(data.lattice).repeat(len(data), 1)
            for cls, data in sets.by_class.items()
        }
        total = 0.0
        for rows in torch.split(torch.arange(len(sets)), VALID_ROWS):
            total += float(self.loss(sets, rows, windows)) * len(rows)
        return total / len(sets)


def whole_window(lattice: LogLattice) -> Tensor:
    """First and last pixel of a lattice, shape (2,)."""
    return torch.tensor([0, lattice.n - 1])


@torch.inference_mode()
def own_losses(
    models: Mapping[str, Model], sets: Sets, made: Mapping[str, Tensor], error_floor: float
) -> dict[str, float]:
    """χ² a good pixel (eq. 7) at the labelled redshifts, by class.

    ``made`` are coefficients times amplitude of the spectra of each class.
    """
    found = {}
    for cls, data in sets.by_class.items():
        total, spectra = 0.0, eigenspectra_of(models[cls]).cpu()
        for cut in torch.split(torch.arange(len(data)), VALID_ROWS):
            flux, ivar, start = data.batch(cut)
            window = seen_window(made[cls][cut] @ spectra, start, flux.shape[1])
            total += float(chi2_loss(window, flux, ivar, error_floor)) * len(cut)
        found[cls] = total / len(data)
    return found


@torch.inference_mode()
def _made(training: Training, sets: Sets) -> dict[str, Tensor]:
    """Coefficients times amplitude that the trunk gives of the spectra of each class."""
    found = {}
    for at, (cls, data) in enumerate(sets.by_class.items()):
        parts = [
            training.network(data.flux[cut].to(training.device), data.ivar[cut].to(training.device))
            for cut in torch.split(torch.arange(len(data)), VALID_ROWS)
        ]
        found[cls] = torch.cat([part[at] for part in parts]).cpu()
    return found


def train_trunk(
    config: TrunkConfig,
    *,
    device: str = "cpu",
    resume: bool = False,
    on_epoch: OnEpoch | None = None,
) -> Path:
    """Train a trunk and write its card, weights and history.

    Every random choice comes from ``config.seed`` and the epoch's number, and a checkpoint is
    written after each epoch: a killed training that is resumed ends in the same weights.

    Parameters
    ----------
    config : TrunkConfig
        What to train.
    device : str
        "cpu" or "cuda".
    resume : bool
        Go on from the last checkpoint, if there is one.
    on_epoch : callable, optional
        Called after each epoch with the history row and the number of epochs.

    Returns
    -------
    Path
        The card; the weights, those of the last epoch, lie beside it.

    Raises
    ------
    ValueError
        If there is nothing to train on.
    ConfigError
        If the models are not such as a trunk serves, the checkpoint is of other settings, or
        there are several processes.
    gasnet3.nets.card.ModelError
        If a model cannot be loaded.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise ConfigError("a trunk is trained by one process: start it without torchrun")
    teachers = Teachers.of(load_models(config.source), device)
    train, valid = (Sets.read(config, which, teachers, device) for which in ("train", "valid"))
    mine = {cls: valid.taught[cls][at] for at, cls in enumerate(valid.by_class)}
    floor = config.error_floor
    scale = own_losses(teachers.models, valid, mine, floor)
    cards = [model.card for model in teachers.models.values()]
    m = {cls: len(gram) for cls, gram in teachers.gram.items()}
    torch.manual_seed(config.seed)
    network = Trunk(cards[0].n, m, config.widths).to(device)
    training = Training(network, teachers, scale, config, device)
    optimiser = torch.optim.Adam(network.parameters(), lr=config.lr)
    steps = config.epochs * -(-len(train) // config.batch_size)
    scheduler = one_cycle(optimiser, config.lr, config.lr_final, steps)
    parts = {"network": network, "optimiser": optimiser, "scheduler": scheduler}
    checkpoint = config.directory / "trunk.checkpoint.pt"
    history: list[dict[str, float]] = []
    if resume and checkpoint.exists():
        history = restore(checkpoint, config.settings(), parts)["history"]
    for epoch in range(len(history), config.epochs):
        began = time.monotonic()
        loss = _epoch(training, optimiser, scheduler, train, epoch)
        lr, valid_loss = float(scheduler.get_last_lr()[0]), training.valid_loss(valid)
        values = (epoch + 1.0, lr, loss, valid_loss, time.monotonic() - began)
        history.append(dict(zip(HISTORY, values, strict=True)))
        write_checkpoint(checkpoint, config.settings(), parts, {"history": history})
        write_history(config.directory / "trunk.history.csv", history)
        if on_epoch:
            on_epoch(history[-1], config.epochs)
    first, left = cards[0], own_losses(teachers.models, valid, _made(training, valid), floor)
    card = TrunkCard(
        {card.cls: card.sha256 for card in cards}, {"m": m, "widths": config.widths},
        first.degree, first.k_min, first.n, _told(config, train, valid, history),
        licence=config.licence,
        metrics={
            "n": {cls: len(data) for cls, data in valid.by_class.items()},
            "valid_loss": left, "valid_loss_separate": scale,
        },
    )  # fmt: skip
    save_trunk(network, card, config.directory / TRUNK)
    return config.directory / TRUNK


def _epoch(
    training: Training, optimiser: torch.optim.Optimizer, scheduler: LRScheduler, train: Sets,
    epoch: int,
) -> float:  # fmt: skip
    """One pass over the sets of all classes, mixed; gives the mean loss."""
    network, config = training.network, training.config
    network.train()
    rng = np.random.default_rng([config.seed, epoch])
    windows = {
        cls: some_windows(rng, len(data), data.lattice, config.windows)
        for cls, data in train.by_class.items()
    }
    total = 0.0
    order = torch.randperm(len(train), generator=generator(config.seed, epoch))
    for rows in torch.split(order, config.batch_size):
        loss = training.loss(train, rows, windows)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), GRADIENT_CLIP)
        optimiser.step()
        scheduler.step()
        total += float(loss.detach()) * len(rows)
    return total / len(train)


def _told(
    config: TrunkConfig, train: Sets, valid: Sets, history: list[dict[str, float]]
) -> dict[str, Any]:
    """How it was trained, for the card."""
    names = (
        "limits", "seed", "epochs", "batch_size", "lr", "lr_final", "error_floor", "windows",
        "others", "half",
    )  # fmt: skip
    return {
        "data": config.description,
        "n_train": {cls: len(data) for cls, data in train.by_class.items()},
        "n_valid": {cls: len(data) for cls, data in valid.by_class.items()},
        **{name: getattr(config, name) for name in names},
        "seconds": round(sum(row["seconds"] for row in history), 1),
        "torch": torch.__version__,
    }
