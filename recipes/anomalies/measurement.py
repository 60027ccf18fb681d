"""What is found of the injections, and how many ordinary spectra are called strange."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from astropy.table import Table
from mock_survey.library import Survey
from numpy.typing import NDArray

from anomalies.inject import INJECTIONS, Injected, hosts, inject
from anomalies.spectrum import Host, Strange
from gasnet3.pipeline.pipeline import Pipeline
from gasnet3.spectra.batch import Spectra
from gasnet3.spectra.lattice import WIDE
from gasnet3.train.anomaly import noisier

LEVELS = (2.0, 3.0)
"""Scores at which recall and false alarms are counted."""

NEAR = 3.0
"""Å by which a wavelength may miss the injected range."""

SAME_Z = 2e-3
"""Largest |Δ ln(1 + z)| of a second redshift that is right."""

NOISY_COPIES = 2


@dataclass(frozen=True, eq=False)
class Found:
    """What the catalog says of the spectra of one injection at one strength; all (rows,).

    Attributes
    ----------
    injected : Injected
        The spectra.
    catalog : Table
        Their rows.
    score : ndarray of float64
        Anomaly score; unknown ones count as 0.
    kind_right, wave_right, z_right : ndarray of bool
        Whether kind, wavelength and second redshift are those injected.
    wave_told : ndarray of bool
        Whether a wavelength is given, and there is one to give.
    """

    injected: Injected
    catalog: Table
    score: NDArray[np.float64]
    kind_right: NDArray[np.bool_]
    wave_told: NDArray[np.bool_]
    wave_right: NDArray[np.bool_]
    z_right: NDArray[np.bool_]

    @classmethod
    def of(cls, injected: Injected, catalog: Table) -> Found:
        """Compare a catalog with what was injected."""
        kinds, wave = np.asarray(catalog["anomaly_kind"]), np.asarray(catalog["anomaly_wave"])
        local = np.array([bool(s.where) for s in injected.strange], bool)
        pairs = zip(injected.strange, wave, strict=True)
        inside = np.array([_inside(strange, float(w)) for strange, w in pairs], bool)
        rows = zip(injected.hosts, injected.strange, catalog["z"], catalog["z_second"],
                   strict=True)  # fmt: skip
        right = [_same_redshifts(host, s, float(z), float(second)) for host, s, z, second in rows]
        return cls(
            injected=injected,
            catalog=catalog,
            score=score_of(catalog),
            kind_right=np.isin(kinds, injected.injection.kinds),
            wave_told=local & np.isfinite(wave),
            wave_right=inside,
            z_right=np.array(right, bool),
        )

    def recall(self, level: float = LEVELS[0]) -> float:
        """Share that has a score of at least ``level``."""
        return float(np.mean(self.score >= level)) if len(self.score) else float("nan")

    def share(self, right: NDArray[np.bool_], of: NDArray[np.bool_] | None = None) -> float:
        """Share of the strange ones (and, if given, of ``of``) that are right."""
        told = self.score >= LEVELS[0]
        told = told if of is None else told & of
        return float(right[told].mean()) if told.any() else float("nan")


def score_of(catalog: Table) -> NDArray[np.float64]:
    """Anomaly scores, 0 where unknown."""
    return np.nan_to_num(np.asarray(catalog["anomaly_score"], np.float64), nan=0.0)


def _inside(strange: Strange, wave: float) -> bool:
    return any(low - NEAR <= wave <= high + NEAR for low, high in strange.where)


def _same_redshifts(host: Host, strange: Strange, z: float, second: float) -> bool:
    """Whether a second redshift is the one injected, or the host's where that one came first."""

    def near(a: float, b: float) -> bool:
        return bool(abs(np.log1p(a) - np.log1p(b)) < SAME_Z)

    other = near(second, host.z) and near(z, strange.z_second)
    return near(second, strange.z_second) or other


@dataclass(frozen=True, eq=False)
class Ordinary:
    """What the catalog says of real spectra as they are.

    Attributes
    ----------
    name : str
        Which spectra.
    classes : ndarray of str, shape (rows,)
        Their labels.
    catalog : Table
        Their rows.
    """

    name: str
    classes: NDArray[np.str_]
    catalog: Table

    @property
    def score(self) -> NDArray[np.float64]:
        """Anomaly scores, 0 where unknown, shape (rows,)."""
        return score_of(self.catalog)

    def alarms(self, level: float, rows: NDArray[np.bool_] | None = None) -> tuple[int, int]:
        """How many rows have a score of at least ``level``, and of how many."""
        score = self.score if rows is None else self.score[rows]
        return int((score >= level).sum()), len(score)


def real_spectra(survey: Survey, role: str) -> tuple[Spectra, NDArray[np.str_]]:
    """The real spectra of a role in the validation groups, with their labels."""
    rows = survey.of_role(role, validation=True)
    return survey.batch(rows), np.array([survey.rows[i]["cls"] for i in rows], np.str_)


def noisy_copies(spectra: Spectra, seed: int) -> Spectra:
    """Copies of spectra with 1 to 12 times their own noise added."""
    rng = np.random.default_rng(seed)
    flux, ivar = spectra.flux.astype(np.float64), spectra.ivar.astype(np.float64)
    copies = [noisier(rng, flux, ivar) for _ in range(NOISY_COPIES)]
    ids = [f"noisier-{k}/{name}" for k in range(NOISY_COPIES) for name in spectra.ids]
    return Spectra.from_arrays(
        np.concatenate([copy[0] for copy in copies]),
        np.concatenate([copy[1] for copy in copies]),
        loglam=WIDE.loglam,
        lattice=WIDE,
        ids=ids,
    )


def measure_ordinary(pipeline: Pipeline, survey: Survey, seed: int) -> list[Ordinary]:
    """Labelled spectra, noisier copies of them, stars without a redshift, sky fibres."""
    labelled, classes = real_spectra(survey, "labelled")
    stars, star_classes = real_spectra(survey, "star-no-z")
    sky, _ = real_spectra(survey, "sky")
    noisy = noisy_copies(labelled, seed)
    kinds = {
        "labelled": (classes, labelled),
        "the same, noisier": (np.tile(classes, NOISY_COPIES), noisy),
        "stars without a redshift": (star_classes, stars),
        "sky fibres": (np.full(len(sky), "SKY"), sky),
    }
    return [
        Ordinary(name, labels, pipeline.run(spectra.on(pipeline.lattice)))
        for name, (labels, spectra) in kinds.items()
    ]


def measure_injected(
    pipeline: Pipeline,
    survey: Survey,
    rows: int,
    seed: int,
    known: Ordinary,
    told: Callable[[Found], None] = lambda found: None,
) -> list[Found]:
    """Every injection at every strength, into the held-out spectra that are not strange already."""
    strange = {str(name) for name in known.catalog["id"][known.score >= LEVELS[0]]}
    sample = [host for host in hosts(survey, validation=True) if host.id not in strange]
    out = []
    for injection in INJECTIONS:
        for strength in injection.strengths:
            made = inject(injection, strength, sample, rows, seed)
            out.append(Found.of(made, pipeline.run(made.spectra.on(pipeline.lattice))))
            told(out[-1])
    return out


def pooled(found: Sequence[Found], kind: str) -> NDArray[np.float64]:
    """Scores of all injections whose usual kind is given."""
    return np.concatenate([f.score for f in found if f.injected.injection.kinds[0] == kind])


def precision(recall: float, alarms: float, share: float) -> float:
    """Share of true ones among those found, where ``share`` of the spectra are strange."""
    found = share * recall
    return found / (found + (1 - share) * alarms) if found > 0 else float("nan")
