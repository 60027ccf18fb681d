"""Judgements of several people put together: where they differ, how good a catalog is by them."""

from __future__ import annotations

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median

import numpy as np
from astropy.table import Table

from gasnet3.classes import CLASSES
from gasnet3.evaluate import metrics
from gasnet3.evaluate.judgements import Judgement, latest, read_judgements, write_judgements
from gasnet3.evaluate.truth import match, read_truth
from gasnet3.spectra.placing import floats

DZ_LIMIT = 0.0033
"""Largest difference of two redshifts that are the same, over 1 + z: 1000 km/s, as for DESI."""

QUALITY_LIMIT = 2
"""Least difference of two qualities that is worth a talk."""

SURE = 2.5
"""Least mean quality of a redshift that a catalog is measured by, as for DESI."""

CONFLICT_COLUMN = "CONFLICT"
"""Further column of a file of conflicts: in what the people differ."""


@dataclass(frozen=True)
class Conflict:
    """A spectrum that people judge differently: in class, redshift, quality, and what each says."""

    id: str
    differs: tuple[str, ...]
    judgements: tuple[Judgement, ...]


@dataclass(frozen=True)
class Agreement:
    """How well people agree.

    Parameters
    ----------
    people : dict of str to int
        Number of judgements of each.
    n_spectra : int
        Spectra that anyone judged.
    n_common : int
        Spectra that two or more people judged.
    n_agree : int
        Those of ``n_common`` without a conflict.
    n_differ : dict of str to int
        Those with different class, redshift, quality.
    mean_quality : float
        Over all judgements that give one; NaN if none does.
    """

    people: dict[str, int]
    n_spectra: int
    n_common: int
    n_agree: int
    n_differ: dict[str, int]
    mean_quality: float


@dataclass(frozen=True)
class Verdict:
    """What people say together of a spectrum.

    The mean quality, the class they agree on, and the median redshift; NaN or '' where none was
    said.
    """

    id: str
    quality: float
    cls: str
    z: float


@dataclass(frozen=True)
class Measured:
    """A catalog against the spectra that people are sure of, of one class or of all.

    Parameters
    ----------
    n : int
        Spectra of the catalog of which people are sure: class and redshift said, mean quality
        of at least :data:`SURE`.
    n_right : int
        Those of ``n`` with that class and redshift in the catalog.
    n_clean : int
        Those of ``n`` without a warning in the catalog.
    n_clean_right : int
        Both.
    """

    n: int
    n_right: int
    n_clean: int
    n_clean_right: int

    @property
    def completeness(self) -> float:
        """Share of ``n`` that the catalog has right and without a warning; NaN of none."""
        return self.n_clean_right / self.n if self.n else float("nan")

    @property
    def purity(self) -> float:
        """Share of ``n_clean`` that is right; NaN of none."""
        return self.n_clean_right / self.n_clean if self.n_clean else float("nan")


@dataclass(frozen=True)
class CatalogMeasure:
    """A catalog by what people say.

    Parameters
    ----------
    classes : dict of str to Measured
        By the class that people say, and 'all'.
    n_judged, n_sure : int
        Spectra with a verdict, and those of which people are sure.
    lost : tuple of str
        Those of ``n_sure`` that the catalog does not have; they are in no other number.
    """

    classes: dict[str, Measured]
    n_judged: int
    n_sure: int
    lost: tuple[str, ...]


def read_signed(path: str | Path) -> list[Judgement]:
    """Read a file of judgements; who did not sign a row is called as the file.

    JudgementError as of :func:`gasnet3.evaluate.judgements.read_judgements`.
    """
    name = Path(path).stem
    return [
        judgement if judgement.scanner else dataclasses.replace(judgement, scanner=name)
        for judgement in read_judgements(path)
    ]


def merge(files: Iterable[Sequence[Judgement]]) -> list[Judgement]:
    """Put the judgements of files together: the last word of each person on each spectrum.

    The result, by id, then scanner, does not depend on the order of the files, and merging it again
    with any of them changes nothing. Cells of further columns are part of the row they are in; of
    two rows that are else the same, the one that has them is taken.
    """
    found: dict[tuple[str, str], list[Judgement]] = defaultdict(list)
    for judgements in files:
        for key, judgement in latest(list(judgements)).items():
            found[key].append(judgement)
    return [max(found[key], key=_rank) for key in sorted(found)]


def _rank(judgement: Judgement) -> tuple[float, list[tuple[str, str]]]:
    """By time; of the same time by content, so that the order of files does not matter."""
    bare = dataclasses.replace(judgement, extra={})
    return judgement.when, [*bare.cells().items(), *sorted(judgement.extra.items())]


def find_conflicts(judgements: Iterable[Judgement], dz: float = DZ_LIMIT) -> list[Conflict]:
    """The spectra that people judge differently, by id, of what :func:`merge` gave.

    Redshifts differ that are further apart than ``dz``, over 1 + the lesser of them.
    """
    conflicts = []
    for name, group in _by_spectrum(judgements).items():
        differs = _differs(group, dz)
        if differs:
            conflicts.append(Conflict(name, differs, tuple(group)))
    return conflicts


