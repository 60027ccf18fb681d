"""Pictures: one spectrum with its fit and χ² curves, a page of spectra.

Every function here and beside draws on a ``Figure`` of its own, never on pyplot's global state,
so they can be called from any thread and need no display; :func:`save_figure` writes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from gasnet3.classes import CLASSES
from gasnet3.flags import Notes, names
from gasnet3.machine.files import replacing
from gasnet3.machine.typing import Floats
from gasnet3.report.spectrum import (
    FLUX_LABEL,
    OBSERVED_LABEL,
    SMOOTH_LABEL,
    WAVE_LABEL,
    bars,
    curve_name,
    gaps,
    limits,
    lines_of,
    running_mean,
)
from gasnet3.report.style import (
    COLORS,
    CONTINUUM_COLOR,
    LINE_COLOR,
    OBSERVED_COLOR,
    QUIET_COLOR,
    SMOOTH_COLOR,
    STRANGE_COLOR,
    class_color,
)

if TYPE_CHECKING:
    from gasnet3.pipeline.closeup import Closeup


DPI = 130
"""Resolution of raster pictures."""

NOTE_WIDTH = 78
"""Most letters in a line of a small panel's title."""

WIDE = 3.0
"""Lengths of an interval, in errors, from which it is said: 2 is that of one minimum."""

LABEL_STEP = 0.0135
"""Least distance between two line names, as a fraction of the panel's width."""


def plot_closeup(closeup: Closeup, *, continuum: bool = True) -> Figure:
    """A spectrum, its reconstruction at the best z and the χ² curves (paper, Fig. 6).

    Parameters
    ----------
    closeup : Closeup
        What :meth:`gasnet3.pipeline.pipeline.Pipeline.inspect` gives for one spectrum.
    continuum : bool
        Whether to draw the continuum that was subtracted (eq. 1).
    """
    figure = Figure(figsize=(11, 7), layout="constrained")
    grid = figure.add_gridspec(2, len(CLASSES), height_ratios=(1.7, 1))
    top = figure.add_subplot(grid[0, :])
    draw_spectrum(top, closeup, continuum=continuum)
    name_lines(top, closeup.cls, closeup.z)
    top.set_title(_title(closeup), fontsize=11)
    top.set_xlabel(WAVE_LABEL, loc="left")
    top.set_ylabel(FLUX_LABEL)
    top.legend(loc="upper right", bbox_to_anchor=(1.0, -0.06), fontsize=8, ncols=4, frameon=False)
    shown = {cls: bars(*parts) for cls, parts in closeup.p_z.items()}
    highest = max((height.max(initial=0.0) for _, height in shown.values()), default=0.0)
    for column, cls in enumerate(CLASSES):
        panel = figure.add_subplot(grid[1, column])
        draw_curve(panel, closeup, cls)
        if highest > 0 and cls in shown:
            _draw_p_z(panel, cls, *shown[cls], highest)
    return figure


