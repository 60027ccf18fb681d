"""gasnet3 train: a network from labelled spectra."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gasnet3.cli import console


def train(
    config: Annotated[
        Path, typer.Argument(metavar="CONFIG", help="TOML file; see the training page.")
    ],
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the last checkpoint, if there is one.")
    ] = False,
    device: console.Device = "cpu",
    threads: console.Threads = None,
    quiet: console.Quiet = False,
) -> None:
    """Train a network on labelled spectra, or a trunk for trained Encoders.

    Writes its card and weights, the loss history and its figure, and a checkpoint each epoch.

    Several GPUs: torchrun --nproc-per-node 4 -m gasnet3 train CONFIG --device cuda
    """
    from gasnet3.io import expand
    from gasnet3.report.figures import save_figure
    from gasnet3.report.history import plot_loss
    from gasnet3.train.config import TrainConfig, checked, read_toml
    from gasnet3.train.loop import run_training
    from gasnet3.train.taught import TrunkConfig
    from gasnet3.train.trunk import train_trunk

    def show(row: dict[str, float], epochs: int) -> None:
        console.out.print(
            f"epoch {row['epoch']:.0f}/{epochs}  train {row['train_loss']:.5f}  "
            f"valid {row['valid_loss']:.5f}  {row['seconds']:.1f} s"
        )

    content, told = read_toml(config), None if quiet else show
    settings: TrainConfig | TrunkConfig
    console.use_torch(device, threads)
    with console.reported(ValueError):
        if content.get("architecture") == "trunk":
            settings = checked(config, content, TrunkConfig)
            card = train_trunk(settings, device=device, resume=resume, on_epoch=told)
        else:
            settings = checked(config, content, TrainConfig)
            card = run_training(settings, device=device, resume=resume, on_epoch=told)
    shared = set(expand(settings.files("train"))) & set(expand(settings.files("valid")))
    if shared:
        console.note(
            f"{min(shared)} is in train and in valid ({len(shared)} such files): the validation "
            "loss says nothing of new spectra; put every object in one of them only"
        )
    history = settings.directory / f"{settings.name}.history.csv"
    save_figure(plot_loss(history), history.with_suffix(".png"))
    console.out.print(str(card))
