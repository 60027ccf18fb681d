"""The pictures of the app: spectrum, residual and χ² curves, in Bokeh."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from bokeh.models import (
    ColumnDataSource,
    CustomJSTicker,
    CustomJSTickFormatter,
    HoverTool,
    Legend,
    LinearAxis,
    Range1d,
    Span,
    WheelZoomTool,
)
from bokeh.plotting import figure

from gasnet3.classes import CLASSES
from gasnet3.machine.typing import Floats
from gasnet3.report.spectrum import (
    OBSERVED_LABEL,
    UNIT_LABEL,
    WAVE_LABEL,
    bars,
    curve_name,
    gaps,
    gaussian_mean,
    limits,
    noise,
)
from gasnet3.report.style import COLORS, LINE_COLOR, OBSERVED_COLOR, STRANGE_COLOR, class_color
from gasnet3.spectra.lines import LINES

if TYPE_CHECKING:
    from gasnet3.pipeline.closeup import Closeup
    from gasnet3.spectra.lattice import LogLattice


TOOLS = "pan,box_zoom,wheel_zoom,reset,save"
NOISE_COLOR, DATA_COLOR = "#B0A060", "#404040"
MARGIN = 50
"""Å to the right of the last pixel."""

ROOM = 0.12
"""Part of the height of the spectrum's panel left for names of lines."""

# The axis is ln(1 + z), so that a line is as wide everywhere; the ticks are round redshifts.
ROUND_TICKS = """
const {start, end} = cb_data.range
const [low, high] = [Math.exp(start) - 1, Math.exp(end) - 1]
const rough = (high - low) / 5
const power = 10 ** Math.floor(Math.log10(rough))
const step = power * [1, 2, 5, 10].find((each) => each * power >= rough)
const ticks = []
for (let n = Math.ceil(low / step); n * step <= high; n++) ticks.push(Math.log1p(n * step))
return ticks
"""
TICK_TEXT = "return String(Number((Math.exp(tick) - 1).toFixed(6)))"