def plot_gallery(
    closeups: Sequence[Closeup],
    *,
    columns: int = 3,
    marks: Sequence[tuple[float, str]] = (),
) -> Figure:
    """A page of spectra with their reconstructions, one small panel each.

    Parameters
    ----------
    closeups : sequence of Closeup
        The spectra, in reading order.
    columns : int
        Panels a row.
    marks : sequence of (float, str)
        For each spectrum a wavelength (vacuum Å, or NaN) to be marked, and what is said of it in
        the place of the flags.

    Raises
    ------
    ValueError
        If there is no spectrum.
    """
    columns = min(columns, len(closeups))
    rows = -(-len(closeups) // max(columns, 1))
    figure, axes = panels(rows, columns, (4.4 * columns, 2.4 * rows + 0.4), of="spectra")
    for ax in axes.flat[len(closeups) :]:
        ax.set_axis_off()
    for nth, (ax, closeup) in enumerate(zip(axes.flat, closeups, strict=False)):
        draw_spectrum(ax, closeup, continuum=False, color=class_color(closeup.cls))
        flags = names(closeup.zwarn) + names(closeup.notes, Notes)
        said = ", ".join(flags) or "no warning"
        if marks:
            wave, said = marks[nth]
            said = shorten(said, NOTE_WIDTH, placeholder=" …")
            if np.isfinite(wave):
                ax.axvline(wave, color=STRANGE_COLOR, lw=0.8, ls=":")
        title = f"{closeup.id}\n{_verdict(closeup)}\n{said}"
        ax.set_title(title, fontsize=7.5, loc="left")
        ax.tick_params(labelsize=7)
    figure.supxlabel(WAVE_LABEL, fontsize=9)
    figure.supylabel(FLUX_LABEL, fontsize=9)
    return figure


def draw_spectrum(ax: Axes, closeup: Closeup, *, continuum: bool, color: str = "black") -> None:
    """Draw the observed flux light, smoothed over it, the model on top; masked pixels are gaps.

    With ``continuum`` also the one that was subtracted; the color is that of the model.
    """
    wave, ivar = closeup.wave, closeup.ivar
    model = gaps(closeup.model, ivar)
    ax.plot(wave, gaps(closeup.flux, ivar), color=OBSERVED_COLOR, lw=0.5, label=OBSERVED_LABEL)
    smooth = running_mean(closeup.flux, ivar)
    ax.plot(wave, smooth, color=SMOOTH_COLOR, lw=0.6, label=SMOOTH_LABEL)
    if continuum:
        line = gaps(closeup.continuum, ivar)
        ax.plot(wave, line, color=CONTINUUM_COLOR, lw=1.0, ls="--", label="continuum")
    ax.plot(wave, model, color=color, lw=0.9, label="reconstruction")
    ax.set_xlim(wave[0], wave[-1])
    ax.set_ylim(*limits(smooth, model))
    ax.grid(alpha=0.15)
    if not (ivar > 0).any():
        ax.text(0.5, 0.5, "no usable pixel", transform=ax.transAxes, ha="center", va="center")


def draw_curve(ax: Axes, closeup: Closeup, cls: str, *, small: bool = False) -> None:
    """Draw the reduced χ² (or -2 ln p) of one class against z, marked at its best solution.

    A ``small`` panel is one of several in a row: a title of two short lines, smaller text.
    """
    color, name = COLORS[cls], curve_name(bound=closeup.bound)
    ax.set_xlabel("z", fontsize=8 if small else 10)
    if cls == CLASSES[0]:
        ax.set_ylabel(name, fontsize=8 if small else 10)
    size = 7.5 if small else 9
    if cls not in closeup.curves:
        ax.set_title(f"{cls}: no model", fontsize=size)
        return
    z, chi2 = closeup.curves[cls]
    best_z = closeup.best_z.get(cls, np.nan)
    ax.plot(z, chi2, color=color, lw=0.9)
    ax.set_xlim(z[0], z[-1])
    ax.tick_params(labelsize=7 if small else 8)
    ax.grid(alpha=0.15)
    if not (np.isfinite(best_z) and np.isfinite(chi2).any()):
        ax.set_title(f"{cls}: no minimum", fontsize=size)
        return
    least = float(chi2[np.nanargmin(np.abs(z - best_z))])
    ax.axvline(best_z, color=color, ls="--", lw=0.8)
    ax.plot([best_z], [least], marker="v", ms=6, color=color, mec="black", mew=0.6, clip_on=False)
    won = cls == closeup.cls
    title = f"{cls}: {name} = {least:.3f} at z = {best_z:.5f}" + ("  (best)" if won else "")
    if small:
        title = cls + (" (best)" if won else "") + f"\n{least:.3g} at z {best_z:.4f}"
    ax.set_title(title, fontsize=size, fontweight="bold" if won else "normal")
    ax.locator_params(axis="x", nbins=3 if small else 6)


def _draw_p_z(ax: Axes, cls: str, edges: Floats, height: Floats, highest: float) -> None:
    """Draw p(z) of one class as bars behind its χ² curve; ``highest`` is that of all classes."""
    behind = ax.twinx()
    behind.bar(
        edges[:-1], height, np.diff(edges), align="edge", color=COLORS[cls], alpha=0.45, lw=0
    )
    behind.set_ylim(0.0, 1.12 * highest)
    behind.set_xlim(*ax.get_xlim())
    behind.tick_params(labelsize=8, colors=QUIET_COLOR)
    behind.locator_params(axis="y", nbins=5)
    if cls == CLASSES[-1]:
        behind.set_ylabel("p(z) in a bar", color=QUIET_COLOR)
    else:
        behind.tick_params(right=False, labelright=False)
    ax.set_zorder(behind.get_zorder() + 1)
    ax.patch.set_visible(False)
    ax.set_title(ax.get_title().replace(": ", f": p = {height.sum():.3f}\n", 1), fontsize=9)


def name_lines(
    ax: Axes, cls: str, z: float = 0.0, *, step: float = LABEL_STEP, room: float = 0.2
) -> None:
    """Mark and name the usual lines of a class in a panel, names spread so that none overlap.

    The panel, of a spectrum against vacuum wavelength in Å, gets more height for them, and must
    have its limits and scale already. ``step`` is the least distance between two names as a
    fraction of the panel's width, ``room`` the height for them as a fraction of that of the panel
    before.
    """
    seen = lines_of(cls)
    waves = np.array([line.wave * (1 + z) for line in seen])
    left, right = ax.get_xlim()
    order = np.flatnonzero((waves > left) & (waves < right))
    order = order[np.argsort(waves[order])]
    if not len(order):
        return
    low, high = ax.get_ylim()
    ax.set_ylim(low, high + room * (high - low))
    below = 1.0 / (1.0 + room)
    to_panel = ax.transData + ax.transAxes.inverted()
    wanted = to_panel.transform(np.column_stack([waves[order], np.full(len(order), low)]))[:, 0]
    for index, at, place in zip(order, wanted, _spread(wanted, step), strict=True):
        emission = seen[index].kind == "emission"
        ax.annotate(
            seen[index].name,
            xy=(at, below),
            xytext=(place, 0.99),
            xycoords="axes fraction",
            textcoords="axes fraction",
            rotation=90,
            ha="center",
            va="top",
            fontsize=7,
            arrowprops={"arrowstyle": "-", "color": LINE_COLOR, "lw": 0.6, "shrinkB": 0},
            in_layout=False,  # it is within the panel; to measure it takes longer than to draw it
        )
        style = "-" if emission else ":"
        ax.axvline(waves[index], ymax=below, color=LINE_COLOR, lw=0.6, ls=style, zorder=0.5)


def _spread(places: Floats, step: float) -> Floats:
    """Move ascending places as little as possible so that they are at least ``step`` apart.

    Least squares under an order constraint, which is an isotonic regression once the wanted
    distances are taken off; the result stays within 0..1 as long as they fit.
    """
    ladder = np.arange(len(places)) * step
    spread = isotonic_regression(places - ladder).x
    room = max(1.0 - ladder[-1] - step / 2, step / 2)
    return np.asarray(np.clip(spread, step / 2, room) + ladder)


def _verdict(closeup: Closeup) -> str:
    """Class and redshift in a few words; the interval where it tells more than the error."""
    said = f"{closeup.cls or 'no class'}  z = {closeup.z:.5f} ± {closeup.z_err:.5f}"
    if closeup.z_hi - closeup.z_lo > WIDE * closeup.z_err:
        said += f" (68 %: {closeup.z_lo:.4f} to {closeup.z_hi:.4f})"
    return said


def _title(closeup: Closeup) -> str:
    warning = ", ".join(names(closeup.zwarn)) or "none"
    noted = ", ".join(names(closeup.notes, Notes)) or "none"
    return (
        f"{closeup.id}    {_verdict(closeup)}    reduced χ² = {closeup.rchi2:.3f}\n"
        f"ZWARN: {warning}    notes: {noted}"
    )


def panels(
    rows: int, columns: int, size: tuple[float, float], *, of: str = "thing", **options: Any
) -> tuple[Figure, NDArray[Any]]:
    """A figure of a size in inches, and its panels, shape (rows, columns).

    ValueError if there are none: there is no ``of`` to draw.
    """
    if not rows * columns:
        raise ValueError(f"no {of} to draw")
    figure = Figure(figsize=size, layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, **options)


def save_figure(figure: Figure, path: str | Path) -> Path:
    """Write a picture under a temporary name and rename it, so that no half one is ever seen.

    The ending of the path decides the format (png, pdf, svg, ...).

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    ValueError
        If the ending is not a format that matplotlib can write.
    """
    path = Path(path)
    kind = check_ending(path)
    with replacing(path) as temporary:
        figure.savefig(temporary, format=kind, dpi=DPI)
    return path


def check_ending(path: str | Path) -> str:
    """The kind of picture that a path's ending means; ValueError if matplotlib cannot write it."""
    kind = Path(path).suffix.lstrip(".").lower()
    known = FigureCanvasBase.get_supported_filetypes()
    if kind not in known:
        raise ValueError(
            f"{path}: cannot write this kind of picture; use one of {', '.join(known)}"
        )
    return kind
