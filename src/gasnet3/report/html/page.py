"""The page: everything put together, and written as one file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gasnet3.anomaly.ranking import STRANGE
from gasnet3.catalog.files import open_catalog
from gasnet3.catalog.schema import ANOMALY_KINDS
from gasnet3.classes import CLASSES
from gasnet3.evaluate.evaluation import Evaluation, evaluate
from gasnet3.evaluate.truth import Truth, match, read_truth
from gasnet3.flags import MEANING
from gasnet3.machine.extras import needed
from gasnet3.machine.files import replacing
from gasnet3.machine.progress import Progress
from gasnet3.report import columns
from gasnet3.report.columns import ReportError
from gasnet3.report.style import class_color
from gasnet3.report.summary import Summary, summarise
from gasnet3.version import __version__

if TYPE_CHECKING:
    from astropy.table import Table

    from gasnet3.report.html.cards import Card

MAX_ROWS = 10_000
"""Spectra shown one by one, in the scatter plots and the table; more make a browser slow."""

PICTURES = 10
"""Strangest spectra shown with pictures."""

SURE_SHARE = 0.6
"""Of the least sure, so many times the number of the strangest are shown."""


def write_report(
    catalog: Table | str | Path,
    output: str | Path,
    *,
    truth: Truth | Table | str | Path | None = None,
    spectra: Sequence[str | Path] = (),
    models: str | Sequence[str] = "encoder",
    pictures: int = PICTURES,
    progress: Progress | None = None,
) -> Path:
    """Write one page about a catalog, which any browser opens without a server or a network.

    Parameters
    ----------
    catalog : astropy.table.Table, str or Path
        A catalog with native names, or the file of one. It needs ``id, class, z``; what it lacks
        of the other columns is left out of the page.
    output : str or Path
        The page, an .html file. It appears whole or not at all.
    truth : Truth, astropy.table.Table, str or Path, optional
        Labels, see :func:`gasnet3.evaluate.truth.read_truth`: then there is a confusion matrix.
    spectra : sequence of str or Path
        Files, directories or globs that hold the catalog's spectra, for the pictures.
    models : str or sequence of str
        Models that solve the spectra of the pictures, as :meth:`Pipeline.load` takes them.
    pictures : int
        How many of the strangest spectra are shown; of the least sure 0.6 times as many are.
    progress : callable, optional
        Called with the number of pictures drawn and of all.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    gasnet3.machine.extras.MissingExtra
        If Bokeh is not installed.
    ReportError, gasnet3.catalog.CatalogError, gasnet3.evaluate.truth.TruthError
        If the catalog or the truth cannot be used.
    gasnet3.io.ReadError
        If the spectra cannot be read.
    """
    needed("bokeh", "view", "the report")
    from gasnet3.report.html.render import render

    name = "a table" if not isinstance(catalog, str | Path) else Path(catalog).name
    table = open_catalog(catalog) if isinstance(catalog, str | Path) else catalog
    best = columns.best_solutions(table)
    labels = None if truth is None else read_truth(truth) if not isinstance(truth, Truth) else truth
    result = None if labels is None else evaluate(best, labels)
    strange, unsure = _shown_spectra(best, spectra, models, pictures, progress)
    counts = summarise(best)
    text = render(
        best,
        {
            "title": name,
            "summary": _summary(best, counts, len(table) - len(best)),
            "provenance": provenance(table.meta.get("gasnet3") or {}),
            "warnings": flag_counts(counts.flags, counts.count),
            "notes": flag_counts(counts.notes, counts.count),
            "kinds": kinds(best),
            "result": None if result is None else confusion(result),
            "strange": strange,
            "unsure": unsure,
            "version": __version__,
        },
        {} if labels is None else _labels(best, labels),
        result,
        MAX_ROWS,
    )
    output = Path(output)
    with replacing(output) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return output


def _shown_spectra(
    best: Table,
    spectra: Sequence[str | Path],
    models: str | Sequence[str],
    pictures: int,
    progress: Progress | None,
) -> tuple[list[Card], list[Card]]:
    """The strangest and the least sure spectra, with pictures where there are spectra."""
    from gasnet3.report.html.cards import cards, with_pictures

    strange = cards(best, columns.strangest(best, pictures))
    unsure = cards(best, columns.unsurest(best, round(SURE_SHARE * pictures)))
    both = [*strange, *unsure]
    if not spectra or not both:
        return strange, unsure
    from gasnet3.io import find_spectra
    from gasnet3.io.options import reading_of
    from gasnet3.pipeline.pipeline import Pipeline

    made_by = best.meta.get("gasnet3") or {}
    ids = {card.id for card in both}
    wanted = best[np.isin(columns.texts(best, "id"), list(ids))]
    files = set(columns.texts(wanted, "file").tolist())
    pipeline = Pipeline.load(models, made_by.get("solver", "hybrid"))
    found = find_spectra(
        list(spectra), ids, likely=files, options=reading_of(made_by), lattice=pipeline.lattice
    )
    if not found:
        raise ReportError(
            f"none of the {len(both)} spectra to draw is in these files, the first is "
            f"{both[0].id}; give the files that the catalog was made of"
        )
    count = None if progress is None else lambda done: progress(done, len(both))
    drawn = with_pictures(both, found, pipeline, count)
    return drawn[: len(strange)], drawn[len(strange) :]


def _summary(best: Table, counts: Summary, further: int) -> dict[str, Any]:
    """Counts for the head of the page."""
    score = columns.numbers(best, "anomaly_score")
    known = bool(np.isfinite(score).any())
    return {
        "count": counts.count,
        "flagged": counts.flagged if "zwarn" in best.colnames else None,
        "strange": int((score >= STRANGE).sum()) if known else None,
        "further": further,
        "classes": [
            {**vars(c), "color": class_color(c.name, "#999999"), "share": c.count / counts.count}
            for c in counts.classes
        ],
    }


def provenance(meta: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What made the catalog, as names and values in a line each."""
    lines = []
    for key, value in meta.items():
        if isinstance(value, Mapping):
            value = ", ".join(f"{name} ({str(item)[:12]})" for name, item in value.items())
        elif isinstance(value, list | tuple):
            value = ", ".join(map(str, value))
        lines.append((str(key), str(value)))
    return lines


