"""The measurement as tables of the documentation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pages import percent, table

from anomalies.elsewhere import Elsewhere, elsewhere_table
from anomalies.marking import EACH, MARKED, TOP, Worth
from anomalies.measurement import LEVELS, Found, Ordinary, pooled, precision
from anomalies.strangest import Strangest, seen, strangest_table
from gasnet3.catalog.schema import ANOMALY_KINDS

SN_BINS = ((0.0, 3.0), (3.0, 10.0), (10.0, 30.0), (30.0, np.inf))
SHARE = 0.05
"""Share of strange spectra in the mixture whose precision is given."""


def count(of: tuple[int, int]) -> str:
    """Number and share."""
    alarms, n = of
    return f"{alarms} of {n} ({percent(alarms / n)})" if n else "-"


def alarm_table(ordinary: Sequence[Ordinary]) -> str:
    """False alarms by set, class and S/N."""
    rows = []
    for some in ordinary:
        sn = np.asarray(some.catalog["sn_median"])
        cuts = [("all", np.ones(len(sn), bool))]
        if len(set(some.classes)) > 1:
            cuts += [(cls, some.classes == cls) for cls in ("STAR", "GALAXY", "QSO")]
            cuts += [(f"S/N {_span(*b)}", (sn >= b[0]) & (sn < b[1])) for b in SN_BINS]
        for i, (title, cut) in enumerate(cuts):
            if cut.any():
                told = [count(some.alarms(level, cut)) for level in LEVELS]
                rows.append([some.name if i == 0 else "", title, *told])
    return table(["ordinary spectra", "", *(f"score ≥ {level:g}" for level in LEVELS)], rows)


def judged(some: Ordinary) -> str:
    """How many of the false alarms are true, by those who looked at them."""
    verdicts, level = seen(), LEVELS[0]
    ids = [str(name) for name in some.catalog["id"][some.score >= level]]
    told = [verdicts[name][0] for name in ids if name in verdicts]
    strange = told.count("yes")
    return (
        f"Of the {len(ids)} {some.name} ones with a score of {level:g} or more somebody looked at "
        f"{len(told)}: {strange} are truly strange, {len(told) - strange} are ordinary "
        f"({percent((len(told) - strange) / len(some.catalog))} of all {len(some.catalog)}). What "
        "was seen is in `recipes/anomalies/seen.csv`. The stars without a redshift have no "
        "measured noise, and many of them negative flux in the blue.\n"
    )


def _span(low: float, high: float) -> str:
    return f"{low:g} to {high:g}" if np.isfinite(high) else f"over {low:g}"


def recall_table(found: Sequence[Found]) -> str:
    """What is found of each injection, by its strength."""
    rows = []
    for kind in ANOMALY_KINDS.values():
        for f in [f for f in found if f.injected.injection.kinds[0] == kind]:
            injection, strength = f.injected.injection, f.injected.strength
            first = strength == injection.strengths[0]
            sn = [s.sn for s in f.injected.strange]
            rows.append([
                kind if first and _first_of_kind(found, f) else "",
                injection.name if first else "",
                f"{strength:g} {injection.unit}",
                f"{np.median(sn):.0f}" if sn else "-",
                f"{len(sn)} ({len({host.id for host in f.injected.hosts})})",
                percent(f.recall(LEVELS[0])),
                percent(f.recall(LEVELS[1])),
                percent(f.share(f.kind_right)),
                percent(f.share(f.wave_right, f.wave_told)),
                percent(f.share(f.z_right)) if injection.has_second else "-",
            ])  # fmt: skip
    header = ["kind", "injected", "strength", "its S/N", "n (hosts)",
              *(f"score ≥ {level:g}" for level in LEVELS), "kind right", "Å right",
              "second z right"]  # fmt: skip
    return table(header, rows)


def _first_of_kind(found: Sequence[Found], one: Found) -> bool:
    kind = one.injected.injection.kinds[0]
    return next(f for f in found if f.injected.injection.kinds[0] == kind) is one


def precision_table(found: Sequence[Found], ordinary: Ordinary) -> str:
    """Recall of a kind over all strengths, and precision in a mixture."""
    verdicts = seen()
    true = np.array(
        [verdicts.get(str(name), ("no",))[0] == "yes" for name in ordinary.catalog["id"]]
    )
    rates = [n / of for n, of in (ordinary.alarms(level) for level in LEVELS)]
    by_eye = [n / of for n, of in (ordinary.alarms(level, ~true) for level in LEVELS)]
    rows = []
    for kind in (*ANOMALY_KINDS.values(), "all of them"):
        every = kind == "all of them"
        scores = np.concatenate([f.score for f in found]) if every else pooled(found, kind)
        row = [kind, str(len(scores))]
        for level, alarms, false in zip(LEVELS, rates, by_eye, strict=True):
            recall = float(np.mean(scores >= level))
            told = (recall, precision(recall, alarms, SHARE), precision(recall, false, SHARE))
            row += [percent(value) for value in told]
        rows.append(row)
    header = ["kind", "n"]
    for level in LEVELS:
        header += [f"recall, score ≥ {level:g}", "precision", "precision by eye"]
    return table(header, rows)


def kind_table(found: Sequence[Found], ordinary: Ordinary) -> str:
    """Kind injected against kind told."""
    kinds = [*ANOMALY_KINDS.values()]
    rows = []
    for kind in kinds:
        some = [f for f in found if f.injected.injection.kinds[0] == kind]
        told = np.concatenate([np.asarray(f.catalog["anomaly_kind"]) for f in some])
        rows.append([kind, *_shares(told, kinds)])
    told = np.asarray(ordinary.catalog["anomaly_kind"])
    rows.append(["ordinary", *_shares(told, kinds)])
    return table(["injected, told:", "not strange", *kinds], rows)


def _shares(told: np.ndarray, kinds: Sequence[str]) -> list[str]:
    return [percent(float(np.mean(told == kind))) for kind in ("", *kinds)]


def label_table(worths: Sequence[Worth]) -> str:
    """What labels are worth."""
    header = ["after", *(f"{n} marks" for n in MARKED), "by the score alone"]
    rows = [
        [w.kind, *(percent(v) for v in w.learned), " / ".join(percent(v) for v in w.plain)]
        for w in worths
    ]
    learned, plain = (np.mean([getattr(w, name) for w in worths], axis=0)
                      for name in ("learned", "plain"))  # fmt: skip
    rows.append(["mean", *(percent(v) for v in learned), " / ".join(percent(v) for v in plain)])
    return table(header, rows)


def lines(
    ordinary: Sequence[Ordinary],
    found: Sequence[Found],
    worths: Sequence[Worth],
    real: Strangest,
    surveys: Sequence[Elsewhere],
) -> list[str]:
    """The measured part of the page."""
    return [
        "### False alarms\n",
        "Real spectra that were held out from networks and calibration, as they are. Many "
        "of these alarms are true, see below the table.\n",
        alarm_table(ordinary),
        judged(ordinary[0]),
        "### On other surveys\n",
        "Spectra of surveys that the scores were not fitted to, as they are, and compared with "
        "each other by `--ordinary-here`; those of BOSS are too few. Every injection of the table "
        "further down that can be done to them, at its greatest strength, was put into one in "
        "twenty: how many of these are found, and the share of the survey's own spectra that are "
        "less strange than half of them.\n",
        elsewhere_table(surveys),
        "### Precision and recall by kind\n",
        "Over all injections and strengths of the table further down, equally many of each. "
        f"Precision if {percent(SHARE)} of the spectra are strange in this way and the others "
        "are like the labelled ones above; by eye: if those that are truly strange are not among "
        "the others.\n",
        precision_table(found, ordinary[0]),
        "### The kind\n",
        "What the spectra of each kind, and the labelled ordinary ones, are called.\n",
        kind_table(found, ordinary[0]),
        "### Recall by strength\n",
        "S/N: median over the spectra of what was added or taken away, over all its pixels. "
        "n: spectra, and in brackets different real ones that they were made of. "
        "Kind, wavelength and second redshift right: of those with a score of 2 or more.\n",
        recall_table(found),
        "### What labels are worth\n",
        f"A list of the ordinary labelled spectra, their noisier copies and {EACH} strange ones "
        "of each kind. Somebody who is after one kind marks what is on top, five at a time. "
        f"Share of that kind among the next {TOP} that are not marked, with what was learned; "
        "in the last column without, by the score alone after the same numbers.\n",
        label_table(worths),
        "### The strangest real spectra\n",
        f"Of all {real.spectra} real spectra with a measured noise {real.strange} have a score of "
        "2 or more. These are the first, with what a person saw who looked at the pictures; the "
        "pictures below are in the same order.\n",
        strangest_table(real),
        "![The strangest real spectra with their reconstructions](images/anomalies.png)\n",
    ]
