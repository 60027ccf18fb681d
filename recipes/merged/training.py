"""Training of the merged Encoder: only the trunk and the heads, the eigenspectra stay."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_
from torch.optim.lr_scheduler import OneCycleLR

from gasnet3.machine.files import replacing, write_json
from gasnet3.nets.model import Model
from gasnet3.train.data import TrainingSet, load_training_set
from gasnet3.train.loop import GRADIENT_CLIP
from gasnet3.train.losses import chi2_loss, seen_window
from merged.network import MergedEncoder, start_from, write_merged

VALID_ROWS = 256


@dataclass(frozen=True)
class Settings:
    """How to train.

    Parameters
    ----------
    epochs, batch_size, seed : int
        Length of the training, spectra a step, seed of everything random.
    lr, lr_final : float
        Learning rates of Adam, warm-up and cosine as in the recipes of the separate Encoders.
    error_floor : float
        See :func:`gasnet3.train.losses.chi2_loss`; that of the recipes.
    others : float
        Weight of the heads of the other classes: mean squared difference of their
        reconstruction from that of the separate Encoder of their class. 0: a head learns from
        the spectra of its own class only, as a separate Encoder does.
    half : bool
        Whether the convolutions are trained in bfloat16: twice as fast on processors that
        multiply in it.
    start : str
        Weights of an earlier merged Encoder to start from; empty: from the separate ones.
    """

    epochs: int = 12
    batch_size: int = 128
    seed: int = 1
    lr: float = 2e-3
    lr_final: float = 1e-5
    error_floor: float = 0.05
    others: float = 0.0
    half: bool = False
    start: str = ""


@dataclass(frozen=True, eq=False)
class Sets:
    """The sets of all classes, and what the separate Encoders make of them.

    Attributes
    ----------
    by_class : dict of str to TrainingSet
        Prepared spectra with shifts, by true class.
    taught : dict of str to dict of str to Tensor
        By true class and class of the Encoder: its coefficients times amplitude, (rows, m);
        empty where nothing is learned from them.
    """

    by_class: dict[str, TrainingSet]
    taught: dict[str, dict[str, Tensor]]

    def __len__(self) -> int:
        return sum(len(data) for data in self.by_class.values())

    def split(self, rows: Tensor) -> dict[str, Tensor]:
        """Rows of the sets end to end as rows of each set, classes without any left out."""
        found, first = {}, 0
        for cls, data in self.by_class.items():
            mine = rows[(rows >= first) & (rows < first + len(data))] - first
            if len(mine):
                found[cls] = mine
            first += len(data)
        return found


def load_sets(
    models: Mapping[str, Model], directory: Path, which: str, *, teach: bool = False
) -> Sets:
    """Read ``<class>-<which>.npz`` of all classes, as ``recipes/population.py`` writes them."""
    by_class = {
        cls: load_training_set([str(directory / f"{cls}-{which}.npz")], model.card)
        for cls, model in models.items()
    }
    taught = {
        cls: {other: _made(model, data) for other, model in models.items() if other != cls}
        for cls, data in by_class.items()
        if teach
    }
    return Sets(by_class, taught)


def _made(model: Model, data: TrainingSet) -> Tensor:
    parts = []
    for cut in torch.split(torch.arange(len(data)), VALID_ROWS):
        out = model.reconstruct(data.flux[cut], data.ivar[cut])
        parts.append(out.amplitude[:, None] * out.coeff)
    return torch.cat(parts).clone()  # out of inference mode


@torch.inference_mode()
def own_loss(model: Model, data: TrainingSet, error_floor: float) -> float:
    """χ² a good pixel (eq. 7) of spectra at their labelled redshifts, by their own Encoder."""
    total = 0.0
    for cut in torch.split(torch.arange(len(data)), VALID_ROWS):
        flux, ivar, start = data.batch(cut)
        seen = seen_window(model.reconstruct(flux, ivar).flux, start, flux.shape[1])
        total += float(chi2_loss(seen, flux, ivar, error_floor)) * len(cut)
    return total / len(data)


def batch_loss(
    network: MergedEncoder, sets: Sets, rows: Tensor, scale: Mapping[str, float],
    settings: Settings,
) -> Tensor:  # fmt: skip
    """Loss of a batch over all classes.

    Parameters
    ----------
    network : MergedEncoder
        What is trained.
    sets : Sets
        The spectra.
    rows : Tensor of int64, shape (batch,)
        Which of them, counted through the sets end to end.
    scale : mapping of str to float
        What each class's χ² is divided by: the separate Encoder's. Without it stars, whose χ²
        is largest, would own the trunk.
    settings : Settings
        ``error_floor``, ``others`` and ``half``.
    """
    split = sets.split(rows)
    batches = {cls: sets.by_class[cls].batch(mine) for cls, mine in split.items()}
    flux = torch.cat([batch[0] for batch in batches.values()])
    ivar = torch.cat([batch[1] for batch in batches.values()])
    with torch.autocast("cpu", torch.bfloat16, enabled=settings.half):
        together = network.see(flux, ivar)
    features = torch.split(together.float(), [len(mine) for mine in split.values()])
    total = flux.new_zeros(())
    for (cls, mine), seen in zip(split.items(), features, strict=True):
        own_flux, own_ivar, start = batches[cls]
        rest = network.scaled(cls, seen) @ network.encoder(cls).eigenspectra
        window = seen_window(rest, start, own_flux.shape[1])
        loss = chi2_loss(window, own_flux, own_ivar, settings.error_floor) / scale[cls]
        if settings.others:
            loss = loss + settings.others * _others(network, seen, sets.taught[cls], mine)
        total = total + loss * len(mine) / len(rows)
    return total


def _others(
    network: MergedEncoder, seen: Tensor, taught: Mapping[str, Tensor], rows: Tensor
) -> Tensor:
    """Mean squared difference of reconstructions, in units of the spectrum's variance (eq. 2)."""
    total = seen.new_zeros(())
    for cls, wanted in taught.items():
        eigenspectra = network.encoder(cls).eigenspectra
        gram = eigenspectra @ eigenspectra.T / eigenspectra.shape[1]
        difference = network.scaled(cls, seen) - wanted[rows]
        total = total + ((difference @ gram) * difference).sum(dim=1).mean()
    return total


