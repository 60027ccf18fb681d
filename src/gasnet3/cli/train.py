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
    """Train a network on labelled spectra.

    Writes its card and weights, the loss history and its figure, and a checkpoint each epoch.

    Several GPUs: torchrun --nproc-per-node 4 -m gasnet3 train CONFIG --device cuda
    """
    from gasnet3.io import expand
    from gasnet3.report.figures import save_figure
    from gasnet3.report.history import plot_loss
    from gasnet3.train.config import read_config
    from gasnet3.train.loop import run_training

    def show(row: dict[str, float], epochs: int) -> None:
        console.out.print(
            f"epoch {row['epoch']:.0f}/{epochs}  train {row['train_loss']:.5f}  "
            f"valid {row['valid_loss']:.5f}  {row['seconds']:.1f} s"
        )

    settings = read_config(config)
    console.use_torch(device, threads)
    with console.reported(ValueError):
        card = run_training(
            settings, device=device, resume=resume, on_epoch=None if quiet else show
        )
    shared = set(expand(settings.files("train"))) & set(expand(settings.files("valid")))
    if shared:
        console.note(
            f"{min(shared)} is in train and in valid ({len(shared)} such files): the validation "
            "loss says nothing of new spectra; put every object in one of them only"
        )
    history = settings.directory / f"{settings.name}.history.csv"
    save_figure(plot_loss(history), history.with_suffix(".png"))
    console.out.print(str(card))
