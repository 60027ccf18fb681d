"""What is ordinary here: scores of a catalog compared with its own spectra (an empirical null).

Scores tell how strange a spectrum is among ordinary ones of the surveys they were fitted to. The
spectra of another instrument, of other noise, sky and resolution, are all a little strange in the
same way. Here the scores of each kind become quantiles of the normal distribution, in which those
of ordinary spectra have median 0 and width 1, and each group of spectra of one instrument is
compared with what most of them are like (Efron 2004).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray
from scipy.special import log_ndtr, ndtri

from gasnet3.anomaly.ranking import STRANGE, RankingError
from gasnet3.anomaly.score import LARGEST, TOLD, largest, leading
from gasnet3.catalog.best import best_rows
from gasnet3.catalog.schema import ANOMALY_KINDS, plain
from gasnet3.flags import Notes
from gasnet3.machine.typing import Bools, Floats

FEWEST = 100
"""Fewest spectra of a group: the width of their bulk is then known to about 15 %."""

COMMONEST = 0.99
"""Largest share that has a normal quantile: scores of all ordinary spectra pile up at 0."""

UPPER = 0.75
"""The width of the bulk is that from the median to this quantile: strange spectra lie above it."""

NARROWEST = 1.0
"""Least width of a bulk, in that of ordinary spectra: that spectra are alike makes none strange."""

INSTRUMENTS = {"targetid": "DESI", "obsid": "LAMOST", "plate": "SDSS", "catalogid": "SDSS"}
"""Key columns that one survey's files alone have, the first that has a value counts."""

NAMED = ("survey", "instrument", "telescope")
"""Columns that name what took a spectrum, if the input has them."""

RECORD = "ordinary_here"
"""Entry of the provenance: a mapping for each group, see :func:`ordinary_here`."""


@dataclass(frozen=True)
class Bulk:
    """What most spectra of a group have as score of one kind, in normal quantiles."""

    shift: float
    scale: float

    @classmethod
    def of(cls, score: Floats, fewest: int) -> Bulk | None:
        """Median and width; None with few spectra, or where they are no stranger than ordinary.

        An instrument makes spectra look strange, never ordinary. Of a kind that few spectra have
        at all, such as a second redshift, the median is that of none.
        """
        quantiles = normal_quantiles(score[np.isfinite(score)])
        if len(quantiles) < fewest:
            return None
        middle, upper = np.quantile(quantiles, (0.5, UPPER))
        if middle <= 0.0:
            return None
        return cls(float(middle), max(float(upper - middle) / float(ndtri(UPPER)), NARROWEST))

    def compared(self, score: Floats) -> Floats:
        """Scores as they are among the spectra of the group."""
        return scores_of((normal_quantiles(score) - self.shift) / self.scale)


def normal_quantiles(score: Floats) -> Floats:
    """Quantiles of the normal distribution that the share of a score lies above; NaN stays."""
    # Of a share near 0 one less it would be 1: the symmetric quantile is exact.
    return np.asarray(-ndtri(np.minimum(10.0**-score, COMMONEST)))


def scores_of(quantiles: Floats) -> Floats:
    """The other way round: -log10 of the share above, at most :data:`LARGEST`."""
    return np.asarray(np.minimum(-log_ndtr(-quantiles) / np.log(10.0), LARGEST))


def of_several(kinds: Mapping[str, Floats]) -> Floats:
    """Score of the largest of several, which is large more often: of independent ones (Šidák)."""
    columns = list(kinds.values())
    known = np.isfinite(columns).sum(axis=0)
    with np.errstate(divide="ignore"):  # a largest score of 0 is one that all have
        none_above = known * np.log1p(-(10.0 ** -largest(columns)))
    return np.asarray(-np.log10(-np.expm1(none_above)))


def ordinary_here(catalog: Table, column: str | None = None, fewest: int = FEWEST) -> Table:
    """A copy of a catalog whose scores tell how strange spectra are among those of their group.

    Of each group and kind the median and the width of the scores are made those of ordinary
    spectra, if they are stranger; the score of the whole is that of the largest of the kinds. The
    order of spectra of a group by the score of one kind stays, so what stands out goes on doing so.
    ``anomaly_kind``, ``anomaly_reason``, ``anomaly_wave``, ``z_second`` and the note ANOMALY follow
    the scores.

    Parameters
    ----------
    catalog : astropy.table.Table
        Of any number of solutions a spectrum; only the best of each has scores.
    column : str, optional
        The column that tells instruments apart. Left out, the columns ``survey``, ``instrument``
        and ``telescope``, and what key columns tell of SDSS, LAMOST and DESI.
    fewest : int
        Fewest spectra of a group; the scores of one with fewer stay as they are.

    Returns
    -------
    astropy.table.Table
        The rows in their order. ``meta["gasnet3"]["ordinary_here"]`` has a mapping for each group:
        ``group`` its name, ``n`` its spectra with a score, ``strange`` how many of them are called
        so and ``strange_before`` how many were, and ``shift`` and ``scale`` by kind, in units of
        the width that ordinary spectra have; none where the scores stay.

    Raises
    ------
    RankingError
        If the catalog has no anomaly columns of this version, no such column, or is compared
        already.
    """
    _check(catalog, column)
    best = best_rows(catalog)
    score = np.asarray(catalog["anomaly_score"], np.float64)
    rows = best[np.isfinite(score[best])]
    names = instruments(catalog, column)
    groups, which = np.unique(names[rows], return_inverse=True)
    together, sizes = np.argsort(which, kind="stable"), np.bincount(which, minlength=len(groups))
    parts = np.split(rows[together], np.cumsum(sizes)[:-1])
    record, out = [], catalog.copy()
    for name, part in zip(groups.tolist(), parts, strict=False):  # no groups make one empty part
        record.append(_compare(out, part, name, fewest))
    out.meta["gasnet3"] = {**catalog.meta.get("gasnet3", {}), RECORD: record}
    return out


