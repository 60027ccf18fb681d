"""What the page asks for, and gets: rows of the list, spectra, models, and that it is saved."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasnet3.catalog.schema import ANOMALY_KINDS
from gasnet3.classes import CLASSES
from gasnet3.evaluate.judgements import ISSUES, QUALITIES
from gasnet3.flags import MEANING
from gasnet3.view.judging import Judging
from gasnet3.view.keys import KEYS
from gasnet3.view.listing import ONLY, SORTS, STRANGEST, Filter
from gasnet3.view.payload import constants, number, of_closeup, packed, within
from gasnet3.view.says import differs, of_row, why
from gasnet3.view.shared import Shared
from gasnet3.view.spectra import MissingSpectrum

PAGE = 200
"""Rows sent to the browser at a time."""

LISTS = 8
"""Filtered lists kept, so that a page further on is of the same list."""

SHOWN = ("z", "sn_median", "anomaly_score")


class Desk:
    """Answers of one app to all of its pages; each is JSON that the browser is sent."""

    def __init__(self, shared: Shared) -> None:
        self.shared, self.listing = shared, shared.listing
        self.judging = Judging(shared.judgements, shared.listing, shared.colleagues)
        self._lists: OrderedDict[str, NDArray[np.int64]] = OrderedDict()
        self._lock = threading.Lock()
        self._answers: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
            "start": self.start, "list": self.rows, "spectrum": self.spectrum,
            "model": self.model, "judge": self.judge, "said": self.said,
            "alive": lambda asked: {},
        }  # fmt: skip

    def answer(self, name: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to a question of the page.

        KeyError where there is no such question, or it lacks something; GasnetError with what the
        page is to say where there is no answer.
        """
        return self._answers[name](asked)

    def start(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """What a page needs once."""
        scored = np.isfinite(self.listing.column("anomaly_score").astype(np.float64)).any()
        return {
            "title": self.shared.title,
            "scanner": self.shared.judgements.scanner,
            "file": self.shared.judgements.path.name,
            "place": str(self.shared.judgements.path),
            "sorts": list(SORTS),
            "sort": STRANGEST if scored else next(iter(SORTS)),
            "only": [name for name in ONLY if name != "disputed" or self.shared.colleagues],
            "kinds": list(ANOMALY_KINDS.values()),
            "flags": list(MEANING),
            "help": list(KEYS.items()),
            "qualities": QUALITIES,
            "issues": ISSUES,
            **constants(),
        }

    def rows(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """A page of the list.

        ``chosen`` says the filter and the order (:func:`filter_of`); ``fresh`` makes the list anew;
        the page is the one with the row ``keep``, or else the one with the place ``at``.
        """
        with self._lock:
            found = self._found(asked)
        at = int(asked.get("at") or 0)
        keep = asked.get("keep")
        again = np.flatnonzero(found == (-1 if keep is None else int(keep)))
        place = int(again[0]) if len(again) else min(max(at, 0), max(len(found) - 1, 0))
        first = PAGE * (place // PAGE)
        rows = found[first : first + PAGE]
        judged = self.judging.qualities()
        return {
            "total": len(self.listing),
            "found": len(found),
            "first": first,
            "place": place,
            "kept": bool(len(again)),
            "rows": [self._row(int(row), judged) for row in rows],
        }

    def _found(self, asked: Mapping[str, Any]) -> NDArray[np.int64]:
        key = repr(sorted(asked["chosen"].items()))
        if key not in self._lists or asked.get("fresh"):
            chosen, sort = filter_of(asked["chosen"])
            self.judging.read()
            disputed = self.judging.disputed() if chosen.disputed else ()
            self._lists[key] = self.listing.rows(chosen, sort, self.judging.known, disputed)
        self._lists.move_to_end(key)
        while len(self._lists) > LISTS:
            self._lists.popitem(last=False)
        return self._lists[key]

    def _row(self, row: int, judged: Mapping[str, str]) -> dict[str, Any]:
        name = str(self.listing.ids[row])
        told = {key: number(self.listing.value(row, key)) for key in SHOWN}
        cls = str(self.listing.value(row, "class"))
        return {"row": row, "id": name, "cls": cls, **told, "quality": judged.get(name, "")}

    def spectrum(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """All that is to be seen of a row: what is said of it, and its closeup if there is one."""
        row = int(asked["row"])
        if not 0 <= row < len(self.listing):
            raise MissingSpectrum(f"the catalog has no row {row}; reload the page")
        told = of_row(self.listing, row)
        told |= {"missing": "", "why": "", "anew": ""}
        try:
            seen = self.shared.closeups.inspect(told["id"]).result()
        except Exception as error:  # whatever a file or a model does, the page goes on
            told["missing"] = str(error) or type(error).__name__
        else:
            told |= {
                "seen": of_closeup(seen),
                "why": why(seen),
                "anew": differs(seen, told["cls"], told["z"]),
            }
        return told | self.said({"id": told["id"]})

    def said(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """What people say of an id."""
        self.judging.read()
        name = str(asked["id"])
        return {
            "judgement": self.judging.told_of(name),
            "colleagues": self.judging.said_by_others(name),
            "trouble": self.judging.trouble,
        }

    def model(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """The best model of a class at a redshift."""
        name, cls, z = str(asked["id"]), str(asked["cls"]), float(asked["z"])
        seen = self.shared.closeups.inspect(name).result()
        model = self.shared.closeups.model_at(name, cls, z).result()
        observed = np.flatnonzero(seen.ivar > 0)
        inside = slice(observed[0], observed[-1] + 1) if len(observed) else slice(0, 0)
        return {"model": packed(within(model, inside))}

    def judge(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Save a judgement; JudgementError if it was not saved."""
        with self._lock:
            saved = self.judging.save(asked)
        name = str(asked["id"])
        return {"judgement": saved, "colleagues": self.judging.said_by_others(name)}


def filter_of(asked: Mapping[str, Any]) -> tuple[Filter, str]:
    """The filter and the order that the page asks for; what it leaves out limits nothing."""

    def limit(name: str, otherwise: float) -> float:
        value = asked.get(name)
        return otherwise if value is None else float(value)

    only = str(asked.get("only") or "")
    sort = str(asked.get("sort") or "")
    return Filter(
        classes=tuple(cls for cls in CLASSES if cls in (asked.get("classes") or ())),
        kinds=tuple(filter(None, [asked.get("kind")])),
        flags=tuple(filter(None, [asked.get("flag")])),
        clean=only == "no flag",
        sn=(limit("sn_low", -np.inf), limit("sn_high", np.inf)),
        z=(limit("z_low", -np.inf), limit("z_high", np.inf)),
        score=(limit("score", -np.inf), np.inf),
        text=str(asked.get("text") or ""),
        judged={"judged": True, "not judged": False}.get(only),
        disputed=only == "disputed",
    ), sort if sort in SORTS else next(iter(SORTS))