class SpectrumPlot:
    """The spectrum on its lattice with noise, reconstruction, residual and lines."""

    def __init__(self, lattice: LogLattice) -> None:
        blank: dict[str, list[float]] = {
            name: [] for name in ("wave", "flux", "smooth", "noise", "model", "pull")
        }
        self.pixels = ColumnDataSource(blank)
        self.lines = ColumnDataSource(
            {
                "rest": [line.wave for line in LINES],
                "x": [line.wave for line in LINES],
                "name": [line.name for line in LINES],
                "y": [0.98 - 0.05 * (i % 3) for i in range(len(LINES))],
            }
        )
        self.masked = ColumnDataSource({"left": [], "right": []})
        self.top = self._top(*lattice.wave[[0, -1]].tolist())
        self.bottom = self._bottom()
        self.strange = Span(dimension="height", line_color=STRANGE_COLOR, line_dash="dotted")
        self.top.add_layout(self.strange)

    def _top(self, first: float, last: float) -> figure:
        top = figure(
            height=340, sizing_mode="stretch_width", tools=TOOLS, toolbar_location="right",
            x_range=Range1d(first, last + MARGIN), y_range=Range1d(0, 1),
            y_axis_label=f"flux ({UNIT_LABEL})", active_drag="box_zoom", name="spectrum",
        )  # fmt: skip
        top.extra_y_ranges = {"panel": Range1d(0, 1)}
        top.add_layout(Legend(orientation="horizontal", click_policy="hide"), "above")
        top.quad(
            "left", "right", 1, 0, source=self.masked, y_range_name="panel", color="#808080",
            alpha=0.25, legend_label="masked",
        )  # fmt: skip
        top.line(
            "wave", "flux", source=self.pixels, color=OBSERVED_COLOR, legend_label=OBSERVED_LABEL
        )
        top.line("wave", "noise", source=self.pixels, color=NOISE_COLOR, legend_label="noise")
        data = top.line(
            "wave", "smooth", source=self.pixels, color=DATA_COLOR, legend_label="smoothed"
        )
        self.model = top.line(
            "wave", "model", source=self.pixels, color=COLORS["GALAXY"], line_width=2,
            legend_label="model",
        )  # fmt: skip
        top.segment(
            "x", 0, "x", 1, source=self.lines, color=LINE_COLOR, line_width=1, line_alpha=0.6,
            y_range_name="panel",
        )  # fmt: skip
        top.text(
            "x", "y", text="name", source=self.lines, y_range_name="panel", x_offset=2,
            text_font_size="9px", text_color="#1F6F9F", text_baseline="top",
        )  # fmt: skip
        hover = HoverTool(
            renderers=[data],
            mode="vline",
            tooltips=[("Å", "@wave{0.0}"), ("flux", "@smooth{0.00}")],
        )
        top.add_tools(hover)
        _tidy(top)
        top.legend.update(
            label_text_font_size="10px", padding=0, margin=0, spacing=14, border_line_color=None
        )
        return top

    def _bottom(self) -> figure:
        bottom = figure(
            height=120, sizing_mode="stretch_width", tools=TOOLS, toolbar_location=None,
            x_range=self.top.x_range, y_range=Range1d(-6, 6),
            x_axis_label=WAVE_LABEL, y_axis_label="residual (σ)",
            active_drag="box_zoom", name="residual",
        )  # fmt: skip
        bottom.line("wave", "pull", source=self.pixels, color=DATA_COLOR)
        bottom.segment("x", -100, "x", 100, source=self.lines, color=LINE_COLOR, line_alpha=0.4)
        bottom.add_layout(Span(location=0, dimension="width", line_color="#888888"))
        _tidy(bottom)
        return bottom

    def show(self, seen: Closeup, model: Floats, cls: str, sigma: float, mark: float) -> None:
        """Draw a spectrum with a model of a class, and a mark where it is strange."""
        observed = np.flatnonzero(seen.ivar > 0)
        if len(observed):  # beyond it the model is bound by nothing
            inside = (seen.wave >= seen.wave[observed[0]]) & (seen.wave <= seen.wave[observed[-1]])
            model = np.where(inside, model, np.nan)
        smooth = gaussian_mean(seen.flux, seen.ivar, sigma)
        scale = 1.0 / math.sqrt(max(2.0 * math.sqrt(math.pi) * sigma, 1.0))
        error = noise(seen.ivar)
        self.pixels.data = {
            "wave": seen.wave,
            "flux": gaps(seen.flux, seen.ivar),
            "smooth": smooth,
            "noise": error,
            "model": model,
            "pull": (smooth - model) / (error * scale),
        }
        left, right = masked_runs(seen.wave, seen.ivar)
        self.masked.data = {"left": left, "right": right}
        self.model.glyph.line_color = class_color(cls)
        low, high = limits(smooth, model, zero=True)
        self.top.y_range.update(start=low, end=high + ROOM * (high - low))
        self.strange.location = mark if math.isfinite(mark) else None

    def clear(self) -> None:
        """Show nothing."""
        self.pixels.data = {name: [] for name in self.pixels.data}
        self.masked.data = {"left": [], "right": []}
        self.strange.location = None


