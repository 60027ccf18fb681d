"""The plots of the report that stand alone: distributions, and what depends on S/N."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, FixedTicker, HoverTool, NumeralTickFormatter
from bokeh.plotting import figure
from numpy.typing import NDArray

from gasnet3.evaluate.metrics import SN_EDGES, binned_mean
from gasnet3.machine.typing import Floats
from gasnet3.report.columns import Texts, in_order
from gasnet3.report.style import HATCHES, LINE_STYLES, MARKERS, PALETTE, class_color

BOKEH_MARKERS = {"o": "circle", "s": "square", "^": "triangle"}
BOKEH_HATCHES = {"": " ", "///": "/", "...": "."}
BOKEH_DASHES = {"-": "solid", "--": "dashed", "-.": "dotdash", ":": "dotted"}
OTHER_COLOR, OTHER_MARKER = PALETTE[3], "diamond"
EXPECTED_COLOR = "#555555"
BINS = 40
LEAST_IN_BIN = 5
"""A share of fewer spectra is not drawn."""


def color(cls: str) -> str:
    """Colour of a class, also of one that no model knows."""
    return class_color(cls, OTHER_COLOR)


def marker(cls: str) -> str:
    """Bokeh's name of the marker of a class."""
    return BOKEH_MARKERS[MARKERS[cls]] if cls in MARKERS else OTHER_MARKER


def panel(x_label: str, y_label: str, *, height: int = 230, **options: Any) -> figure:
    """An empty plot in the style of the page."""
    options = {"toolbar_location": None, "tools": "", **options}
    plot = figure(height=height, sizing_mode="stretch_width", min_width=220, **options)
    plot.outline_line_color = None
    plot.xaxis.axis_label, plot.yaxis.axis_label = x_label, y_label
    plot.axis.axis_label_text_font_style = "normal"
    plot.axis.axis_line_color = plot.axis.major_tick_line_color = "#888888"
    plot.axis.minor_tick_line_color = None
    plot.grid.grid_line_color = "#eeeeee"
    return plot


def histograms(
    values: Floats,
    cls: Texts,
    x_label: str,
    *,
    limits: tuple[float, float] | None = None,
    log: bool = False,
) -> figure | None:
    """Numbers of spectra in bins, the classes stacked; None where no value is known.

    Parameters
    ----------
    values : ndarray of float64, shape (rows,)
        What is counted; what is not finite is left out.
    cls : ndarray of str, shape (rows,)
        Class of each row.
    x_label : str
        Name of the axis.
    limits : (float, float), optional
        Range of the bins; by default that of the values.
    log : bool
        Whether bins are equal in the logarithm; values up to 0 are then left out.
    """
    known = np.isfinite(values) & ((values > 0) if log else True)
    if not known.any():
        return None
    values, cls = values[known], cls[known]
    edges = _edges(values, limits, log)
    plot = panel(x_label, "spectra", x_axis_type="log" if log else "linear")
    below = np.zeros(len(edges) - 1)
    for name in in_order(cls):
        counts = np.histogram(values[cls == name], edges)[0]
        source = ColumnDataSource(
            {"left": edges[:-1], "right": edges[1:], "bottom": below, "top": below + counts}
            | {"n": counts, "class": [name] * len(counts)}
        )
        hatch = BOKEH_HATCHES[HATCHES.get(name, "")]
        plot.quad(
            *("left", "right", "top", "bottom"),
            source=source,
            color=color(name),
            line_color="white",
            line_width=0.5,
            hatch_pattern=hatch,
            hatch_color="white",
            hatch_alpha=0.5,
            hatch_scale=8,
        )
        below = below + counts
    plot.y_range.start = 0
    plot.add_tools(HoverTool(tooltips=[("class", "@class"), ("from", "@left"), ("spectra", "@n")]))
    plot.yaxis.ticker.min_interval = 1  # there are no halves of spectra
    plot.yaxis.formatter = NumeralTickFormatter(format="0,0")
    if not log:
        plot.xaxis.ticker.desired_num_ticks = 4
        plot.xaxis.formatter = NumeralTickFormatter(format="0.[00000]")
    return plot


