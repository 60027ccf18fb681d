"""The training loop: one file to read in ten minutes. One process, or several under torchrun."""

from __future__ import annotations

import csv
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR

from gasnet3.machine.files import replacing
from gasnet3.nets.card import ModelCard
from gasnet3.nets.encoder import Encoder
from gasnet3.nets.model import build, save_model
from gasnet3.solve.prepare import legendre_basis
from gasnet3.spectra.lattice import LogLattice
from gasnet3.train.config import ConfigError, TrainConfig
from gasnet3.train.data import TrainingSet, load_training_set
from gasnet3.train.losses import chi2_loss, projection_loss, roughness, seen_window, smooth_l1_loss
from gasnet3.train.population import describe_population
from gasnet3.train.windows import some_windows

GRADIENT_CLIP = 1.0
HISTORY = ("epoch", "lr", "train_loss", "valid_loss", "seconds")
LOSSES: dict[str, Callable[..., Tensor]] = {"encoder": chi2_loss, "unet": smooth_l1_loss}
OnEpoch = Callable[[dict[str, float], int], None]


def run_training(
    config: TrainConfig,
    *,
    device: str = "cpu",
    resume: bool = False,
    on_epoch: OnEpoch | None = None,
) -> Path:
    """Train one network and write its card, weights and history.

    Every random choice comes from ``config.seed`` and the epoch's number, and a checkpoint is
    written after each epoch: a killed training that is resumed ends in the same weights.

    Parameters
    ----------
    config : TrainConfig
        What to train.
    device : str
        "cpu" or "cuda"; under torchrun each process takes its own GPU.
    resume : bool
        Go on from the last checkpoint, if there is one.
    on_epoch : callable, optional
        Called after each epoch with the history row and the number of epochs.

    Returns
    -------
    Path
        The model card; the weights with the least validation loss lie beside it.

    Raises
    ------
    ValueError
        If there is nothing to train on, or no epoch has a finite validation loss.
    """
    rank, ranks, device = _join_processes(device)
    torch.manual_seed(config.seed)
    card = ModelCard(
        config.name, config.cls, config.architecture, config.options,
        config.z_min, config.z_max, config.degree, config.k_min, config.n,
        licence=config.licence,
    )  # fmt: skip
    train = load_training_set(config.files("train"), card, config.reading)
    valid = load_training_set(config.files("valid"), card, config.reading)
    network = build(card).to(device)
    optimiser = torch.optim.Adam(network.parameters(), lr=config.lr)
    scheduler = _schedule(config, optimiser, -(-len(train) // (config.batch_size * ranks)))
    checkpoint = config.directory / f"{config.name}.checkpoint.pt"
    parts = {"network": network, "optimiser": optimiser, "scheduler": scheduler}
    state: dict[str, Any] = {"epoch": 0, "best_loss": float("inf"), "best": {}, "history": []}
    if resume and checkpoint.exists():
        state = restore(checkpoint, _settings(config), parts)
    for epoch in range(state["epoch"], config.epochs):
        began = time.monotonic()
        order = torch.randperm(len(train), generator=generator(config.seed, epoch))
        mine = _share(order, rank, ranks)
        rng = np.random.default_rng([config.seed, epoch])
        windows = some_windows(rng, len(train), card.observed, config.windows)
        loss = _train_epoch(network, optimiser, scheduler, train, mine, windows, config)
        lr, valid_loss = float(scheduler.get_last_lr()[0]), _valid_loss(network, valid, config)
        values = (epoch + 1.0, lr, loss, valid_loss, time.monotonic() - began)
        _note(state, network, dict(zip(HISTORY, values, strict=True)))
        if rank == 0:
            write_checkpoint(checkpoint, _settings(config), parts, state)
            write_history(config.directory / f"{config.name}.history.csv", state["history"])
            if on_epoch:
                on_epoch(state["history"][-1], config.epochs)
    if not state["best"]:
        raise ValueError(
            f"{config.name}: no epoch had a finite validation loss, the training diverged; "
            "lower lr, or raise error_floor"
        )
    if rank == 0:
        network.load_state_dict(state["best"])
        _finish(network.cpu().eval(), card, config, train, valid, state)
    if dist.is_initialized():
        dist.barrier()
        dist.destroy_process_group()
    return config.directory / f"{config.name}.json"


def _join_processes(device: str) -> tuple[int, int, str]:
    """This process's rank, the number of processes, its device; torchrun sets the environment."""
    ranks = int(os.environ.get("WORLD_SIZE", "1"))
    if ranks > 1:
        if device == "cuda":
            device = f"cuda:{os.environ['LOCAL_RANK']}"
            torch.cuda.set_device(device)
        dist.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    return int(os.environ.get("RANK", "0")), ranks, device


def _note(state: dict[str, Any], network: nn.Module, row: dict[str, float]) -> None:
    """Add an epoch to the state, and keep its weights if they are the best so far."""
    state["epoch"] = int(row["epoch"])
    state["history"].append(row)
    if row["valid_loss"] < state["best_loss"]:
        state["best_loss"] = row["valid_loss"]
        state["best"] = {k: v.detach().cpu().clone() for k, v in network.state_dict().items()}


def generator(seed: int, epoch: int) -> torch.Generator:
    """Random numbers of an epoch."""
    return torch.Generator().manual_seed(seed * 1_000_003 + epoch)


def _share(order: Tensor, rank: int, ranks: int) -> Tensor:
    """One process's rows of an epoch: as many for each, or the last one would wait forever."""
    each = -(-len(order) // ranks)
    return order.repeat(-(-each * ranks // len(order)))[: each * ranks][rank::ranks]


def one_cycle(
    optimiser: torch.optim.Optimizer, lr: float, lr_final: float, steps: int
) -> LRScheduler:
    """The learning rate rises to ``lr`` in a tenth of the steps, and falls to ``lr_final``."""
    return OneCycleLR(
        optimiser, lr, total_steps=steps, pct_start=0.1,
        final_div_factor=lr / 25 / lr_final, cycle_momentum=False,
    )  # fmt: skip


def _schedule(config: TrainConfig, optimiser: torch.optim.Optimizer, steps: int) -> LRScheduler:
    total = steps * config.epochs
    if config.schedule == "onecycle":
        return one_cycle(optimiser, config.lr, config.lr_final, total)
    # Four equal stages, each a constant factor below the last, from lr to lr_final (section 4.1).
    ratio = config.lr_final / config.lr
    return LambdaLR(optimiser, lambda step: ratio ** (min(4 * step // total, 3) / 3))


def _train_epoch(
    network: nn.Module, optimiser: torch.optim.Optimizer, scheduler: LRScheduler,
    train: TrainingSet, order: Tensor, windows: Tensor, config: TrainConfig,
) -> float:  # fmt: skip
    network.train()
    total = 0.0
    for rows in torch.split(order, config.batch_size):
        loss = _loss(network, *train.seen(rows, windows), config)
        total += float(loss.detach()) * len(rows)
        if config.smoothness and isinstance(network, Encoder):
            loss = loss + config.smoothness * roughness(network.eigenspectra)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        _average_gradients(network)
        nn.utils.clip_grad_norm_(network.parameters(), GRADIENT_CLIP)
        optimiser.step()
        scheduler.step()
    return total / max(len(order), 1)


def _loss(
    network: nn.Module, flux: Tensor, ivar: Tensor, start: Tensor, config: TrainConfig
) -> Tensor:
    """Eq. 7 or 8 at the labelled redshifts, with the projection's share if there is one."""
    device = next(network.parameters()).device
    flux, ivar, start = flux.to(device), ivar.to(device), start.to(device)
    model = seen_window(network(flux, ivar).flux, start, flux.shape[1])
    loss = LOSSES[config.architecture](model, flux, ivar, config.error_floor)
    if config.projection and isinstance(network, Encoder):
        # Where on the lattice they lie does not matter: any polynomials of the degree do.
        pixels = LogLattice(0, flux.shape[1])
        basis = legendre_basis(pixels, config.degree, device).float()
        loss = loss + config.projection * projection_loss(
            network.eigenspectra, basis, flux, ivar, start, config.error_floor
        )
    return loss


def _average_gradients(network: nn.Module) -> None:
    """The mean gradient of all processes, so that each takes the same step."""
    if dist.is_initialized():
        for parameter in network.parameters():
            if parameter.grad is not None:
                dist.all_reduce(parameter.grad)
                parameter.grad /= dist.get_world_size()


@torch.inference_mode()
def _valid_loss(network: nn.Module, valid: TrainingSet, config: TrainConfig) -> float:
    network.eval()
    total = 0.0
    for rows in torch.split(torch.arange(len(valid)), 256):
        total += float(_loss(network, *valid.batch(rows), config)) * len(rows)
    return total / len(valid)


def _settings(config: TrainConfig) -> str:
    """What must not change between a training and its resumption."""
    return repr({k: v for k, v in vars(config).items() if k not in ("base", "output")})


def write_checkpoint(
    path: Path, settings: Any, parts: Mapping[str, Any], state: dict[str, Any]
) -> None:
    """Write the states of what is trained, by name, and of the training."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {name: part.state_dict() for name, part in parts.items()}
    with replacing(path) as temporary:
        torch.save(content | {"settings": settings, "state": state}, temporary)


def restore(path: Path, settings: Any, parts: Mapping[str, Any]) -> dict[str, Any]:
    """Load a checkpoint into what is trained; gives back the state of the training."""
    saved = torch.load(path, map_location="cpu", weights_only=True)
    if saved["settings"] != settings:
        raise ConfigError(
            f"{path}: the checkpoint is of other settings; resume with the settings it was begun "
            "with, or begin anew without --resume"
        )
    for name, part in parts.items():
        part.load_state_dict(saved[name])
    state: dict[str, Any] = saved["state"]
    return state


def write_history(path: Path, history: list[dict[str, float]]) -> None:
    """Write the rows of a history as CSV."""
    with replacing(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, HISTORY)
        writer.writeheader()
        writer.writerows(history)


def _finish(
    network: nn.Module, card: ModelCard, config: TrainConfig,
    train: TrainingSet, valid: TrainingSet, state: dict[str, Any],
) -> Path:  # fmt: skip
    """Write the weights with the card: how it was trained, how well it did, its population."""
    training = {
        "data": config.description, "limits": config.limits,
        "n_train": len(train), "n_valid": len(valid),
        "n_left_out": train.left_out, "seed": config.seed, "epochs": config.epochs,
        "batch_size": config.batch_size, "schedule": config.schedule, "lr": config.lr,
        "lr_final": config.lr_final, "error_floor": config.error_floor,
        "projection": config.projection, "smoothness": config.smoothness,
        "windows": config.windows,
        "seconds": round(sum(row["seconds"] for row in state["history"]), 1),
        "torch": torch.__version__,
    }  # fmt: skip
    metrics = {"valid_loss": state["best_loss"], "n": len(valid)}
    population = describe_population(network, card, train, config.seed)
    done = ModelCard(**{**vars(card), "training": training, "metrics": metrics,
                        "population": population})  # fmt: skip
    return save_model(network, done, config.directory)