class CurvePlots:
    """χ² against redshift over bars of p(z), one panel a class, each with a cursor."""

    def __init__(self) -> None:
        blank: dict[str, list[float]] = {name: [] for name in ("left", "right", "p", "low", "high")}
        self.bars = {cls: ColumnDataSource(dict(blank)) for cls in CLASSES}
        self.share = Range1d(0, 1)
        self.sources = {cls: ColumnDataSource({"x": [], "chi2": [], "z": []}) for cls in CLASSES}
        self.cursors = {
            cls: Span(dimension="height", line_color=STRANGE_COLOR, line_dash="dashed")
            for cls in CLASSES
        }
        self.panels = {cls: self._panel(cls) for cls in CLASSES}

    def _panel(self, cls: str) -> figure:
        panel = figure(
            height=190, sizing_mode="stretch_width", min_width=220,
            tools="pan,box_zoom,xwheel_zoom,reset",
            toolbar_location=None, active_drag="box_zoom", title=cls, name=f"curve-{cls}",
            x_axis_label="z", y_axis_label=curve_name(bound=False) if cls == CLASSES[0] else "",
            x_range=Range1d(0, 1), y_range=Range1d(0, 1),
        )  # fmt: skip
        panel.extra_y_ranges = {"p": self.share}
        boxes = panel.quad(
            "left", "right", "p", 0, source=self.bars[cls], y_range_name="p", color=COLORS[cls],
            fill_alpha=0.35, line_alpha=0.35,
        )  # fmt: skip
        panel.add_tools(
            HoverTool(
                renderers=[boxes],
                tooltips=[("z", "@low{0.0000} to @high{0.0000}"), ("p(z)", "@p{0.0000}")],
            )
        )
        if cls == CLASSES[-1]:
            panel.add_layout(LinearAxis(y_range_name="p", axis_label="p(z) in a bar"), "right")
        source = self.sources[cls]
        line = panel.line("x", "chi2", source=source, color=COLORS[cls], line_width=1.5)
        panel.add_layout(self.cursors[cls])
        panel.add_tools(HoverTool(renderers=[line], tooltips=[("z", "@z"), ("χ²", "@chi2{0.000}")]))
        if cls != "STAR":
            panel.xaxis.ticker = CustomJSTicker(major_code=ROUND_TICKS)
            panel.xaxis.formatter = CustomJSTickFormatter(code=TICK_TEXT)
        panel.title.text_color = COLORS[cls]
        _tidy(panel)
        return panel

    def show(self, seen: Closeup) -> None:
        """Draw the curves of a spectrum."""
        self.panels[CLASSES[0]].yaxis.axis_label = curve_name(bound=seen.bound)
        for cls, source in self.sources.items():
            z, chi2 = seen.curves.get(cls, (np.empty(0), np.empty(0)))
            known = np.isfinite(chi2)
            x, y = axis_place(cls, z[known]), chi2[known]
            source.data = {"x": x, "chi2": y, "z": z[known]}
            if len(x):
                low, high = float(y.min()), float(y.max())
                margin = 0.05 * (high - low) or 0.1
                self.panels[cls].x_range.update(start=float(x[0]), end=float(x[-1]))
                self.panels[cls].y_range.update(start=low - margin, end=high + margin)
        self._show_p_z(seen)

    def _show_p_z(self, seen: Closeup) -> None:
        """Draw the bars, of one scale in all panels, and name the probability of each class."""
        highest = 0.0
        for cls, source in self.bars.items():
            z, share = seen.p_z.get(cls, (np.empty(0), np.empty(0)))
            edges, height = bars(axis_place(cls, z), share)
            ends = edges if cls == "STAR" else np.expm1(edges)
            source.data = {
                "left": edges[:-1], "right": edges[1:], "p": height, "low": ends[:-1],
                "high": ends[1:],
            }  # fmt: skip
            self.panels[cls].title.text = f"{cls}, p = {share.sum():.3f}" if len(z) else cls
            highest = max(highest, float(height.max(initial=0.0)))
        self.share.end = 1.12 * highest or 1.0

    def clear(self) -> None:
        """Show nothing."""
        for source in self.sources.values():
            source.data = {"x": [], "chi2": [], "z": []}
        for cls, source in self.bars.items():
            source.data = {name: [] for name in source.data}
            self.panels[cls].title.text = cls

    def move(self, z: float, cls: str) -> None:
        """Put the cursors at a redshift; the class's own is solid."""
        for one, cursor in self.cursors.items():
            cursor.location = float(axis_place(one, np.array([z]))[0])
            cursor.line_dash = "solid" if one == cls else "dashed"


def axis_place(cls: str, z: Floats) -> Floats:
    """Place of redshifts on the axis of a class's panel."""
    return z if cls == "STAR" else np.log1p(np.maximum(z, -0.9))


def redshift_at(cls: str, place: float) -> float:
    """Redshift of a place on the axis of a class's panel."""
    return place if cls == "STAR" else math.expm1(place)


def masked_runs(wave: Floats, ivar: Floats) -> tuple[Floats, Floats]:
    """First and last wavelengths of runs of masked pixels, without those before and after all.

    Parameters
    ----------
    wave, ivar : ndarray of float64, shape (n,)
        Wavelengths in Å, and inverse variances, 0 where masked.
    """
    good = np.flatnonzero(ivar > 0)
    gaps = np.flatnonzero(np.diff(good) > 1)
    return wave[good[gaps] + 1], wave[good[gaps + 1] - 1]


def _tidy(panel: figure) -> None:
    panel.axis.minor_tick_line_color = None
    panel.min_border_left = 60
    panel.axis.axis_label_text_font_style = "normal"
    panel.axis.axis_label_text_font_size = "11px"
    panel.axis.major_label_text_font_size = "10px"
    panel.grid.grid_line_alpha = 0.4
    for tool in panel.select(WheelZoomTool):
        panel.toolbar.active_scroll = tool
