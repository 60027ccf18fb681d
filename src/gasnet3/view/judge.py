"""What a person says of a spectrum: the widgets, and saving at once."""

from __future__ import annotations

import math
from collections.abc import Callable
from html import escape

from bokeh.layouts import column, row
from bokeh.models import (
    CheckboxButtonGroup,
    Div,
    LayoutDOM,
    RadioButtonGroup,
    TextAreaInput,
    Toggle,
)

from gasnet3 import CLASSES
from gasnet3.view.judgements import (
    ISSUES,
    QUALITIES,
    Judgement,
    JudgementError,
    JudgementFile,
)

LETTERS = tuple(ISSUES)
GOOD, BAD = "#2E7D32", "#B00020"


class Judge:
    """Quality, class, issues and comment of the spectrum shown; saved with every change.

    Parameters
    ----------
    judgements : JudgementFile
        Where they are kept.
    redshift : callable
        Gives the redshift to be saved.
    on_saved : callable
        Called after each judgement, with whether to go on to the next spectrum.
    """

    def __init__(
        self,
        judgements: JudgementFile,
        redshift: Callable[[], float],
        on_saved: Callable[[bool], None],
    ) -> None:
        self.file, self.redshift, self.on_saved = judgements, redshift, on_saved
        self.known = judgements.latest()
        self.name = ""
        self._quiet = False
        self.quality = RadioButtonGroup(
            labels=[str(value) for value in sorted(QUALITIES)], name="quality"
        )
        self.cls = RadioButtonGroup(labels=[*CLASSES, "none"], name="class")
        self.issues = CheckboxButtonGroup(labels=list(LETTERS), name="issues")
        self.comment = TextAreaInput(rows=1, width=260, name="comment")
        self.onward = Toggle(label="next after quality", active=False, width=130)
        self.status = Div(text="", sizing_mode="stretch_width", name="status")
        self.quality.on_change("active", lambda attr, old, new: self._changed(rated=True))
        for widget in (self.cls, self.issues):
            widget.on_change("active", lambda attr, old, new: self._changed())
        self.comment.on_change("value", lambda attr, old, new: self._changed())
        self.layout: LayoutDOM = column(
            row(
                _titled("quality (0–4)", self.quality),
                _titled("class (s g q x)", self.cls),
                _titled("issues (R C S)", self.issues),
                _titled("comment (m)", self.comment),
                _titled("", self.onward),
            ),
            self.status,
            sizing_mode="stretch_width",
        )

    def qualities(self) -> dict[str, str]:
        """Quality of each judged id, as text."""
        return {
            name: "·" if found.quality is None else str(found.quality)
            for name, found in self.known.items()
        }

    def show(self, name: str) -> None:
        """Show what was said of a spectrum."""
        self.name = name
        found = self.known.get(name)
        self._quiet = True
        self.quality.active = None if found is None else found.quality
        named = found.cls if found else ""
        self.cls.active = CLASSES.index(named) if named in CLASSES else None
        said = found.issue if found else ""
        self.issues.active = [i for i, letter in enumerate(LETTERS) if letter in said]
        self.comment.value = found.comment if found else ""
        self._quiet = False
        self._tell("" if found is None else f"judged {escape(found.time[:16])}", GOOD)

    def judged_z(self) -> float:
        """The redshift that was judged; NaN where there is none."""
        found = self.known.get(self.name)
        return math.nan if found is None or found.z is None else found.z

    def rate(self, quality: int) -> None:
        """Give a quality, also the one it has."""
        if self.quality.active == quality:
            self._changed(rated=True)
        else:
            self.quality.active = quality

    def toggle(self, letter: str) -> None:
        """Set or take back an issue."""
        index = LETTERS.index(letter)
        active = set(self.issues.active)
        self.issues.active = sorted(active ^ {index})

    def _changed(self, *, rated: bool = False) -> None:
        if self._quiet or not self.name:
            return
        z = self.redshift()
        chosen = self.cls.active
        try:
            saved = self.file.record(
                Judgement(
                    id=self.name,
                    scanner=self.file.scanner,
                    quality=self.quality.active,
                    cls=CLASSES[chosen] if chosen is not None and chosen < len(CLASSES) else "",
                    z=z if math.isfinite(z) else None,
                    issue="".join(LETTERS[i] for i in self.issues.active),
                    comment=self.comment.value,
                    time="",
                )
            )
        except JudgementError as error:
            self._tell(f"NOT SAVED: {escape(str(error))}", BAD)
            return
        self.known[self.name] = saved
        self._tell(f"saved in {escape(self.file.path.name)}: z = {z:.5f}", GOOD)
        self.on_saved(rated and self.onward.active)

    def _tell(self, text: str, color: str) -> None:
        self.status.text = f"<span style='color:{color}'>{text}</span>"


def _titled(title: str, widget: LayoutDOM) -> LayoutDOM:
    return column(Div(text=title, styles={"font-size": "11px"}, margin=(2, 5, 0, 5)), widget)
