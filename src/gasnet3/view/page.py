"""One page of the app: list, spectrum, curves, redshift, judgement, tied together."""

from __future__ import annotations

import math
from concurrent.futures import CancelledError, Future
from functools import partial
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from bokeh.document import Document
from bokeh.layouts import column, row
from bokeh.models import (
    Button,
    ColumnDataSource,
    CustomJS,
    Div,
    Slider,
    Spinner,
    TableColumn,
    TextInput,
)
from numpy.typing import NDArray

from gasnet3.flags import Notes, names
from gasnet3.spectra.lattice import STEP
from gasnet3.view.browse import Browser, number_column, table_of
from gasnet3.view.judge import SAME_Z, WRAPPED, Judge
from gasnet3.view.keys import help_html, listen
from gasnet3.view.plots import CurvePlots, SpectrumPlot, redshift_at
from gasnet3.view.shared import Shared

if TYPE_CHECKING:
    from gasnet3.pipeline.closeup import Closeup

MOVE_LINES = """
const z = cb_obj.value
if (z === null) return
if (z >= slider.start && z <= slider.end) slider.value = z
const data = {...lines.data}
data.x = Array.from(lines.data.rest, (rest) => rest * (1 + z))
lines.data = data
for (const [cls, cursor] of Object.entries(cursors))
  cursor.location = cls === "STAR" ? z : Math.log1p(Math.max(z, -0.9))
"""

PIXEL = 10.0**STEP
FAR = 20
"""Pixels of a long step in redshift."""


