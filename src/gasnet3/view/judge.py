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

from gasnet3.classes import CLASSES
from gasnet3.evaluate.judgements import (
    ISSUES,
    LONGEST,
    QUALITIES,
    Judgement,
    JudgementError,
    JudgementFile,
)

LETTERS = tuple(ISSUES)
GOOD, OLD, BAD = "#2E7D32", "#8A5A00", "#B00020"

WRAPPED = {"flex-wrap": "wrap"}
"""Style of rows whose parts go below one another where the window is narrow."""

SAME_Z = 2e-5
"""Redshifts closer than this are the same: the page shows five digits."""


class Judge:
    """Quality, class, issues and comment of the spectrum shown; saved with every change.

    ``shown`` gives class and redshift of the model shown, which a quality is said of; ``on_saved``
    is called after each judgement, with whether to go on to the next spectrum.
    """

    def __init__(
        self,
        judgements: JudgementFile,
        shown: Callable[[], tuple[str, float]],
        on_saved: Callable[[bool], None],
    ) -> None:
        self.file, self.shown, self.on_saved = judgements, shown, on_saved
        self.known: dict[str, Judgement] = {}
        self.name = ""
        self._quiet = False
        self._read()  # for the list; what is wrong with the file is said with a spectrum
        self.quality = RadioButtonGroup(
            labels=[str(value) for value in sorted(QUALITIES)], name="quality"
        )
        self.cls = RadioButtonGroup(labels=[*CLASSES, "none"], name="class")
        self.issues = CheckboxButtonGroup(labels=list(LETTERS), name="issues")
        self.comment = TextAreaInput(rows=1, width=260, name="comment")
        self.onward = Toggle(label="next after quality", active=False, width=130)
        self.status = Div(text="", sizing_mode="stretch_width", name="status")
        self.quality.on_change("active", lambda attr, old, new: self._changed(rated=True))
        self.cls.on_change("active", lambda attr, old, new: self._changed(classed=True))
        self.issues.on_change("active", lambda attr, old, new: self._changed())
        self.comment.on_change("value", lambda attr, old, new: self._changed())
        self.layout: LayoutDOM = column(
            row(
                _titled("quality (0–4)", self.quality),
                _titled("class (s g q x)", self.cls),
                _titled("issues (R C S)", self.issues),
                _titled("comment (m)", self.comment),
                _titled("", self.onward),
                styles=WRAPPED,
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
        """Show what was said of a spectrum, in another tab or program too."""
        self.name = name
        trouble = self._read()
        found = self.known.get(name)
        self._quiet = True
        self.quality.active = None if found is None else found.quality
        self.cls.active = _button(found)
        said, _ = _issues(found)
        self.issues.active = [i for i, letter in enumerate(LETTERS) if letter in said]
        self.comment.value = found.comment if found else ""
        self._quiet = False
        if trouble:
            self._tell(trouble, BAD)
        else:
            self._tell("" if found is None else f"judged {found.time[:16]}: {_said(found)}", GOOD)

    def _read(self) -> str:
        """Read what is in the file now; what is wrong with it, if something is."""
        try:
            self.known = self.file.latest()
        except JudgementError as error:
            return f"judgements cannot be read: {error}"
        return ""

    def judged(self) -> tuple[str, float]:
        """Class and redshift that were judged; '' and NaN where there are none."""
        found = self.known.get(self.name)
        if found is None or found.z is None:
            return "", math.nan
        return found.cls, found.z

    def moved(self) -> None:
        """Tell if the redshift shown is not the one that was saved."""
        found = self.known.get(self.name)
        if found is None or found.z is None:
            return
        if abs(found.z - self.shown()[1]) < SAME_Z:
            self._tell(f"saved: {_said(found)}", GOOD)
        else:
            advice = "press the quality again to save the one shown"
            self._tell(f"saved: {_said(found)}; {advice}", OLD)

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

    def _changed(self, *, rated: bool = False, classed: bool = False) -> None:
        """Save; a quality or class is said of the redshift shown, other things of the one saved."""
        if self._quiet:
            return
        if not self.name:
            self._tell("NOT SAVED: judgements are of spectra by their ids, and here is none", BAD)
            return
        shown, z = self.shown()
        before = self.known.get(self.name)
        if rated and self.cls.active is None and shown in CLASSES:
            self._quiet = True
            self.cls.active = CLASSES.index(shown)
            self._quiet = False
        chosen = self.cls.active
        named = CLASSES[chosen] if chosen is not None and chosen < len(CLASSES) else ""
        if not (rated or classed):
            z = math.nan if before is None or before.z is None else before.z
        letters = "".join(LETTERS[i] for i in sorted(self.issues.active))
        judgement = Judgement(
            id=self.name,
            quality=self.quality.active,
            cls=named,
            z=z if math.isfinite(z) and z > -1 else None,
            issue=" ".join(filter(None, (letters, _issues(before)[1]))),
            comment=self.comment.value[:LONGEST],
        )
        try:
            saved = self.file.record(judgement)
        except JudgementError as error:
            self._tell(f"NOT SAVED: {error}", BAD)
            return
        self.known[self.name] = saved
        self._tell(f"saved in {self.file.path.name}: {_said(saved)}", GOOD)
        self.on_saved(rated and self.onward.active)

    def _tell(self, text: str, color: str) -> None:
        self.status.text = f"<span style='color:{color}'>{escape(text)}</span>"


def _button(found: Judgement | None) -> int | None:
    """Place of the class of a judgement among the buttons; the last is that of no class."""
    if found is None or (not found.cls and found.quality is None):
        return None
    return CLASSES.index(found.cls) if found.cls in CLASSES else len(CLASSES)


def _issues(found: Judgement | None) -> tuple[str, str]:
    """Letters of the issues of a judgement, and what was written beside them by hand."""
    issue = found.issue if found else ""
    head, _, words = issue.partition(" ")
    return (head, words) if set(head) <= set(LETTERS) else ("", issue)


def _said(judgement: Judgement) -> str:
    parts = (
        "" if judgement.quality is None else f"quality {judgement.quality}",
        judgement.cls,
        "" if judgement.z is None else f"z = {judgement.z:.5f}",
    )
    return ", ".join(filter(None, parts)) or "no quality, class or redshift"


def _titled(title: str, widget: LayoutDOM) -> LayoutDOM:
    return column(Div(text=title, styles={"font-size": "11px"}, margin=(2, 5, 0, 5)), widget)
