"""The linked part of the report: scatter plots, and the table of what is selected in them."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np
from bokeh.models import (
    Button,
    CDSView,
    ColumnDataSource,
    CustomJS,
    DataTable,
    Div,
    HoverTool,
    IndexFilter,
    NumberFormatter,
    Select,
    StringFormatter,
    TableColumn,
    TextInput,
)
from bokeh.plotting import figure
from bokeh.transform import factor_cmap, factor_mark

from gasnet3.flags import MEANING, Notes, ZWarn
from gasnet3.report import columns
from gasnet3.report.html import plots

if TYPE_CHECKING:
    from astropy.table import Table
    from bokeh.models import UIElement

R_FLOOR = 1e-4
"""R of less is drawn here: the axis is logarithmic."""

NUMBERS = {
    "z": "0.00000",
    "z_err": "0.000000",
    "z_lo": "0.00000",
    "z_hi": "0.00000",
    "rchi2": "0.000",
    "robustness": "0.0000",
    "sn_median": "0.0",
    "p_class": "0.000",
    "p_z": "0.000",
    "anomaly_score": "0.00",
    "z_true": "0.00000",
}
"""Columns of numbers of the table, and how they are written."""

TEXTS = {
    "id": 170,
    "class": 65,
    "subclass": 80,
    "flags": 190,
    "notes": 190,
    "anomaly_kind": 130,
    "anomaly_reason": 420,
    "true_class": 75,
}
"""Columns of text of the table, and their widths in pixels."""

ORDER = (
    *("id", "class", "true_class", "z", "z_true", "z_err", "z_lo", "z_hi"),
    *("p_class", "p_z", "sn_median"),
    *(
        "rchi2",
        "robustness",
        "anomaly_score",
        "anomaly_kind",
        "flags",
        "notes",
        "anomaly_reason",
        "subclass",
    ),
)

SCATTERS = (
    ("robustness", "rchi2", "robustness R (less than 10⁻⁴: at 10⁻⁴)", "reduced χ²", True),
    ("sn_median", "anomaly_score", "median S/N a pixel", "anomaly_score", False),
    ("sn_median", "p_z", "median S/N a pixel", "p_z", False),
)
"""Columns against each other, their names, and whether the second axis is logarithmic too."""

QUIET_STYLE = ":host { font: 13px/1.4 system-ui, sans-serif; color: #222; }"

TOOLS = "box_select,lasso_select,tap,box_zoom,wheel_zoom,pan,reset"


def row_data(table: Table, truth: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of rows that are shown, without those of which nothing is known.

    ``truth`` is ``true_class`` and ``z_true`` of these rows, or nothing.
    """
    bits = columns.zwarn(table)
    data: dict[str, Any] = {"id": columns.texts(table, "id"), "class": columns.classes(table)}
    for name in ("subclass", "anomaly_kind", "anomaly_reason"):
        data[name] = columns.texts(table, name)
    data |= {"flags": columns.flags(bits), "p_class": columns.p_class(table)}
    data["notes"] = columns.flags(columns.notes(table), Notes)
    for name in NUMBERS:
        if name not in data and name != "z_true":
            data[name] = columns.numbers(table, name)
    data |= truth
    shown = {}
    for name, values in data.items():
        if name in TEXTS:
            if name in ("id", "class") or (values != "").any():
                shown[name] = values.tolist()
        elif np.isfinite(values).any():
            shown[name] = values.astype(np.float32)
    if bits.any():
        shown["zwarn"] = bits.astype(np.int32)
    return shown


def explore(data: dict[str, Any], n_all: int) -> dict[str, UIElement]:
    """Scatter plots and table of what :func:`row_data` gives, linked to each other.

    The catalog has ``n_all`` spectra, of which these may be a part. Bokeh's models by name:
    ``scatter_0`` and on, ``filter_class`` and on, ``shown`` (how many rows are listed),
    ``table``, and ``row`` (the row that was clicked, in words).
    """
    if "robustness" in data:
        data = {**data, "drawn_r": np.maximum(data["robustness"], np.float32(R_FLOOR))}
    source = ColumnDataSource(data, name="rows")
    every = list(range(len(data["id"])))
    chosen, listed = IndexFilter(indices=every), IndexFilter(indices=every)
    axes = [each for each in SCATTERS if each[0] in data and each[1] in data]
    drawn = {
        f"scatter_{i}": _scatter(source, CDSView(filter=chosen), *each)
        for i, each in enumerate(axes)
    }
    shown = Div(name="shown", render_as_text=True, stylesheets=[QUIET_STYLE])
    row = Div(name="row", render_as_text=True, stylesheets=[QUIET_STYLE])
    controls = _controls(data)
    code = files("gasnet3.report.html").joinpath("explore.js").read_text(encoding="utf-8")
    models = {"source": source, "chosen": chosen, "listed": listed, "shown": shown, "row": row}
    args = {**models, "controls": controls, "n_all": n_all, "meanings": MEANING}
    _link(code, args, list(drawn.values()))
    shown.text = _shown(len(every), n_all)
    filters = {f"filter_{name}": widget for name, widget in controls.items()}
    return {**drawn, **filters, "shown": shown, "table": _table(source, listed), "row": row}


