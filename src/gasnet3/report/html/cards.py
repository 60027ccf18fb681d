"""Spectra shown one by one: what the catalog says of them, and a picture where there is one."""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from gasnet3.flags import Notes
from gasnet3.report import columns
from gasnet3.report.figures import draw_spectrum, name_lines
from gasnet3.report.spectrum import FLUX_LABEL, WAVE_LABEL, noise
from gasnet3.report.style import STRANGE_COLOR, class_color

if TYPE_CHECKING:
    from astropy.table import Table
    from numpy.typing import NDArray

    from gasnet3.pipeline.closeup import Closeup
    from gasnet3.pipeline.pipeline import Pipeline
    from gasnet3.spectra.batch import Spectra

DPI = 100
SIGMAS = 6.0
"""Least height of the panel of residuals."""

SAME_Z = 0.0033
"""Difference in Δz / (1 + z) from which the picture's solution is another (1000 km/s)."""


@dataclass(frozen=True)
class Card:
    """One spectrum of the report.

    Parameters
    ----------
    id, cls : str
        As in the catalog.
    z, sn, score, sure : float
        Redshift, S/N, anomaly_score, and the smaller of p_class and p_z; NaN where not known.
    kind, reason, flags, notes : str
        Kind and sentence of the anomaly, names of the warnings and of the notes.
    wave : float
        Observed wavelength in Å of what is strange.
    picture : str
        A data: URI, '' without a picture.
    note : str
        What is to be said of the picture.
    """

    id: str
    cls: str
    z: float
    sn: float
    score: float
    sure: float
    kind: str
    reason: str
    flags: str
    notes: str
    wave: float
    picture: str = ""
    note: str = ""


def cards(table: Table, rows: Sequence[int] | NDArray[np.intp]) -> list[Card]:
    """What a catalog says of some of its rows."""
    some = table[np.asarray(rows, np.intp)]
    sure = columns.least_sure(some)
    named = ("z", "sn_median", "anomaly_score", "anomaly_wave")
    z, sn, score, wave = (columns.numbers(some, name) for name in named)
    ids, kind, reason = (
        columns.texts(some, name) for name in ("id", "anomaly_kind", "anomaly_reason")
    )
    cls, flags = columns.classes(some), columns.flags(columns.zwarn(some))
    notes = columns.flags(columns.notes(some), Notes)
    return [
        Card(
            *(str(ids[i]), str(cls[i]), float(z[i]), float(sn[i]), float(score[i])),
            *(float(sure[i]), str(kind[i]), str(reason[i]), str(flags[i]), str(notes[i])),
            float(wave[i]),
        )
        for i in range(len(some))
    ]


def with_pictures(
    shown: Sequence[Card],
    spectra: Mapping[str, Spectra],
    pipeline: Pipeline,
    progress: Callable[[int], object] | None = None,
) -> list[Card]:
    """The cards with pictures of those whose spectra, batches of one by their ids, are given.

    A spectrum that occurs twice is solved once; ``progress`` is called with how many are done.
    """
    drawn: dict[str, Card] = {}
    for done, card in enumerate(shown, 1):
        if card.id not in drawn:
            drawn[card.id] = card
            if card.id in spectra:
                closeup = pipeline.inspect(spectra[card.id])
                drawn[card.id] = replace(
                    card, picture=picture(closeup, card.wave), note=_difference(card, closeup)
                )
            else:
                drawn[card.id] = replace(card, note="not among the spectra given: no picture")
        if progress is not None:
            progress(done)
    return [replace(c, picture=drawn[c.id].picture, note=drawn[c.id].note) for c in shown]


def _difference(card: Card, closeup: Closeup) -> str:
    """That the models at hand say something else than the catalog, if they do."""
    cls = closeup.cls or columns.NO_CLASS
    both = np.isfinite(card.z) and np.isfinite(closeup.z)
    if cls == card.cls and not (both and abs(closeup.z - card.z) > SAME_Z * (1 + abs(card.z))):
        return ""
    return (
        f"drawn with {cls} z = {closeup.z:.5f}, what the models give here, "
        "unlike those that made the catalog"
    )


def picture(closeup: Closeup, wave: float) -> str:
    """The spectrum with its fit, and what is left in units of the noise, as a data: URI.

    An observed wavelength in Å is marked; NaN for none.
    """
    figure = Figure(figsize=(8, 3.9), layout="constrained")
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    draw_spectrum(top, closeup, continuum=False, color=class_color(closeup.cls))
    name_lines(top, closeup.cls, closeup.z, step=0.018, room=0.3)
    top.set_ylabel(FLUX_LABEL, fontsize=8)
    named = top.get_legend_handles_labels()
    figure.legend(*named, loc="outside lower right", ncols=3, fontsize=7, frameon=False)
    left = (closeup.flux - closeup.model) / noise(closeup.ivar)
    bottom.plot(closeup.wave, left, color="#555555", lw=0.4)
    reach = np.nanpercentile(np.abs(left), 99.7) if np.isfinite(left).any() else SIGMAS
    bottom.set_ylim(-max(reach, SIGMAS), max(reach, SIGMAS))
    bottom.axhline(0, color="#AAAAAA", lw=0.5)
    bottom.set_ylabel("left over (σ)", fontsize=8)
    bottom.set_xlabel(WAVE_LABEL, fontsize=8)
    for ax in (top, bottom):
        ax.tick_params(labelsize=7)
    if np.isfinite(wave):
        bottom.axvline(wave, color=STRANGE_COLOR, lw=7, alpha=0.18)
        top.axvline(wave, color=STRANGE_COLOR, lw=7, alpha=0.10)
    file = io.BytesIO()
    figure.savefig(file, format="webp", dpi=DPI)
    return "data:image/webp;base64," + b64encode(file.getvalue()).decode("ascii")
