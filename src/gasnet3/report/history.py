"""The history of a training: reading it, and its picture."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from gasnet3.machine.typing import Floats
from gasnet3.report.style import COLORS


def plot_loss(history: str | Path) -> Figure:
    """Training and validation loss of a training's CSV against the epoch (paper, Fig. 5).

    ValueError if the history has no epoch or lacks a column.
    """
    epoch, train, valid = read_history(history)
    best = int(np.argmin(valid))
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    ax = figure.subplots()
    ax.plot(epoch, train, color=COLORS["QSO"], label="training")
    ax.plot(epoch, valid, color=COLORS["GALAXY"], ls="--", label="validation")
    label = f"least validation loss {valid[best]:.4g}, epoch {epoch[best]:.0f}"
    ax.axvline(epoch[best], color=COLORS["GALAXY"], ls=":", lw=1, label=label)
    ax.set_yscale("log")
    ax.set_xlabel("epoch")
    ax.set_ylabel("loss (eq. 7 or 8)")
    ax.set_title(Path(history).name.split(".")[0], fontsize=10)
    ax.legend(fontsize=8, frameon=False)
    return figure


def read_history(history: str | Path) -> tuple[Floats, Floats, Floats]:
    """Epochs, training and validation losses of a training's CSV, shape (epochs,) each.

    ValueError if the history has no epoch or lacks a column.
    """
    with Path(history).open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    try:
        epoch, train, valid = (
            np.array([float(row[name]) for row in rows])
            for name in ("epoch", "train_loss", "valid_loss")
        )
    except KeyError as error:
        raise ValueError(f"{history}: no column {error}; a training's history.csv has it") from None
    if not rows:
        raise ValueError(f"{history}: no epoch has been written yet")
    return epoch, train, valid
