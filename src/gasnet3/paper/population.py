"""The paper's picture of the sample: distributions of redshift, S/N and χ² (Fig. 1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from gasnet3.report.figures import save_figure
from gasnet3.report.style import COLORS, LINE_STYLES

BINS = 40
MOST_CHI2 = 10.0
"""Right end of the panel of χ²; what is greater counts in the last bin."""

LEAST_SN, MOST_SN = 0.1, 300.0
"""Ends of the panel of S/N; what lies beyond counts in the end bins."""

LEAST_Z_MAX = 0.01
"""The panel of z reaches this far at least: stars alone get no axis of a width of zero."""


@dataclass(frozen=True, eq=False)
class Population:
    """What Fig. 1 shows of the spectra of a class.

    Attributes
    ----------
    z : array_like, shape (rows,)
        Redshift.
    sn : array_like, shape (rows,)
        Median S/N a pixel.
    rchi2 : array_like, shape (rows,)
        Reduced χ² of the best model.
    """

    z: ArrayLike
    sn: ArrayLike
    rchi2: ArrayLike


def plot_population(populations: Mapping[str, Population], path: str | Path) -> Path:
    """Draw the distributions of redshift, S/N and least χ² by class (paper, Fig. 1).

    Parameters
    ----------
    populations : mapping of str to Population
        By class; values that are not finite are left out.
    path : str or Path
        Picture to write; the ending decides the format.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    ValueError
        If no class has a row, or the ending is unknown.
    """
    columns = {
        name: {cls: _finite(getattr(p, name)) for cls, p in populations.items()}
        for name in ("z", "sn", "rchi2")
    }
    if not any(len(values) for values in columns["z"].values()):
        raise ValueError("no spectrum has a class and a redshift: there is nothing to draw")
    z = np.concatenate(list(columns["z"].values()))
    first, last = min(0.0, float(z.min())), max(float(z.max()), LEAST_Z_MAX)
    most = max(len(values) for column in columns.values() for values in column.values())
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    panels = figure.subplots(1, 3, sharey=True)
    panels[0].set_yscale("log")
    panels[0].set_ylim(0.5 / most, 1.5)  # from half a spectrum to all
    _draw(panels[0], columns["z"], np.linspace(first, last, BINS + 1), "redshift z")
    sn_edges = np.geomspace(LEAST_SN, MOST_SN, BINS + 1)
    _draw(panels[1], columns["sn"], sn_edges, "median S/N a pixel (end bins: all beyond)")
    panels[1].set_xscale("log")
    chi2_edges = np.linspace(0.0, MOST_CHI2, BINS + 1)
    label = "reduced χ² (last bin: all beyond)"
    _draw(panels[2], columns["rchi2"], chi2_edges, label)
    panels[0].set_ylabel("fraction of the class a bin")
    return save_figure(figure, path)


def _draw(
    ax: Axes, values: Mapping[str, NDArray[np.float64]], edges: NDArray[np.float64], label: str
) -> None:
    """Histograms by class on a logarithmic scale, the mean of each in the legend."""
    for cls, numbers in values.items():
        if not len(numbers):
            continue
        count, _ = np.histogram(np.clip(numbers, edges[0], edges[-1]), edges)
        told = f"{cls}: mean {numbers.mean():.2g}, median {np.median(numbers):.2g}"
        ax.stairs(
            count / len(numbers), edges, color=COLORS[cls], ls=LINE_STYLES[cls], lw=1.5,
            label=f"{told}, n = {len(numbers)}",
        )  # fmt: skip
    ax.set_xlim(edges[0], edges[-1])
    ax.set_xlabel(label)
    ax.grid(alpha=0.15)
    if ax.get_legend_handles_labels()[0]:
        # Over the panel: within, it would lie on the curves of one catalog or another.
        ax.legend(fontsize=7.5, frameon=False, loc="lower left", bbox_to_anchor=(0.0, 1.0))


def _finite(values: ArrayLike) -> NDArray[np.float64]:
    numbers = np.asarray(values, np.float64)
    return numbers[np.isfinite(numbers)]
