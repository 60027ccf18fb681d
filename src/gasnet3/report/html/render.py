"""From what is known of a catalog to the text of the page: Bokeh's plots in a template."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from bokeh.embed import components
from bokeh.resources import Resources
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from gasnet3.report import columns
from gasnet3.report.html import plots
from gasnet3.report.html.explore import explore, row_data

if TYPE_CHECKING:
    from astropy.table import Table

    from gasnet3.evaluate.evaluation import Evaluation

PARTS = ("bokeh", "bokeh-widgets", "bokeh-tables")
"""Of Bokeh's scripts; it would put in those for equations and WebGL too."""


def render(
    best: Table,
    context: Mapping[str, Any],
    truth: Mapping[str, Any],
    result: Evaluation | None,
    max_rows: int,
) -> str:
    """The page of best solutions as text, with at most ``max_rows`` of them one by one.

    ``context`` is what the template says in words, ``truth`` is ``true_class`` and ``z_true``,
    shape (rows,), or nothing, and ``result`` the catalog against it.
    """
    models = figures(best, truth)
    rows = columns.thinned(best, max_rows)
    data = row_data(best[rows], {name: values[rows] for name, values in truth.items()})
    models |= explore(data, len(best))
    script, divs = components(models)
    template = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True
    ).from_string(files("gasnet3.report.html").joinpath("page.html").read_text(encoding="utf-8"))
    template.environment.globals.clear()
    return template.render(
        **context,
        plots={name: Markup(div) for name, div in divs.items()},
        script=Markup(script),
        bokeh=Markup(Resources(mode="inline", components=list(PARTS)).render_js()),
        shown=len(rows),
        day=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )


def figures(best: Table, truth: Mapping[str, Any]) -> dict[str, Any]:
    """The plots that stand alone, by their names in the template."""
    cls = columns.classes(best)
    z, sn = columns.numbers(best, "z"), columns.numbers(best, "sn_median")
    drawn = {
        f"z_{name}": plot
        for name, plot in plots.each_class(
            cls, lambda name, rows: plots.histograms(z[rows], cls[rows], f"z as {name}")
        ).items()
    }
    unit = (0.0, 1.0)
    score = columns.numbers(best, "anomaly_score")
    drawn |= {
        "p_class": plots.histograms(columns.p_class(best), cls, "p of the class", limits=unit),
        "p_z": plots.histograms(columns.numbers(best, "p_z"), cls, "p_z", limits=unit),
        "sn": plots.histograms(sn, cls, "median S/N a pixel", log=True),
        "rchi2": plots.histograms(columns.numbers(best, "rchi2"), cls, "reduced χ²", log=True),
        "tail": plots.tail(score),
    }
    if "zwarn" in best.colnames:
        clean = columns.zwarn(best) == 0
        flags = {name: clean[cls == name] for name in columns.in_order(cls)}
        drawn["clean_by_sn"] = plots.shares_by_sn(sn, cls, flags, "share without a warning")
    if truth:
        true = truth["true_class"]
        known = {name: cls[true == name] == name for name in columns.in_order(true) if name}
        drawn["right_by_sn"] = plots.shares_by_sn(sn, true, known, "share of right classes")
    return {name: plot for name, plot in drawn.items() if plot is not None}