class Page:
    """What one browser tab shows."""

    def __init__(self, document: Document, shared: Shared) -> None:
        self.document, self.shared = document, shared
        self.seen: Closeup | None = None
        self.nth = 0
        self.model: NDArray[np.float64] = np.empty(0)
        self.cls = ""
        self._ticket = 0
        self._quiet = False
        self._fitting, self._wanted = False, math.nan
        self._asked: Future[Closeup] | None = None
        self.spectrum, self.curves = SpectrumPlot(shared.closeups.finder.lattice), CurvePlots()
        self.judge = Judge(shared.judgements, lambda: (self.cls, self._z()), self._judged)
        self.browser = Browser(shared.listing, self.judge.qualities, self.choose)
        self._make_controls()
        self._make_solutions()
        self._tie()
        document.title = f"gasnet3: {shared.title}"
        document.add_root(self._layout())
        self.choose(None)
        self.browser.refresh()

    def _make_controls(self) -> None:
        self.header = Div(text="", sizing_mode="stretch_width", name="header")
        self.message = Div(text="", sizing_mode="stretch_width", name="message")
        self.smooth = Slider(title="smoothing (σ, pixels)", start=0, end=15, step=0.5, value=2)
        self.slider = Slider(
            title="z", start=-0.01, end=5.2, step=0.001, value=0.0, sizing_mode="stretch_width",
            min_width=240, format="0.000", name="z-slider",
        )  # fmt: skip
        self.z = Spinner(title="z", value=0.0, step=0.0001, format="0.00000", width=110, name="z")
        self.back = Button(label="solution's z (r)", width=110)
        self.pressed = TextInput(visible=False, name="pressed")
        self.help = Div(text=help_html(), visible=False, name="help")
        self.ask = Button(label="keys (?)", width=80)

    def _make_solutions(self) -> None:
        fields = ("class", "z", "z_err", "rchi2", "worse", "p", "p_z")
        self.solutions = ColumnDataSource({name: [] for name in fields})
        formats = {"z": "0.00000", "z_err": "0.00000", "rchi2": "0.000", "worse": "0.0"}
        titles = {"rchi2": "χ²/dof", "worse": "Δχ²", "z_err": "± z", "p": "p(class)", "p_z": "p(z)"}
        numbers = [
            number_column(name, titles.get(name, name), 60, formats.get(name, "0.00"))
            for name in fields[1:]
        ]
        columns = [TableColumn(field="class", title="class", width=60), *numbers]
        self.table = table_of(self.solutions, columns, height=160, name="solutions")

    def _tie(self) -> None:
        lines = {
            "lines": self.spectrum.lines, "cursors": self.curves.cursors, "slider": self.slider,
        }  # fmt: skip
        self.z.js_on_change("value", CustomJS(args=lines, code=MOVE_LINES))
        self.slider.js_on_change(
            "value", CustomJS(args={"z": self.z}, code="z.value = cb_obj.value")
        )
        self.z.on_change("value", self._z_changed)
        self.smooth.on_change("value_throttled", lambda attr, old, new: self._draw())
        self.back.on_click(lambda: self.solve(self.nth))
        self.ask.on_click(lambda: self.help.update(visible=not self.help.visible))
        self.solutions.selected.on_change("indices", self._solution_chosen)
        self.pressed.on_change("value", lambda attr, old, new: self.press(new.split(" ")[0]))
        for cls, panel in self.curves.panels.items():
            panel.on_event("tap", partial(self._tapped, cls))
        listen(self.document, self.pressed, self.judge.comment, self.browser.search)

    def _layout(self) -> Any:
        left = column(self.browser.layout, Div(text="<b>solutions (↑ ↓)</b>"), self.table)
        right = column(
            self.header,
            self.message,
            self.help,
            self.judge.layout,
            self.spectrum.top,
            self.spectrum.bottom,
            row(self.smooth, self.slider, self.z, column(self.back, self.ask),
                sizing_mode="stretch_width", styles=WRAPPED),
            row(*self.curves.panels.values(), sizing_mode="stretch_width", styles=WRAPPED),
            self.pressed,
            sizing_mode="stretch_width", styles={"min-width": "min(100%, 620px)"},
        )  # fmt: skip
        return row(left, right, sizing_mode="stretch_width", styles=WRAPPED)

    def choose(self, place: int | None) -> None:
        """Show a row of the listing; None: nothing passes the filter."""
        self._ticket += 1
        self.seen = None
        self._fitting, self._wanted = False, math.nan
        self.spectrum.clear()
        self.curves.clear()
        # What was chosen for the spectrum before is not said of this one.
        self._quiet = True
        self.solutions.selected.indices = []
        self.solutions.data = {name: [] for name in self.solutions.data}
        self.z.value = None if place is None else _finite(self.shared.listing.value(place, "z"))
        self.cls = "" if place is None else str(self.shared.listing.value(place, "class"))
        self._quiet = False
        self.judge.show("" if place is None else str(self.shared.listing.ids[place]))
        if place is None:
            self.header.text = "<h3>no spectrum passes the filter</h3>"
            self.message.text = ""
            return
        self._move_lines()
        self.message.text = "reading and solving …"
        self.header.text = header_html(self.shared, place)
        if self._asked is not None:
            self._asked.cancel()  # nobody waits for it, if it has not begun
        self._asked = self.shared.closeups.inspect(str(self.shared.listing.ids[place]))
        self._when_done(self._asked, self._solved)

    def _when_done(self, future: Future[Any], then: Any) -> None:
        """Call ``then`` with a result, in this page's turn, unless something else is shown."""
        ticket = self._ticket

        def show(done: Future[Any]) -> None:
            if ticket != self._ticket:
                return
            try:
                result = done.result()
            except CancelledError:
                return
            except Exception as error:  # whatever a file or a model does, the page goes on
                self.message.text = f"<span style='color:#B00020'>{escape(str(error))}</span>"
                return
            then(result)

        def later(done: Future[Any]) -> None:
            if self.document.session_context:  # None once the tab is closed
                self.document.add_next_tick_callback(partial(show, done))

        future.add_done_callback(later)

    def _solved(self, seen: Closeup) -> None:
        self.seen = seen
        self.message.text = "" if seen.solutions else "no class has a solution for this spectrum"
        self.curves.show(seen)
        found = seen.solutions
        least = min((one.chi2 for one in found), default=math.nan)
        self._quiet = True
        self.solutions.data = {
            "class": [one.cls for one in found],
            "p": [one.probability for one in found],
            "worse": [one.chi2 - least for one in found],
            **{
                name: [getattr(one, name) for one in found]
                for name in ("z", "z_err", "rchi2", "p_z")
            },
        }
        self._quiet = False
        cls, z = self.judge.judged()
        same = [nth for nth, one in enumerate(found) if one.cls == cls and abs(one.z - z) < SAME_Z]
        self.solve(same[0] if same else 0)
        if not same and math.isfinite(z):
            self.cls = cls or self.cls
            self.z.value = z

    def solve(self, nth: int) -> None:
        """Show the nth solution."""
        if self.seen is None:
            return
        solutions = self.seen.solutions
        nothing = np.full(len(self.seen.wave), np.nan)
        self.nth = min(max(nth, 0), max(len(solutions) - 1, 0))
        chosen = solutions[self.nth] if solutions else None
        self.model = chosen.model if chosen else nothing
        self.cls = chosen.cls if chosen else ""
        self._quiet = True
        self.solutions.selected.indices = [self.nth] if chosen else []
        if chosen:
            self.z.value = chosen.z
        self._quiet = False
        self._wanted = math.nan
        self.judge.moved()
        self.curves.move(self._z(), self.cls)
        self._move_lines()
        self._draw()

    def _draw(self) -> None:
        if self.seen is not None:
            row_of = self.browser.row
            listing = self.shared.listing
            mark = math.nan if row_of is None else float(listing.value(row_of, "anomaly_wave"))
            self.spectrum.show(self.seen, self.model, self.cls, float(self.smooth.value), mark)

    def _move_lines(self) -> None:
        lines, z = self.spectrum.lines, self._z()
        if math.isfinite(z):
            lines.data = lines.data | {"x": [rest * (1.0 + z) for rest in lines.data["rest"]]}
        if self.slider.start <= z <= self.slider.end:
            self.slider.value = z

    def _z(self) -> float:
        return math.nan if self.z.value is None else float(self.z.value)

    def _z_changed(self, attr: str, old: float | None, new: float | None) -> None:
        if self._quiet or new is None:
            return
        self.judge.moved()
        if self.seen is not None:
            self.curves.move(new, self.cls)
            self._wanted = new
            self._refit()

    def _refit(self) -> None:
        """Fit at the redshift wanted last: those passed while one fit is under way are not."""
        if self.seen is None or self._fitting or not math.isfinite(self._wanted):
            return
        z, self._wanted, self._fitting = self._wanted, math.nan, True
        future = self.shared.closeups.model_at(self.seen.id, self.cls, z)
        self._when_done(future, partial(self._refitted, z))

    def _refitted(self, z: float, model: NDArray[np.float64]) -> None:
        self._fitting = False
        if z == self.z.value:  # not while the slider has moved on
            self.model = model
            self._draw()
        self._refit()

    def _tapped(self, cls: str, event: Any) -> None:
        if self.seen is not None:
            self.cls = cls
            self.z.value = redshift_at(cls, float(event.x))

    def _solution_chosen(self, attr: str, old: list[int], new: list[int]) -> None:
        if not self._quiet and self.seen is not None and new and new[0] != self.nth:
            self.solve(new[0])

    def _judged(self, onward: bool) -> None:
        self.browser.mark(self.judge.name)
        if onward:
            self.browser.step(1)

    def press(self, key: str) -> None:
        """Do what a key means."""
        steps = {"ArrowRight": 1, "l": 1, "ArrowLeft": -1, "h": -1}
        solutions = {"ArrowDown": 1, "j": 1, "ArrowUp": -1, "k": -1}
        pixels = {"]": 1, "[": -1, "}": FAR, "{": -FAR}
        if key in steps:
            self.browser.step(steps[key])
        elif key in solutions:
            self.solve(self.nth + solutions[key])
        elif key in pixels and self.seen is not None and math.isfinite(self._z()):
            self.z.value = (1.0 + self._z()) * PIXEL ** pixels[key] - 1.0
        elif key in "01234":
            self.judge.rate(int(key))
        elif key in "sgqx":
            self.judge.cls.active = "sgqx".index(key)
        elif key in "RCS":
            self.judge.toggle(key)
        elif key == "r":
            self.solve(self.nth)
        elif key == "?":
            self.help.visible = not self.help.visible


