"""The paper's pictures of the networks themselves: losses (Fig. 5) and eigenspectra (Fig. 7)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from gasnet3.machine.typing import Floats
from gasnet3.report.figures import name_lines, panels
from gasnet3.report.history import read_history
from gasnet3.report.style import COLORS, MARKERS

if TYPE_CHECKING:
    from gasnet3.pipeline.pipeline import Pipeline
    from gasnet3.spectra.lattice import LogLattice


RANGE = (0.05, 99.97)
"""Percentiles of an eigenspectrum between which the panel is drawn."""

NAME_STEP = 0.0145
WAVE_TICKS = (700, 1000, 1500, 2000, 3000, 4000, 5000, 6000, 7000, 8000, 9000)


def plot_losses(histories: Mapping[str, Mapping[str, str | Path]]) -> Figure:
    """Training and validation losses of the networks of all classes (Fig. 5).

    The CSV that a training writes by network, the title of its panel, then by class.
    """
    figure, grid = panels(len(histories), 1, (7, 3.3 * len(histories)), of="training history")
    for ax, (title, by_class) in zip(grid[:, 0], histories.items(), strict=True):
        for cls, history in by_class.items():
            epoch, train, valid = read_history(history)
            best, color, marker = int(np.argmin(valid)), COLORS[cls], MARKERS[cls]
            ax.plot(epoch, train, color=color, marker=marker, ms=3.5, lw=1.2)
            ax.plot(epoch, valid, color=color, marker=marker, ms=3.5, lw=1.2, ls="--", mfc="white")
            label = f"{cls}: least {valid[best]:.4g}, epoch {epoch[best]:.0f}"
            ax.axvline(
                epoch[best], color=color, ls=":", lw=1, marker=marker, markevery=[0], label=label
            )
        ax.plot([], [], color="black", lw=1.2, label="training (eq. 7 or 8)")
        ax.plot([], [], color="black", lw=1.2, ls="--", label="validation")
        ax.set(yscale="log", ylabel="loss (dimensionless)", xlabel="epoch")
        ax.set_title(title, fontsize=10)
        ax.grid(alpha=0.15)
        ax.legend(fontsize=8, framealpha=0.9, edgecolor="none", loc="upper right")
    return figure


def typical_eigenspectra(pipeline: Pipeline) -> dict[str, tuple[LogLattice, Floats]]:
    """By class, the rest-frame lattice and on it the typical eigenspectrum, if it has some."""
    drawn = {}
    for engine in pipeline.engines:
        eigenspectra, card = engine.model.eigenspectra, engine.model.card
        if eigenspectra is not None:
            typical = typical_eigenspectrum(eigenspectra.cpu().numpy(), card.population["coeff"])
            drawn[engine.cls] = (card.rest, typical)
    return drawn


def typical_eigenspectrum(eigenspectra: ArrayLike, coeff: ArrayLike) -> Floats:
    """The eigenspectrum that carries most of a population, as it usually enters.

    Parameters
    ----------
    eigenspectra : array_like, shape (m, N)
        M of eq. 5.
    coeff : array_like, shape (rows, m)
        Coefficients of spectra, amplitude included.

    Returns
    -------
    ndarray, shape (N,)
        The row of greatest coefficient (rms) times its own rms, its sign that of the median
        coefficient: with coefficients of either sign a row may stand on its head.
    """
    rows, omega = np.asarray(eigenspectra, np.float64), np.asarray(coeff, np.float64)
    weight = np.sqrt((omega**2).mean(axis=0) * (rows**2).mean(axis=1))
    best = int(np.argmax(weight))
    return rows[best] * (-1.0 if np.median(omega[:, best]) < 0 else 1.0)


def plot_eigenspectra(eigenspectra: Mapping[str, tuple[LogLattice, ArrayLike]]) -> Figure:
    """One eigenspectrum of each class with its lines named (Fig. 7).

    By class: the rest-frame lattice, and the eigenspectrum on it, shape (N,).
    """
    count = len(eigenspectra)
    figure, grid = panels(count, 1, (11, 3.1 * count), of="eigenspectrum")
    for ax, (cls, (lattice, values)) in zip(grid[:, 0], eigenspectra.items(), strict=True):
        _draw_eigenspectrum(ax, cls, lattice, np.asarray(values, np.float64))
    grid[-1, 0].set_xlabel("rest-frame wavelength, vacuum (Å)")
    return figure


def _draw_eigenspectrum(ax: Axes, cls: str, lattice: LogLattice, values: Floats) -> None:
    if values.shape != (lattice.n,):
        raise ValueError(
            f"{cls}: an eigenspectrum of shape {values.shape} on a lattice of {lattice.n} pixels"
        )
    ax.plot(lattice.wave, values, color=COLORS[cls], lw=0.7)
    low, high = np.percentile(values, RANGE)
    room = (high - low) or 1.0
    ax.set_xscale("log")
    ax.set_xlim(lattice.wave[0], lattice.wave[-1])
    ax.set_ylim(low - 0.15 * room, high + 0.15 * room)
    inside = [tick for tick in WAVE_TICKS if lattice.wave[0] <= tick <= lattice.wave[-1]]
    ax.set_xticks(inside, [str(tick) for tick in inside])
    ax.minorticks_off()
    ax.set_title(cls, loc="left", fontsize=10)
    ax.set_ylabel("flux (dimensionless, eq. 2)")
    ax.grid(alpha=0.15)
    name_lines(ax, cls, step=NAME_STEP)