def _shown(shown: int, n_all: int) -> str:
    """What is listed before anything is chosen; explore.js says it anew after that."""
    of = f" shown here, of {n_all:,} in the catalog" if shown < n_all else ""
    return f"All {shown:,} spectra{of}."


def _scatter(
    source: ColumnDataSource, view: CDSView, x: str, y: str, x_label: str, y_label: str, log: bool
) -> figure:
    """Two columns against each other, a colour and a marker a class."""
    found = columns.in_order(np.array(source.data["class"], np.str_))
    plot = plots.panel(
        x_label,
        y_label,
        height=330,
        x_axis_type="log",
        y_axis_type="log" if log else "linear",
        toolbar_location="above",
        tools=TOOLS,
        active_drag="box_select",
        name=f"{x}_{y}",
    )
    plot.toolbar.logo = None
    plot.scatter(
        "drawn_r" if x == "robustness" else x,
        y,
        source=source,
        view=view,
        size=5,
        marker=factor_mark("class", [plots.marker(name) for name in found], found),
        color=factor_cmap("class", [plots.color(name) for name in found], found),
        alpha=0.55,
        line_color=None,
        nonselection_alpha=0.08,
        selection_alpha=1.0,
    )
    tooltips = [("", "@id"), ("", "@class z = @z{0.0000}")]
    if "z_lo" in source.data and "z_hi" in source.data:
        tooltips.append(("68 %", "z from @z_lo{0.0000} to @z_hi{0.0000}"))
    plot.add_tools(HoverTool(tooltips=tooltips if "z" in source.data else tooltips[:1]))
    return plot


def _table(source: ColumnDataSource, listed: IndexFilter) -> DataTable:
    shown = [name for name in ORDER if name in source.data]
    cells = [
        TableColumn(
            field=name,
            title=name,
            width=TEXTS.get(name, max(78, 8 * len(name))),
            formatter=StringFormatter()
            if name in TEXTS
            else NumberFormatter(format=NUMBERS[name], nan_format="", text_align="right"),
        )
        for name in shown
    ]
    return DataTable(
        name="table",
        source=source,
        view=CDSView(filter=listed),
        columns=cells,
        height=380,
        row_height=22,
        index_position=None,
        sizing_mode="stretch_width",
        autosize_mode="none",
        reorderable=False,
        selectable=True,
    )


def _controls(data: dict[str, Any]) -> dict[str, Any]:
    """What the table can be filtered by, as far as the catalog has it."""
    text = TextInput(title="id, subclass or reason contains", width=230, name="find")
    found = columns.in_order(np.array(data["class"], np.str_))
    controls: dict[str, Any] = {
        "class": _select("class", [("", "all"), *((name, name) for name in found)])
    }
    if "zwarn" in data:
        bits = data["zwarn"]
        here = [flag for flag in ZWarn if (bits & int(flag)).any()]
        named = [(str(int(flag)), flag.name or "") for flag in here]
        options = [("", "all"), ("none", "no warning"), ("any", "any warning"), *named]
        controls["warning"] = _select("warning", options)
    if "notes" in data:
        noted = sorted({name for row in data["notes"] for name in row.split(", ")} - {""})
        options = [("", "all"), ("any", "any note"), *((name, name) for name in noted)]
        controls["note"] = _select("note", options)
    if "anomaly_kind" in data:
        kinds = sorted(set(data["anomaly_kind"]) - {""})
        options = [("", "all"), ("any", "any kind"), *((kind, kind) for kind in kinds)]
        controls["anomaly"] = _select("anomaly_kind", options)
    if "true_class" in data:
        options = [("", "all"), ("wrong", "wrong class"), ("right", "right class")]
        controls["truth"] = _select("truth", options)
    clear = Button(label="Show all", width=90, name="clear", align="end")
    return {**controls, "find": text, "clear": clear}


def _select(title: str, options: list[tuple[str, str]]) -> Select:
    return Select(title=title, value="", options=options, width=170, name=title)


def _link(code: str, args: dict[str, Any], drawn: list[figure]) -> None:
    """Let every control, every selection and every click on a row call explore.js."""

    def call(what: str) -> CustomJS:
        return CustomJS(args=args, code=f"const what = {what!r};\n{code}")

    for name, control in args["controls"].items():
        if name == "clear":
            control.js_on_event("button_click", call("clear"))
        else:
            control.js_on_change("value", call("filter"))
    for plot in drawn:
        plot.js_on_event("selectiongeometry", call("select"))
        plot.js_on_event("tap", call("select"))
    args["source"].selected.js_on_change("indices", call("row"))