def _differs(group: Sequence[Judgement], dz: float) -> tuple[str, ...]:
    classes = {judgement.cls for judgement in group if judgement.cls}
    redshifts = [judgement.z for judgement in group if judgement.z is not None]
    qualities = [judgement.quality for judgement in group if judgement.quality is not None]
    apart = (max(redshifts) - min(redshifts)) / (1 + min(redshifts)) if redshifts else 0.0
    step = max(qualities) - min(qualities) if qualities else 0
    found = {"class": len(classes) > 1, "redshift": apart > dz, "quality": step >= QUALITY_LIMIT}
    return tuple(name for name, is_so in found.items() if is_so)


def _by_spectrum(judgements: Iterable[Judgement]) -> dict[str, list[Judgement]]:
    groups: dict[str, list[Judgement]] = defaultdict(list)
    for judgement in sorted(judgements, key=lambda one: (one.id, one.scanner)):
        groups[judgement.id].append(judgement)
    return groups


def agreement(judgements: Sequence[Judgement], conflicts: Sequence[Conflict]) -> Agreement:
    """Count how well people agree; the conflicts are those of :func:`find_conflicts`."""
    groups = _by_spectrum(judgements)
    common = sum(len(group) > 1 for group in groups.values())
    qualities = [judgement.quality for judgement in judgements if judgement.quality is not None]
    differ = Counter(name for conflict in conflicts for name in conflict.differs)
    return Agreement(
        people=dict(Counter(judgement.scanner for judgement in judgements)),
        n_spectra=len(groups),
        n_common=common,
        n_agree=common - len(conflicts),
        n_differ={name: differ[name] for name in ("class", "redshift", "quality")},
        mean_quality=fmean(qualities) if qualities else float("nan"),
    )


def write_conflicts(conflicts: Iterable[Conflict], path: str | Path) -> None:
    """Write the judgements in conflict as a file of judgements with a column ``CONFLICT``."""
    rows = [
        dataclasses.replace(
            judgement, extra={**judgement.extra, CONFLICT_COLUMN: " ".join(conflict.differs)}
        )
        for conflict in conflicts
        for judgement in conflict.judgements
    ]
    write_judgements(rows, path)


def verdicts(
    judgements: Iterable[Judgement], dz: float = DZ_LIMIT, arbiter: str | None = None
) -> list[Verdict]:
    """What people say together: one row a spectrum, none where class or redshift are disputed.

    ``dz`` is that of :func:`find_conflicts`; where an arbiter (a scanner) has said a word, it alone
    decides.
    """
    found = []
    for name, group in _by_spectrum(judgements).items():
        deciding = [judgement for judgement in group if judgement.scanner == arbiter] or group
        if {"class", "redshift"} & set(_differs(deciding, dz)):
            continue
        classes = [judgement.cls for judgement in deciding if judgement.cls]
        redshifts = [judgement.z for judgement in deciding if judgement.z is not None]
        qualities = [judgement.quality for judgement in deciding if judgement.quality is not None]
        found.append(
            Verdict(
                name,
                fmean(qualities) if qualities else float("nan"),
                classes[0] if classes else "",
                median(redshifts) if redshifts else float("nan"),
            )
        )
    return found


def measure(catalog: Table, judged: Sequence[Verdict], dz: float = DZ_LIMIT) -> CatalogMeasure:
    """Measure a catalog by the spectra that people are sure of, within ``dz`` over 1 + z.

    Without ``zwarn`` no row has a warning. gasnet3.evaluate.truth.TruthError if the catalog has no
    ids, or one of them more than once.
    """
    sure = [one for one in judged if one.quality >= SURE and one.cls and np.isfinite(one.z)]
    labels = Table(
        {
            "id": np.array([one.id for one in sure], np.str_),
            "class": np.array([one.cls for one in sure], np.str_),
            "z": np.array([one.z for one in sure], np.float64),
        }
    )
    pairs = match(read_truth(labels), catalog)
    labels, rows = labels[pairs.truth_rows], catalog[pairs.catalog_rows]
    z = floats(np.ma.asarray(rows["z"]))
    right = np.asarray(rows["class"]).astype(np.str_) == np.asarray(labels["class"])
    right &= metrics.delta_z(z, labels["z"]) <= dz
    clean = np.full(len(rows), True)
    if "zwarn" in rows.colnames:
        clean = np.asarray(rows["zwarn"]) == 0
    groups = {cls: np.asarray(labels["class"]) == cls for cls in CLASSES}
    groups["all"] = np.full(len(rows), True)
    classes = {
        name: Measured(
            n=int(of.sum()),
            n_right=int((of & right).sum()),
            n_clean=int((of & clean).sum()),
            n_clean_right=int((of & clean & right).sum()),
        )
        for name, of in groups.items()
    }
    return CatalogMeasure(classes, len(judged), len(sure), pairs.lost)