def flag_counts(counts: Mapping[str, int], of: int) -> list[dict[str, Any]]:
    """Each bit that occurs: name, count, share of so many rows and explanation."""
    return [
        {"name": name, "n": n, "share": n / of, "meaning": MEANING[name]}
        for name, n in counts.items()
    ]


def kinds(best: Table) -> list[dict[str, Any]]:
    """Each kind of anomaly: name, how many rows, and their share of the strange ones."""
    found = columns.texts(best, "anomaly_kind")
    strange = int((found != "").sum())
    counts = {kind: int((found == kind).sum()) for kind in ANOMALY_KINDS.values()}
    return [
        {"name": kind, "n": n, "share": n / strange}
        for kind, n in sorted(counts.items(), key=lambda item: -item[1])
        if n
    ]


def confusion(result: Evaluation) -> dict[str, Any]:
    """The confusion matrix and what goes with it, in the form of the page."""
    rows = []
    for cls, counts in zip(CLASSES, result.confusion, strict=True):
        total = int(counts.sum())
        cells = [{"n": int(n), "share": n / total if total else 0.0} for n in counts]
        rows.append({"name": cls, "total": total, "cells": cells, "own": result.classes[cls]})
    return {"rows": rows, "names": (*CLASSES, columns.NO_CLASS), "all": result}


def _labels(best: Table, labels: Truth) -> dict[str, Any]:
    """True class and redshift of each row, '' and NaN where there is no label."""
    pairs = match(labels, best)
    cls = np.full(len(best), "", dtype="U8")
    z = np.full(len(best), np.nan)
    cls[pairs.catalog_rows] = labels.classes[pairs.truth_rows]
    z[pairs.catalog_rows] = labels.z[pairs.truth_rows]
    return {"true_class": cls, "z_true": z}