def train_merged(
    models: Mapping[str, Model], data: Path, out: Path, settings: Settings, *, resume: bool = False
) -> Path:
    """Train, with a checkpoint after each epoch, and write ``merged.safetensors`` and ``.json``.

    Parameters
    ----------
    models : mapping of str to Model
        The separate Encoders by class.
    data : Path
        Directory of the population's files.
    out : Path
        Directory of the results, made if need be.
    settings : Settings
        How to train.
    resume : bool
        Go on from the checkpoint, if there is one of the same settings.

    Returns
    -------
    Path
        The weights, those of the last epoch.
    """
    out.mkdir(parents=True, exist_ok=True)
    train = load_sets(models, data, "train", teach=settings.others > 0)
    valid = load_sets(models, data, "valid")
    floor = settings.error_floor
    scale = {cls: own_loss(models[cls], rows, floor) for cls, rows in valid.by_class.items()}
    parts = _begin(models, settings, -(-len(train) // settings.batch_size))
    network: MergedEncoder = parts["network"]
    checkpoint = out / "merged.checkpoint.pt"
    history = _restore(checkpoint, parts, settings) if resume and checkpoint.exists() else []
    for epoch in range(len(history), settings.epochs):
        began = time.monotonic()
        loss = _epoch(parts, train, scale, settings, epoch)
        seconds = time.monotonic() - began
        network.eval()
        views = network.views(models)
        losses = {cls: own_loss(views[cls], valid.by_class[cls], floor) for cls in views}
        history.append({"epoch": epoch + 1, "loss": loss, "valid": losses, "seconds": seconds})
        print(json.dumps(history[-1]), flush=True)
        with replacing(checkpoint) as temporary:
            state = {name: part.state_dict() for name, part in parts.items()}
            torch.save(state | {"settings": asdict(settings), "history": history}, temporary)
    write_merged(network.eval(), out / "merged.safetensors")
    write_json(out / "merged.json", _account(models, train, valid, settings, scale, history))
    return out / "merged.safetensors"


def _begin(models: Mapping[str, Model], settings: Settings, steps: int) -> dict[str, Any]:
    """Network, optimiser and scheduler before the first of so many steps an epoch."""
    torch.manual_seed(settings.seed)
    network = MergedEncoder(models)
    if settings.start:
        start_from(network, Path(settings.start))
    learned = [p for p in network.parameters() if p.requires_grad]
    optimiser = torch.optim.Adam(learned, lr=settings.lr)
    scheduler = OneCycleLR(
        optimiser, settings.lr, total_steps=settings.epochs * steps, pct_start=0.1,
        final_div_factor=settings.lr / 25 / settings.lr_final, cycle_momentum=False,
    )  # fmt: skip
    return {"network": network, "optimiser": optimiser, "scheduler": scheduler}


def _epoch(
    parts: Mapping[str, Any], train: Sets, scale: Mapping[str, float],
    settings: Settings, epoch: int,
) -> float:  # fmt: skip
    """One pass over the sets of all classes, mixed; gives the mean loss."""
    network, optimiser = parts["network"], parts["optimiser"]
    network.train()
    generator = torch.Generator().manual_seed(settings.seed * 1_000_003 + epoch)
    total = 0.0
    for rows in torch.split(torch.randperm(len(train), generator=generator), settings.batch_size):
        loss = batch_loss(network, train, rows, scale, settings)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        clip_grad_norm_(network.parameters(), GRADIENT_CLIP)
        optimiser.step()
        parts["scheduler"].step()
        total += float(loss.detach()) * len(rows)
    return total / len(train)


def _restore(path: Path, parts: Mapping[str, Any], settings: Settings) -> list[dict[str, Any]]:
    """Load a checkpoint into what is trained; gives back the history."""
    saved = torch.load(path, map_location="cpu", weights_only=True)
    if saved["settings"] != asdict(settings):
        raise ValueError(
            f"{path}: the checkpoint is of other settings; resume with those it was begun with, "
            "or begin anew without --resume"
        )
    for name, part in parts.items():
        part.load_state_dict(saved[name])
    history: list[dict[str, Any]] = saved["history"]
    return history


def _account(
    models: Mapping[str, Model], train: Sets, valid: Sets, settings: Settings,
    scale: Mapping[str, float], history: list[dict[str, Any]],
) -> dict[str, Any]:  # fmt: skip
    """What the weights were made of and with."""
    return {
        "models": {model.card.name: model.card.sha256 for model in models.values()},
        "settings": asdict(settings),
        "n_train": {cls: len(rows) for cls, rows in train.by_class.items()},
        "n_valid": {cls: len(rows) for cls, rows in valid.by_class.items()},
        "valid_loss": history[-1]["valid"],
        "valid_loss_separate": dict(scale),
        "history": history,
        "torch": torch.__version__,
    }
