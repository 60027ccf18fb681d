"""The strangest of all the real spectra, as the catalog tells them and as a person sees them."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.table import Table
from mock_survey.library import Survey
from pages import table

from gasnet3.anomaly.ranking import strangest
from gasnet3.pipeline.pipeline import Pipeline
from gasnet3.report.figures import plot_gallery, save_figure

SEEN = Path(__file__).with_name("seen.csv")
"""What a person saw who looked at the pictures: id, whether it deserves it, and what it is."""

NAMED = 10


@dataclass(frozen=True, eq=False)
class Strangest:
    """The strangest rows, and how many there are.

    Attributes
    ----------
    rows : Table
        Of the catalog, the strangest first.
    strange, spectra : int
        Spectra with a score of 2 or more, and spectra looked at.
    """

    rows: Table
    strange: int
    spectra: int


def find_strangest(pipeline: Pipeline, survey: Survey, picture: Path | None) -> Strangest:
    """Classify all real spectra, and draw the strangest.

    Stars whose inverse variance was only estimated are left out: their noise is not known.
    """
    chosen = [i for i, row in enumerate(survey.rows) if row["role"] != "star-no-z"]
    rows = [survey.rows[i] for i in chosen]
    told = np.array([f"{row['cls']} {_redshift(row['z'])}".strip() for row in rows])
    spectra = survey.batch(chosen, meta={"place": np.arange(len(chosen)), "told": told})
    found = strangest(pipeline.run(spectra.on(pipeline.lattice)))
    first = found[:NAMED]
    if picture is not None:
        panels = [pipeline.inspect(spectra, int(i)) for i in first["place"]]
        marks = zip(first["anomaly_wave"], first["anomaly_reason"], strict=True)
        notes = [(float(wave), str(reason)) for wave, reason in marks]
        save_figure(plot_gallery(panels, columns=2, marks=notes), picture)
    return Strangest(first, len(found), len(spectra))


def _redshift(text: str) -> str:
    """A survey's redshift; '' where it has none."""
    return f"{float(text):.4f}" if text and float(text) > -1 else ""


def seen() -> dict[str, tuple[str, str]]:
    """Verdicts by id: whether it deserves its place, and what it is."""
    with SEEN.open() as file:
        return {row["id"]: (row["deserved"], row["seen"]) for row in csv.DictReader(file)}


def strangest_table(found: Strangest) -> str:
    """The strangest with their sentences and the verdicts."""
    verdicts = seen()
    lines = []
    for place, row in enumerate(found.rows, 1):
        deserved, what = verdicts.get(str(row["id"]), ("not looked at", ""))
        lines.append([
            str(place), f"{row['anomaly_score']:.1f}", str(row["anomaly_kind"]), str(row["id"]),
            str(row["told"]), f"{row['class']} {row['z']:.4f}", str(row["anomaly_reason"]),
            f"{deserved}: {what}" if what else deserved,
        ])  # fmt: skip
    header = ["", "score", "kind", "spectrum", "survey's answer", "ours", "why", "by eye"]
    return table(header, lines)