def instruments(catalog: Table, column: str | None = None) -> NDArray[np.str_]:
    """Name of the group of each row, shape (rows,); "all" where nothing tells them apart."""
    if column is not None:
        return np.char.strip(plain(column, catalog[column]).astype(np.str_))
    keys = {name.casefold(): name for name in catalog.colnames}
    out = np.full(len(catalog), "", dtype=object)
    for key, name in INSTRUMENTS.items():
        if key in keys:
            out[(out == "") & _has_value(plain(key, catalog[keys[key]]))] = name
    for key in (key for key in NAMED if key in keys):
        texts = np.char.strip(plain(key, catalog[keys[key]]).astype(np.str_))
        out = np.array([f"{a} {b}".strip() for a, b in zip(out, texts, strict=True)], object)
    return np.where(out == "", "all", out).astype(np.str_)


def _has_value(values: NDArray[Any]) -> Bools:
    if values.dtype.kind == "U":
        return np.asarray(np.char.strip(values) != "")
    return np.asarray(np.isfinite(values))


def _check(catalog: Table, column: str | None) -> None:
    """Refuse catalogs that cannot be compared; RankingError says why."""
    needed = ["anomaly_score", "anomaly_kind", "anomaly_reason", "anomaly_wave", "z", "z_second"]
    needed += ["notes", *(f"anomaly_{kind}" for kind in ANOMALY_KINDS)]
    missing = [name for name in needed if name not in catalog.colnames]
    if missing:
        raise RankingError(
            f"the catalog has no column {', '.join(missing)}: classify the spectra again with "
            "this version of gasnet3"
        )
    if column is not None and column not in catalog.colnames:
        raise RankingError(
            f"the catalog has no column {column!r} to group by, but {', '.join(catalog.colnames)}"
        )
    if RECORD in catalog.meta.get("gasnet3", {}):
        raise RankingError(
            "the scores of this catalog are compared with its own spectra already: give the one "
            "that gasnet3 classify wrote"
        )


def _compare(out: Table, rows: NDArray[np.intp], name: str, fewest: int) -> dict[str, Any]:
    """Compare the rows of a group with each other, in place; what to record of it."""
    kinds = {kind: np.asarray(out[f"anomaly_{kind}"], np.float64)[rows] for kind in ANOMALY_KINDS}
    before = np.asarray(out["anomaly_score"], np.float64)[rows]
    bulks = {kind: Bulk.of(score, fewest) for kind, score in kinds.items()}
    found = {kind: bulk for kind, bulk in bulks.items() if bulk is not None}
    score = before
    if found:
        new = kinds | {kind: bulk.compared(kinds[kind]) for kind, bulk in found.items()}
        score = np.minimum(before, of_several(new))
        _put(out, rows, kinds, new, score)
    return {
        "group": name,
        "n": len(rows),
        "strange_before": int((before >= STRANGE).sum()),
        "strange": int((score >= STRANGE).sum()),
        "shift": {kind: round(bulk.shift, 3) for kind, bulk in found.items()},
        "scale": {kind: round(bulk.scale, 3) for kind, bulk in found.items()},
    }


def _put(
    out: Table,
    rows: NDArray[np.intp],
    old: Mapping[str, Floats],
    new: Mapping[str, Floats],
    score: Floats,
) -> None:
    """Write new scores into some rows, and all that follows from them."""
    strange, chosen = score >= STRANGE, leading(new)
    told = np.array([ANOMALY_KINDS[kind] for kind in chosen])
    reason = np.asarray(out["anomaly_reason"], np.str_)[rows].astype(object)
    wave = np.asarray(out["anomaly_wave"], np.float64)[rows]
    # The sentence is about the kind that led before.
    other = (chosen != leading(old)) | (reason == "")
    reason[other] = [f"{kind}, beside the others of its group" for kind in told[other]]
    quiet = score < TOLD
    reason[quiet] = ""
    wave[quiet | other] = np.nan
    second = np.asarray(out["z_second"], np.float64)[rows]
    second[~(new["second"] >= STRANGE)] = np.nan
    notes = np.asarray(out["notes"], np.int64)[rows] & ~int(Notes.ANOMALY)
    notes[strange & np.isfinite(np.asarray(out["z"], np.float64)[rows])] |= int(Notes.ANOMALY)
    columns = {
        "anomaly_score": score,
        "anomaly_kind": np.where(strange, told, ""),
        "anomaly_reason": reason.astype(np.str_),
        "anomaly_wave": wave,
        "z_second": second,
        "notes": notes,
        **{f"anomaly_{kind}": values for kind, values in new.items()},
    }
    for name, values in columns.items():
        whole = np.asarray(out[name])
        # Text may become longer than the longest there was.
        whole = whole.astype(np.result_type(whole, values)) if whole.dtype.kind == "U" else whole
        changed = whole.copy()
        changed[rows] = values
        out.replace_column(name, type(out[name])(changed, **_about(out[name])))


def _about(column: Any) -> dict[str, Any]:
    return {"name": column.name, "unit": column.unit, "description": column.description}
