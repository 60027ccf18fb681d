"""Judgements as the page gives and gets them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from gasnet3.evaluate.agreement import find_conflicts
from gasnet3.evaluate.judgements import (
    ISSUES,
    LONGEST,
    Judgement,
    JudgementError,
    JudgementFile,
)
from gasnet3.view.listing import Listing

LETTERS = tuple(ISSUES)


class Judging:
    """What a person and their colleagues say of spectra; saved with every change."""

    def __init__(
        self, file: JudgementFile, listing: Listing, colleagues: Sequence[Judgement] = ()
    ) -> None:
        self.file, self.listing, self.colleagues = file, listing, colleagues
        self.known: dict[str, Judgement] = {}
        self.trouble = ""
        self._state: tuple[int, int, int] | None = None
        self.read()

    def read(self) -> None:
        """Read what is in the file now, if another tab or program has written to it."""
        try:
            told = self.file.path.stat()
            state = (told.st_mtime_ns, told.st_size, told.st_ino)
        except OSError:  # what is wrong, if something is, is told by reading
            state = None
        if state is not None and state == self._state:
            return
        try:
            latest = self.file.latest()
        except JudgementError as error:
            self.trouble, self._state = f"judgements cannot be read: {error}", None
            return
        self.known = {name: found for name, found in latest.items() if found.says}
        self.trouble, self._state = "", state

    def qualities(self) -> dict[str, str]:
        """Quality of each judged id, as text."""
        return {
            name: "·" if found.quality is None else str(found.quality)
            for name, found in self.known.items()
        }

    def save(self, said: Mapping[str, Any]) -> dict[str, Any] | None:
        """Save what the page says of a spectrum; what is saved, None where that is nothing.

        JudgementError if it was not saved, or makes no sense.
        """
        name = str(said.get("id") or "")
        if not name:
            raise JudgementError("judgements are of spectra by their ids, and here is none")
        self.read()
        words = split(self.known[name].issue)[1] if name in self.known else ""
        letters = "".join(letter for letter in LETTERS if letter in (said.get("issues") or ""))
        z = said.get("z")
        try:
            judgement = Judgement(
                id=name,
                quality=said.get("quality"),
                cls=str(said.get("cls") or ""),
                z=float(z) if z is not None and math.isfinite(z) and z > -1 else None,
                issue=" ".join(filter(None, (letters, words))),
                comment=str(said.get("comment") or "")[:LONGEST],
            )
        except (TypeError, ValueError) as error:
            raise JudgementError(f"not saved: {error}") from None
        if judgement.says:
            self.known[name] = self.file.record(judgement)
            return told(self.known[name])
        if name in self.known:
            self.file.withdraw(name)
            del self.known[name]
        return None

    def told_of(self, name: str) -> dict[str, Any] | None:
        """What was said of a spectrum, None where nothing was."""
        return told(self.known[name]) if name in self.known else None

    def said_by_others(self, name: str) -> list[dict[str, Any]]:
        """What colleagues say of a spectrum; nothing before one has judged it oneself."""
        if name not in self.known:
            return []
        return [
            told(one) | {"who": one.scanner}
            for one in self.colleagues
            if one.id == name and one.says and one.scanner != self.file.scanner
        ]

    def disputed(self) -> set[str]:
        """Ids of which a colleague says something else than this person, or the catalog."""
        theirs = [one for one in self.colleagues if one.says and one.scanner != self.file.scanner]
        rows = {str(name): row for row, name in enumerate(self.listing.ids)}
        listed = [self._catalog(one.id, rows[one.id]) for one in theirs if one.id in rows]
        mine = list(self.known.values())
        found = find_conflicts([*mine, *(one for one in theirs if one.id in self.known)])
        found += find_conflicts([*listed, *theirs])
        return {conflict.id for conflict in found}

    def _catalog(self, name: str, row: int) -> Judgement:
        z = float(self.listing.value(row, "z"))
        cls = str(self.listing.value(row, "class"))
        return Judgement(
            name, "the catalog", cls=cls if cls in ("STAR", "GALAXY", "QSO") else "",
            z=z if math.isfinite(z) and z > -1 else None,
        )  # fmt: skip


def split(issue: str) -> tuple[str, str]:
    """Letters of an issue, and what was written beside them by hand."""
    head, _, words = issue.partition(" ")
    return (head, words) if set(head) <= set(LETTERS) else ("", issue)


def told(judgement: Judgement) -> dict[str, Any]:
    """A judgement for the page."""
    return {
        "quality": judgement.quality,
        "cls": judgement.cls,
        "z": judgement.z,
        "issues": split(judgement.issue)[0],
        "comment": judgement.comment,
        "time": judgement.time[:16],
    }