def _edges(values: Floats, limits: tuple[float, float] | None, log: bool) -> Floats:
    low, high = limits or (float(values.min()), float(values.max()))
    if low == high:
        low, high = (low / 2, high * 2) if log else (low - 0.5, high + 0.5)
    return np.geomspace(low, high, BINS + 1) if log else np.linspace(low, high, BINS + 1)


def tail(score: Floats) -> figure | None:
    """How many spectra have a score, shape (rows,), of so much or more, beside ordinary ones."""
    known = np.sort(score[np.isfinite(score)])[::-1]
    if not len(known):
        return None
    highest = float(max(known[0], 2.5))
    at = np.linspace(0, highest, 120)
    count = np.searchsorted(-known, -at, side="right")
    seen = count > 0
    plot = panel("anomaly_score of at least", "spectra", y_axis_type="log")
    ordinary = len(known) * 10.0**-at
    shown = ordinary >= 0.3
    plot.line(
        *(at[shown], ordinary[shown]),
        color=EXPECTED_COLOR,
        line_dash="dashed",
        legend_label="were all ordinary",
    )
    plot.line(at[seen], count[seen], color="#000000", line_width=2, legend_label="this catalog")
    _legend_above(plot)
    return plot


def shares_by_sn(
    sn: Floats, cls: Texts, flags: Mapping[str, NDArray[np.bool_]], y_label: str
) -> figure | None:
    """Share of spectra against S/N, a line a class; None where nothing is known.

    Parameters
    ----------
    sn : ndarray of float64, shape (rows,)
        Median S/N a pixel.
    cls : ndarray of str, shape (rows,)
        Class that the lines are of.
    flags : mapping of class to ndarray of bool, shape (rows of the class,)
        What the share is of.
    y_label : str
        Name of the axis.
    """
    plot = panel("median S/N a pixel", y_label, x_axis_type="log", y_range=(-0.02, 1.02))
    lines = 0
    for name, flagged in flags.items():
        binned = binned_mean(flagged, sn[cls == name], SN_EDGES)
        enough = binned.n >= LEAST_IN_BIN
        enough[0] = False  # it begins at 0, which a logarithm has no place for
        if not enough.any():
            continue
        lines += 1
        middle = np.sqrt(binned.edges[:-1] * binned.edges[1:])[enough]
        source = ColumnDataSource(
            {"sn": middle, "share": binned.mean[enough], "n": binned.n[enough]}
        )
        style = {"color": color(name), "source": source, "legend_label": name}
        plot.line("sn", "share", line_dash=BOKEH_DASHES[LINE_STYLES.get(name, ":")], **style)
        plot.scatter("sn", "share", size=7, marker=marker(name), **style)
    if not lines:
        return None
    plot.add_tools(
        HoverTool(tooltips=[("S/N", "@sn{0.0}"), ("share", "@share{0.00}"), ("spectra", "@n")])
    )
    plot.xaxis.ticker = FixedTicker(ticks=[1, 3, 10, 30, 100])
    _legend_above(plot)
    return plot


def _legend_above(plot: figure) -> None:
    """Put the legend where it hides nothing."""
    legend = plot.legend[0]
    legend.orientation, legend.location = "horizontal", "left"
    legend.border_line_color, legend.padding, legend.margin = None, 2, 0
    legend.label_text_font_size = "11px"
    plot.add_layout(legend, "above")


def each_class(
    cls: Texts, draw: Callable[[str, NDArray[np.bool_]], figure | None]
) -> dict[str, figure]:
    """What a function draws of each class, without those that it has nothing of."""
    drawn = {name: draw(name, cls == name) for name in in_order(cls)}
    return {name: plot for name, plot in drawn.items() if plot is not None}
