"""Surveys that the scores were not fitted to: as they are, and compared with their own spectra."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from astropy.table import Table, vstack
from mock_survey.library import Survey
from numpy.typing import NDArray
from pages import percent, table

from anomalies.inject import INJECTIONS, inject
from anomalies.measurement import LEVELS, Ordinary
from anomalies.spectrum import Host
from gasnet3.anomaly.here import FEWEST, ordinary_here
from gasnet3.classes import CLASSES
from gasnet3.pipeline.pipeline import Pipeline

SURVEYS = {
    "DESI": ("desi_andes", "desi_clagn", "desi_qslml"),
    "FORS2": ("fors2_rxj0054",),
    "BOSS": ("boss_ebossdap",),
}
"""Sets of the shared faint spectra."""

SHARE = 20
"""One spectrum in so many is made strange."""

FEWEST_MADE = 3
"""Fewest strange spectra of an injection that are looked for."""

FARTHEST = 1.0
"""Redshift of galaxies beyond which there is no room for another one behind."""


@dataclass(frozen=True, eq=False)
class Elsewhere:
    """What became of a survey; pairs are before and after.

    ``injected`` counts the spectra made strange, ``found`` those of them with a score of 2 or
    more, ``places`` has for each the share of the survey's own spectra with a lower score.
    """

    name: str
    n: int
    strange: tuple[int, int]
    injected: int
    found: tuple[int, int]
    places: tuple[NDArray[np.float64], NDArray[np.float64]]


def measure_elsewhere(
    pipeline: Pipeline, survey: Survey, known: Ordinary, seed: int
) -> list[Elsewhere]:
    """The surveys of :data:`SURVEYS`, and for comparison the labelled spectra as they are."""
    rows, out = survey.faint, []
    for name, sets in SURVEYS.items():
        at = np.array([i for i, row in enumerate(rows) if row["set"] in sets])
        spectra = survey.faint_batch(at)
        sample = [
            Host(flux.astype(np.float64), ivar.astype(np.float64), cls=rows[i]["cls"],
                 z=float(rows[i]["z"]), id=rows[i]["name"])
            for i, flux, ivar in zip(at, spectra.flux, spectra.ivar, strict=True)
            if rows[i]["cls"] in CLASSES and rows[i]["z"]
        ]  # fmt: skip
        own = pipeline.run(spectra.on(pipeline.lattice))
        strange = _injected(pipeline, sample, len(own) // SHARE, seed) if len(own) > FEWEST else []
        out.append(compared(name, own, strange))
    out.append(compared("labelled ones above", known.catalog, []))
    return out


def _injected(pipeline: Pipeline, sample: Sequence[Host], n: int, seed: int) -> list[Table]:
    """Catalogs of every injection at its greatest strength that can be done to the spectra."""
    out, near = [], [host for host in sample if host.cls != "GALAXY" or host.z < FARTHEST]
    for injection in INJECTIONS:
        made = inject(injection, injection.strengths[-1], near, n, seed)
        if len(made.strange) >= FEWEST_MADE:
            out.append(pipeline.run(made.spectra.on(pipeline.lattice)))
    return out


def compared(name: str, own: Table, strange: Sequence[Table]) -> Elsewhere:
    """Scores of a catalog, before and after, and of strange spectra put into it kind by kind."""
    after = ordinary_here(own)
    found: list[NDArray[np.float64]] = []
    places: list[NDArray[np.float64]] = []
    for some in strange:
        shared = [name for name in own.colnames if name in some.colnames]
        both = vstack([own[shared], some[shared]], metadata_conflicts="silent")
        pair = [np.asarray(t["anomaly_score"], np.float64) for t in (both, ordinary_here(both))]
        found.append(np.array([score[len(own) :] >= LEVELS[0] for score in pair], np.float64))
        places.append(
            np.array([[np.mean(score[: len(own)] < one) for one in score[len(own) :]]
                      for score in pair])
        )  # fmt: skip
    told, above = (np.concatenate(x, axis=1) if x else np.zeros((2, 0)) for x in (found, places))
    alarms = [int((np.asarray(t["anomaly_score"]) >= LEVELS[0]).sum()) for t in (own, after)]
    counts = told.sum(axis=1).astype(int)
    return Elsewhere(
        name, len(own), (alarms[0], alarms[1]), told.shape[1],
        (int(counts[0]), int(counts[1])), (above[0], above[1]),
    )  # fmt: skip


def elsewhere_table(surveys: Sequence[Elsewhere]) -> str:
    """Share of strange ones, and where what was made strange lies, before and after."""
    rows = []
    for one in surveys:
        row = [one.name, str(one.n), *(percent(n / one.n) for n in one.strange)]
        row.append(str(one.injected) if one.injected else "-")
        row += [percent(n / one.injected) if one.injected else "-" for n in one.found]
        row += [percent(float(np.median(p))) if len(p) else "-" for p in one.places]
        rows.append(row)
    header = ["spectra", "n", "strange", "compared", "injected", "found", "compared",
              "less strange than these", "compared"]  # fmt: skip
    return table(header, rows)
