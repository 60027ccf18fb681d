"""The paper's pictures of spectra: preparation (Fig. 2), examples with χ² curves (6, 14, C1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gasnet3.classes import CLASSES
from gasnet3.flags import Notes, names
from gasnet3.machine.typing import Floats
from gasnet3.report.figures import draw_curve, draw_spectrum, name_lines, panels
from gasnet3.report.spectrum import (
    FLUX_LABEL,
    OBSERVED_LABEL,
    SMOOTH_LABEL,
    WAVE_LABEL,
    gaps,
    limits,
    running_mean,
)
from gasnet3.report.style import CONTINUUM_COLOR, OBSERVED_COLOR, SMOOTH_COLOR, class_color

if TYPE_CHECKING:
    from gasnet3.pipeline.closeup import Closeup
    from gasnet3.spectra.batch import Spectra


WIDTH = 12.0
"""Of a picture, in inches."""

ROW_HEIGHT = 2.5
NAME_STEP = 0.024
"""Least distance of two line names, of the width of a panel that is half the picture."""

NAME_ROOM = 0.38
"""Height for the names in these low panels, of that of the panel before."""

MOST_FLAGS = 3
"""Flags that a title has room for; of further ones it tells the number."""


@dataclass(frozen=True)
class Example:
    """A spectrum of Fig. 2: its title, a line or two, and at which redshift to name whose lines."""

    title: str
    cls: str
    z: float


def plot_preparation(spectra: Spectra, examples: Sequence[Example]) -> Figure:
    """Spectra before and after the continuum is taken off, a row of panels each (Fig. 2)."""
    if not len(spectra) or len(spectra) != len(examples):
        raise ValueError(f"{len(spectra)} spectra and {len(examples)} examples to draw")
    from gasnet3.solve.prepare import prepare  # loads torch

    prepared = prepare(spectra)
    continua, wave = prepared.evaluate_continuum().numpy(), spectra.lattice.wave
    figure, grid = panels(len(spectra), 2, (WIDTH, ROW_HEIGHT * len(spectra) + 0.5))
    for row, (before, after) in enumerate(grid):
        good = spectra.ivar[row] > 0
        flux, ivar = spectra.flux[row].astype(np.float64), spectra.ivar[row].astype(np.float64)
        continuum = np.where(good, continua[row], np.nan)
        smooth = _draw_flux(before, wave, flux, ivar, SMOOTH_COLOR)
        before.plot(wave, continuum, color=CONTINUUM_COLOR, lw=1.2, ls="--")
        before.set_ylim(*limits(smooth, continuum))
        before.set_ylabel(FLUX_LABEL, fontsize=8)
        before.set_title(examples[row].title, fontsize=8.5, loc="left")
        ready = prepared.flux[row].numpy().astype(np.float64)
        weight = prepared.ivar[row].numpy().astype(np.float64)
        color = class_color(examples[row].cls)
        lines = _draw_flux(after, wave, ready, np.where(good, weight, 0.0), color)
        after.set_ylim(*limits(lines, lines))
        after.set_ylabel("F (dimensionless, eq. 2)", fontsize=8)
        _name(after, examples[row].cls, examples[row].z)
    for ax in grid[-1]:
        ax.set_xlabel(WAVE_LABEL, fontsize=9)
    _key(figure, grid[0, 0], continuum=True)
    return figure


def _draw_flux(ax: Axes, wave: Floats, flux: Floats, ivar: Floats, color: str) -> Floats:
    """A spectrum light and smoothed over it; gives the smoothed one."""
    smooth = running_mean(flux, ivar)
    ax.plot(wave, gaps(flux, ivar), color=OBSERVED_COLOR, lw=0.5)
    ax.plot(wave, smooth, color=color, lw=0.7)
    ax.set_xlim(wave[0], wave[-1])
    ax.grid(alpha=0.15)
    ax.tick_params(labelsize=8)
    return smooth


def plot_examples(closeups: Sequence[Closeup], *, titles: Sequence[str] = ()) -> Figure:
    """Spectra with their reconstructions and χ² curves, a row each (Figs. 6, 14 and C1).

    The titles, if any, say something of each before its name.
    """
    if not closeups:
        raise ValueError("no spectra to draw")
    if titles and len(titles) != len(closeups):
        raise ValueError(f"{len(titles)} titles for {len(closeups)} spectra")
    figure = Figure(figsize=(WIDTH, ROW_HEIGHT * len(closeups) + 0.5), layout="constrained")
    grid = figure.add_gridspec(
        len(closeups), 1 + len(CLASSES), width_ratios=(3.6, *[1.0 for _ in CLASSES])
    )
    for row, closeup in enumerate(closeups):
        ax, *curves = (figure.add_subplot(grid[row, column]) for column in range(1 + len(CLASSES)))
        _draw_example(ax, closeup, titles[row] if titles else "")
        for panel, cls in zip(curves, CLASSES, strict=True):
            draw_curve(panel, closeup, cls, small=True)
            if row < len(closeups) - 1:
                panel.set_xlabel("")
    ax.set_xlabel(WAVE_LABEL, fontsize=9)
    _key(figure, figure.axes[0], continuum=False)
    return figure


def _draw_example(ax: Axes, closeup: Closeup, title: str) -> None:
    """A spectrum with its reconstruction, lines named."""
    draw_spectrum(ax, closeup, continuum=False, color=class_color(closeup.cls))
    _name(ax, closeup.cls, closeup.z)
    ax.set_title(_title(closeup, title), fontsize=8, loc="left")
    ax.set_ylabel(FLUX_LABEL, fontsize=8)
    ax.tick_params(labelsize=8)


def _name(ax: Axes, cls: str, z: float) -> None:
    if cls in CLASSES and np.isfinite(z):
        name_lines(ax, cls, z, step=NAME_STEP, room=NAME_ROOM)


def _key(figure: Figure, ax: Axes, *, continuum: bool) -> None:
    """What the lines of all panels are, once, under them."""
    handles = ax.get_lines()
    last = "continuum" if continuum else "reconstruction, in the colour of the class found"
    labels = [OBSERVED_LABEL, SMOOTH_LABEL, last]
    figure.legend(
        handles[: len(labels)], labels, loc="outside lower left", ncols=len(labels), fontsize=8,
        frameon=False,
    )  # fmt: skip


def _title(closeup: Closeup, what: str) -> str:
    raised = names(closeup.zwarn) + names(closeup.notes, Notes)
    more = [f"{len(raised) - MOST_FLAGS} more"] if len(raised) > MOST_FLAGS else []
    flags = ", ".join(raised[:MOST_FLAGS] + more) or "no warning"
    first = f"{what}:  {closeup.id}" if what else closeup.id
    return (
        f"{first}\n{closeup.cls or 'no class'}   z = {closeup.z:.5f}   "
        f"reduced χ² = {closeup.rchi2:.3g}   {flags}"
    )