def _finite(value: Any) -> float | None:
    return float(value) if math.isfinite(float(value)) else None


def header_html(shared: Shared, place: int) -> str:
    """What the catalog says of a row; all of it text, whatever is in the file."""
    value = partial(shared.listing.value, place)
    parts = [f"<b>{escape(str(value('id')))}</b>"]
    subclass = escape(str(value("subclass")))
    parts.append(f"{escape(str(value('class')))} {subclass} &nbsp; z = {float(value('z')):.5f}")
    low, high = float(value("z_lo")), float(value("z_hi"))
    if math.isfinite(low) and math.isfinite(high):
        parts[-1] += f" ({low:.5f} to {high:.5f})"
    for name, text in (("p_z", "p(z)"), ("sn_median", "S/N"), ("rchi2", "χ²/dof")):
        number = float(value(name))
        if math.isfinite(number):
            parts.append(f"{text} {number:.3g}")
    second = float(value("z_second"))
    if math.isfinite(second):
        parts.append(f"second z {second:.5f}")
    zwarn, notes = (int(shared.listing.bits(name)[place]) for name in ("zwarn", "notes"))
    for flags, color in ((names(zwarn), "#B00020"), (names(notes, Notes), "#8A5A00")):
        if flags:
            parts.append(f"<span style='color:{color}'>{' '.join(flags)}</span>")
    line = " &nbsp;·&nbsp; ".join(parts)
    reason = escape(str(value("anomaly_reason")))
    if reason:
        kind = escape(str(value("anomaly_kind")))
        score = float(value("anomaly_score"))
        line += f"<br>anomaly score {score:.1f}{f', {kind}' if kind else ''}: {reason}"
    return f"<div style='font-size:14px'>{line}</div>"
