"""The list of the app: filters, order, and a table of one page of rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from bokeh.layouts import column, row
from bokeh.models import (
    Button,
    CheckboxButtonGroup,
    ColumnDataSource,
    CustomJS,
    DataTable,
    Div,
    LayoutDOM,
    NumberFormatter,
    Select,
    Spinner,
    TableColumn,
    TextInput,
)

from gasnet3.catalog.schema import ANOMALY_KINDS
from gasnet3.classes import CLASSES
from gasnet3.flags import MEANING
from gasnet3.view.listing import SORTS, STRANGEST, Filter, Listing

PAGE = 200
"""Rows sent to the browser at a time."""

REDRAW = "table.view.change.emit()"
"""Bokeh's tables redraw when their view changes, which new data of the same length leave as is."""

WIDTH = 400
ANY = "any"
SHOWN = ("id", "class", "z", "sn_median", "p_z", "anomaly_score")


class Browser:
    """Filters of a listing, and the table of what passes them.

    ``judged`` gives the quality of each judged id; ``on_choice`` is called with a row of the
    listing when it is chosen.
    """

    def __init__(
        self,
        listing: Listing,
        judged: Callable[[], dict[str, str]],
        on_choice: Callable[[int | None], None],
    ) -> None:
        self.listing, self.judged, self.on_choice = listing, judged, on_choice
        self.found = np.arange(0)
        self.place = 0  # of the chosen row among those found
        self._quiet = False
        self._make_filters()
        self._make_table()
        self.layout: LayoutDOM = self._arranged()

    def _make_filters(self) -> None:
        kinds = [ANY, *ANOMALY_KINDS.values()]
        flags = [ANY, *MEANING]
        self.classes = CheckboxButtonGroup(labels=list(CLASSES), width=195, name="classes")
        self.kinds = Select(title="anomaly", options=kinds, value=ANY, width=195, name="kinds")
        self.flags = Select(title="flag or note", options=flags, value=ANY, width=195, name="flags")
        options = [ANY, "no flag", "judged", "not judged"]
        self.only = Select(title="only", options=options, value=ANY, width=195, name="only")
        self.sn_low = Spinner(title="S/N from", step=1, width=92)
        self.sn_high = Spinner(title="to", step=1, width=92)
        self.score = Spinner(title="anomaly score from", step=0.5, width=195)
        self.search = TextInput(title="id contains (f)", width=WIDTH - 10, name="search")
        scored = np.isfinite(self.listing.column("anomaly_score").astype(np.float64)).any()
        first = STRANGEST if scored else next(iter(SORTS))
        self.sort = Select(title="order", options=list(SORTS), value=first, width=195, name="sort")
        for widget in (
            self.kinds, self.flags, self.only, self.sn_low, self.sn_high,
            self.score, self.search, self.sort,
        ):  # fmt: skip
            widget.on_change("value", lambda attr, old, new: self.refresh())

        self.classes.on_change("active", lambda attr, old, new: self.refresh())

    def _make_table(self) -> None:
        self.source = ColumnDataSource({name: [] for name in (*SHOWN, "quality")})
        columns = [
            TableColumn(field="id", title="id", width=150),
            TableColumn(field="class", title="class", width=60),
            number_column("z", "z", 60, "0.0000"),
            number_column("sn_median", "S/N", 40, "0.0"),
            number_column("anomaly_score", "strange", 45, "0.0"),
            TableColumn(field="quality", title="VI", width=30),
        ]
        self.table = table_of(self.source, columns, height=330, name="table")
        self.source.selected.on_change("indices", self._selected)
        self.count = Div(text="", width=200, name="count")
        self.before = Button(label="‹ page", width=60)
        self.after = Button(label="page ›", width=60)
        self.before.on_click(lambda: self.turn(-PAGE))
        self.after.on_click(lambda: self.turn(PAGE))

    def _arranged(self) -> LayoutDOM:
        return column(
            column(Div(text="class", margin=(2, 5, 0, 5)), self.classes),
            row(self.kinds, self.flags),
            row(self.only, self.sort),
            row(row(self.sn_low, self.sn_high), self.score),
            self.search,
            row(self.count, self.before, self.after),
            self.table,
            width=WIDTH,
        )

    def chosen(self) -> Filter:
        """The filter that the widgets say."""
        low, high, score = self.sn_low.value, self.sn_high.value, self.score.value
        return Filter(
            classes=tuple(CLASSES[i] for i in self.classes.active),
            kinds=_wanted(self.kinds.value),
            flags=_wanted(self.flags.value),
            clean=self.only.value == "no flag",
            sn=(-np.inf if low is None else low, np.inf if high is None else high),
            score=(-np.inf if score is None else score, np.inf),
            text=self.search.value,
            judged={"judged": True, "not judged": False}.get(self.only.value),
        )

    def refresh(self) -> None:
        """Filter anew; what was chosen stays chosen if it is still there."""
        row_before = self.row
        self.found = self.listing.rows(self.chosen(), self.sort.value, self.judged())
        again = np.flatnonzero(self.found == (-1 if row_before is None else row_before))
        self.place = int(again[0]) if len(again) else 0
        self.show()
        if self.row != row_before:
            self.on_choice(self.row)

    @property
    def row(self) -> int | None:
        """The chosen row of the listing; None where nothing passes the filter."""
        return int(self.found[self.place]) if self.place < len(self.found) else None

    def step(self, by: int) -> None:
        """Choose a row further down or up the list."""
        place = min(max(self.place + by, 0), max(len(self.found) - 1, 0))
        if place != self.place:
            turned = place // PAGE != self.place // PAGE
            self.place = place
            if turned:
                self.show()
            else:
                self._select()
            self.on_choice(self.row)

    def turn(self, by: int) -> None:
        """Turn a page."""
        first = PAGE * (self.place // PAGE) + by
        if 0 <= first < len(self.found):
            self.place = first
            self.show()
            self.on_choice(self.row)

    def show(self) -> None:
        """Send the page with the chosen row."""
        first = PAGE * (self.place // PAGE)
        rows = self.found[first : first + PAGE]
        judged = self.judged()
        data = {name: self.listing.column(name)[rows].tolist() for name in SHOWN}
        data["quality"] = [judged.get(str(name), "") for name in data["id"]]
        self._quiet = True
        self.source.data = data
        self._quiet = False
        self._select()
        last = min(first + PAGE, len(self.found))
        shown = f"{first + 1:,} to {last:,} of " if len(self.found) > PAGE else ""
        self.count.text = f"{shown}{len(self.found):,} of {len(self.listing):,} spectra"
        self.before.disabled = first == 0
        self.after.disabled = last >= len(self.found)

    def _select(self) -> None:
        self._quiet = True
        self.source.selected.indices = [self.place % PAGE] if len(self.found) else []
        self._quiet = False

    def mark(self, name: str) -> None:
        """Show the judgement of a spectrum in the table."""
        quality = self.judged().get(name, "")
        places = [i for i, listed in enumerate(self.source.data["id"]) if listed == name]
        self.source.patch({"quality": [(place, quality) for place in places]})

    def _selected(self, attr: str, old: list[int], new: list[int]) -> None:
        if self._quiet or not new:
            return
        place = PAGE * (self.place // PAGE) + new[0]
        if place != self.place:
            self.place = place
            self.on_choice(self.row)


def number_column(field: str, title: str, width: int, form: str) -> TableColumn:
    """A column of numbers, written in a form."""
    return TableColumn(
        field=field, title=title, width=width, formatter=NumberFormatter(format=form)
    )


def table_of(
    source: ColumnDataSource, columns: list[TableColumn], *, height: int, name: str
) -> DataTable:
    """A table in the style of the app, drawn anew with its data."""
    table = DataTable(
        source=source, columns=columns, width=WIDTH, height=height, index_position=None,
        reorderable=False, sortable=False, name=name, row_height=22,
    )  # fmt: skip
    for event in ("data", "patching"):
        source.js_on_change(event, CustomJS(args={"table": table}, code=REDRAW))
    return table


def _wanted(value: str) -> tuple[str, ...]:
    return () if value == ANY else (value,)
