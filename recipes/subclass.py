"""Fit subclasses to the coefficients of the networks, and measure them on what is held out.

    python recipes/subclass.py --models encoder

Fitted to real spectra of the training groups with a subclass, as they are and with noise added,
and for stars to mocks of library archetypes, since no survey's sample has all types. Compares a
few classifiers by cross-validation over objects, keeps the best, and chooses for each subclass the
probability from which on it is said, so that ``RIGHT`` of what is said is right. Writes
subclass/<architecture>.json beside the networks; prints, and with ``--page`` writes, how well it
does on the validation third.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mock_survey.instrument import Instrument
from mock_survey.library import SHARED, Floats, Survey, in_validation, level_one
from mock_survey.sources import WHITE_DWARFS, Star
from numpy.typing import NDArray
from pages import write_part
from rich.console import Console
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from gasnet3.decide.subclass import (
    DIRECTORY,
    SubclassModel,
    quadratic_features,
    standard_label,
)
from gasnet3.machine.files import replacing
from gasnet3.nets.registry import directory_of, load_models
from gasnet3.solve.coefficients import unit_coefficients
from gasnet3.solve.engine import Engine
from gasnet3.solve.prepare import prepare
from gasnet3.solve.refine import fit_at
from gasnet3.solve.solvers import SOLVERS
from gasnet3.spectra.batch import Spectra
from gasnet3.spectra.lattice import WIDE, LogLattice, shift_from_z
from gasnet3.train.anomaly import noisier

CLASSES = ("STAR", "GALAXY")
MOCKS = 1800
MOCK_WEIGHT = 0.3
"""Weight of a mock beside a real spectrum: mocks have all types equally often."""

FROM_MOCKS = ("OB", "M", "L", "WD", "C", "CV")
"""Types with few or no real spectra; of the others only BOSS's archetypes are used."""

RIGHT = 0.97
"""Share of what is said that is right, in cross-validation."""

THRESHOLDS = np.round(np.arange(0.5, 0.96, 0.05), 2)
FOLDS = 5
LAMOST_SHARE = 0.35
FEWEST = 12
"""Least weight of a basis, in archetypes."""


@dataclass(frozen=True, eq=False)
class Sample:
    """Coefficients with labels, one entry a spectrum.

    Attributes
    ----------
    coeff, covariance : ndarray of float64, shapes (rows, m) and (rows, m, m)
        Exact coefficients; their covariance, times the reduced χ² where that is above 1.
    label, group, kind : ndarray of str, shape (rows,)
        Subclass; object, or archetype of a mock; "real", "noisier" or "mock".
    held_out : ndarray of bool, shape (rows,)
        Whether the object is of the validation third.
    """

    coeff: Floats
    covariance: Floats
    label: NDArray[np.str_]
    group: NDArray[np.str_]
    kind: NDArray[np.str_]
    held_out: NDArray[np.bool_]

    def __getitem__(self, rows: NDArray[Any]) -> Sample:
        """Some of the spectra."""
        return Sample(**{name: value[rows] for name, value in vars(self).items()})

    @classmethod
    def joined(cls, parts: list[Sample]) -> Sample:
        """One after the other."""
        return cls(**{n: np.concatenate([getattr(p, n) for p in parts]) for n in vars(parts[0])})


def real_rows(survey: Survey, cls: str) -> list[int]:
    """Real spectra with a subclass; galaxies of SDSS's pipeline alone, where none means none."""
    return [
        i
        for i, row in enumerate(survey.rows)
        if row["role"] in ("labelled", "star-no-z")
        and row["cls"] == cls
        and row["group"] not in survey.kept_apart
        and standard_label(cls, row["sub"])
        and (cls == "STAR" or row["survey"] == "SDSS")
    ]


def real(survey: Survey, engine: Engine) -> Sample:
    """The real spectra, and a noisier copy of each."""
    rows = real_rows(survey, engine.cls)
    flux, ivar = (x[rows] for x in survey.spectra)
    table = [survey.rows[i] for i in rows]
    held_out = np.array([in_validation(row["group"]) for row in table])
    z = np.array([float(row["z"] or "nan") for row in table])
    # Held out ones are searched for, as all others will be; the rest is where the label says.
    shift = _shifts(engine, flux, ivar, np.where(held_out, np.nan, z))
    labels = np.array([standard_label(engine.cls, row["sub"]) for row in table])
    groups = np.array([row["group"] for row in table])
    noisy = noisier(np.random.default_rng(1), flux, ivar)
    parts = []
    for kind, (some_flux, some_ivar) in (("real", (flux, ivar)), ("noisier", noisy)):
        coeff, covariance = _coefficients(engine, some_flux, some_ivar, shift)
        kinds = np.full(len(rows), kind)
        parts.append(Sample(coeff, covariance, labels, groups, kinds, held_out))
    return Sample.joined(parts)


def mock_stars(survey: Survey, engine: Engine, n: int) -> Sample:
    """Mocks of star archetypes and bases of known type, a third of the archetypes held out."""
    rng = np.random.default_rng(2)
    star, instrument = Star(survey), Instrument(survey, LAMOST_SHARE)
    pools: dict[str, list[tuple[str, Callable[[], Floats]]]] = {t: [] for t in FROM_MOCKS}
    for nth, (spectra, names) in enumerate(star.archetypes):
        for name, spectrum in zip(names, spectra, strict=True):
            label = standard_label("STAR", name)
            if label in FROM_MOCKS or (label and nth == 0):
                archetype = (f"{nth}/{name}", partial(level_one, spectrum))
                pools.setdefault(label, []).append(archetype)
    for label, pick in (("OB", 1), ("M", 5), ("WD", WHITE_DWARFS)):
        # A basis is drawn as often as all archetypes: it holds as many spectra.
        basis = partial(star._from_basis, rng, pick)
        pools[label] += [("", basis)] * max(len(pools[label]), FEWEST)
    mean, change = star.variable[:2]
    pools["CV"] = [("", lambda: level_one(mean + 0.3 * rng.normal() * change))]
    flux, ivar = np.zeros((2, n, WIDE.n))
    z = np.zeros(n)
    labels: list[str] = []
    groups: list[str] = []
    while len(labels) < n:
        label = list(pools)[rng.integers(len(pools))]
        group, draw = pools[label][rng.integers(len(pools[label]))]
        at, z[at] = len(labels), star.redshift(rng)
        sn = float(np.exp(rng.uniform(*np.log(star.sn_range))))
        observed = instrument.observe(rng, draw(), z[at], sn)
        if observed is not None:
            flux[at], ivar[at] = observed
            labels.append(label)
            # The only archetype of a kind cannot be held out as a whole.
            groups.append(group if len(pools[label]) > 1 and group else f"{label}-{at}")
    held_out = np.array([in_validation(group) for group in groups])
    coeff, covariance = _coefficients(engine, flux, ivar, np.asarray(shift_from_z(z)))
    kind = np.full(n, "mock")
    return Sample(coeff, covariance, np.array(labels), np.array(groups), kind, held_out)


def _shifts(engine: Engine, flux: NDArray[Any], ivar: NDArray[Any], z: Floats) -> Floats:
    """Shifts of the given redshifts, or the best ones of the class where NaN."""
    shift, card = shift_from_z(np.nan_to_num(z)), engine.model.card
    unknown = np.flatnonzero(np.isnan(z))
    for start in range(0, len(unknown), 128):
        rows = unknown[start : start + 128]
        prepared = prepare(_spectra(flux[rows], ivar[rows], card.observed), card.degree)
        found = SOLVERS["hybrid"].solve(engine, prepared, 1)
        shift[rows] = found.shift[:, 0].numpy()
    return np.asarray(shift)


def _coefficients(
    engine: Engine, flux: NDArray[Any], ivar: NDArray[Any], shift: Floats
) -> tuple[Floats, Floats]:
    """Coefficients, and their covariance as :class:`Sample` has it."""
    spectra = _spectra(flux, ivar, engine.model.card.observed)
    prepared = prepare(spectra, engine.model.card.degree)
    rows = torch.arange(len(flux))
    # Bound by their population, as those of a catalog are.
    known = prepared.size, prepared.arms
    at = torch.from_numpy(shift)
    fits = fit_at(engine.templates, prepared.flux, prepared.ivar, rows, at, *known)
    reduced = (fits.chi2 - fits.bound).numpy() / np.maximum(spectra.n_good - engine.dof, 1)
    return fits.coeff.numpy(), fits.covariance.numpy() * np.maximum(1.0, reduced)[:, None, None]


def _spectra(flux: NDArray[Any], ivar: NDArray[Any], lattice: LogLattice) -> Spectra:
    return Spectra.from_arrays(flux, ivar, loglam=WIDE.loglam, lattice=WIDE).on(lattice)


def _linear_weights(sample: Sample, classifier: Any, features: int, total: int) -> SubclassModel:
    """Fit a classifier linear in the first ``features`` of all ``total``, scaled to unit spread."""
    unit, _ = unit_coefficients(sample.coeff, sample.covariance)
    x = quadratic_features(unit)[:, :features]
    mean, spread = x.mean(axis=0), x.std(axis=0)
    weighed = {} if isinstance(classifier, LinearDiscriminantAnalysis) else {
        "sample_weight": np.where(sample.kind == "mock", MOCK_WEIGHT, 1.0)
    }  # fmt: skip
    classifier.fit((x - mean) / spread, sample.label, **weighed)
    weight = np.zeros((len(classifier.classes_), total + 1))
    weight[:, :features] = classifier.coef_ / spread
    weight[:, -1] = classifier.intercept_ - weight[:, :features] @ mean
    return SubclassModel(tuple(classifier.classes_.tolist()), weight, 0.0)


def classifiers(m: int) -> dict[str, Callable[[Sample], SubclassModel]]:
    """What is compared; all are weights of the same features, so any can be shipped."""
    total = m + m * (m + 1) // 2

    def logistic(strength: float, features: int) -> Callable[[Sample], SubclassModel]:
        return lambda sample: _linear_weights(
            sample, LogisticRegression(C=strength, max_iter=5000), features, total
        )

    return {
        "linear discriminant": lambda s: _linear_weights(s, LinearDiscriminantAnalysis(), m, total),
        "logistic, linear": logistic(3.0, m),
        "logistic, quadratic, C = 0.1": logistic(0.1, total),
        "logistic, quadratic, C = 0.3": logistic(0.3, total),
    }


def cross_validated(
    sample: Sample, fit: Callable[[Sample], SubclassModel], labels: list[str]
) -> Floats:
    """Probability of each label from fits that have not seen the object, (rows, labels)."""
    out = np.zeros((len(sample.label), len(labels)))
    for seen, unseen in GroupKFold(FOLDS).split(sample.coeff, sample.label, sample.group):
        model = fit(sample[seen])
        columns = [labels.index(label) for label in model.labels]
        test = sample[unseen]
        out[np.ix_(unseen, columns)] = model.probabilities(test.coeff, test.covariance)
    return out


def choose(sample: Sample, console: Console) -> SubclassModel:
    """The classifier of the least log loss over objects it has not seen, with its threshold."""
    labels = sorted(set(sample.label))
    place = np.array([labels.index(label) for label in sample.label])
    weight = np.where(sample.kind == "mock", MOCK_WEIGHT, 1.0)
    best: tuple[float, Any, Floats] | None = None
    for name, fit in classifiers(sample.coeff.shape[1]).items():
        p = cross_validated(sample, fit, labels)
        true = np.maximum(p[np.arange(len(p)), place], 1e-9)
        loss = float(np.average(-np.log(true), weights=weight))
        right = float(np.average(p.argmax(axis=1) == place, weights=weight))
        console.print(f"  {name}: log loss {loss:.3f}, right {right:.3f}")
        if best is None or loss < best[0]:
            best = loss, fit, p
    assert best is not None
    _, fit, p = best
    right_rows, sure = p.argmax(axis=1) == place, p.max(axis=1)
    for threshold in THRESHOLDS:
        said = sure >= threshold
        if said.any() and np.average(right_rows[said], weights=weight[said]) >= RIGHT:
            break
    model = fit(sample)
    return SubclassModel(model.labels, model.weight, float(threshold))


def measure(model: SubclassModel, sample: Sample) -> list[str]:
    """Lines of a Markdown table: what is said of held-out spectra of each label."""
    said, _ = model.predict(sample.coeff, sample.covariance)
    right, spoke = said == sample.label, said != ""

    def share(of: NDArray[np.bool_], rows: NDArray[np.bool_]) -> str:
        return f"{of[rows].mean():.3f}" if rows.any() else ""

    lines = [
        f"| labelled | n | said | right of these | {' | '.join(model.labels)} |",
        "|" + " --- |" * (len(model.labels) + 4),
    ]
    for name in [x for x in model.labels if (sample.label == x).any()]:
        rows = sample.label == name
        counts = [str(int((said[rows] == label).sum())) for label in model.labels]
        cells = [name, str(rows.sum()), share(spoke, rows), share(right, rows & spoke), *counts]
        lines.append(f"| {' | '.join(cells)} |")
    precision = [share(right, said == label) for label in model.labels]
    cells = ["all", str(len(said)), f"{spoke.mean():.3f}", share(right, spoke), *precision]
    return [*lines, f"| {' | '.join(cells)} |"]


def fit_class(survey: Survey, engine: Engine, console: Console) -> tuple[dict[str, Any], list[str]]:
    """Fit and measure one class: its entry of the file, and its part of the page."""
    parts = [real(survey, engine)]
    if engine.cls == "STAR":
        parts.append(mock_stars(survey, engine, MOCKS))
    every = Sample.joined(parts)
    every = every[np.flatnonzero(np.isfinite(every.coeff).all(axis=1))]
    fitted, held_out = every[~every.held_out], every[every.held_out]
    console.print(f"{engine.cls}: {len(fitted.label)} to fit to")
    model = choose(fitted, console)
    lines = [f"### {engine.cls}", "", f"Said where its probability is {model.threshold:g} or more."]
    lines.append("")
    for kind in dict.fromkeys(every.kind):
        lines += [f"*{kind}*", "", *measure(model, held_out[held_out.kind == kind]), ""]
    entry = {
        "sha256": engine.model.card.sha256,
        "labels": list(model.labels),
        "threshold": model.threshold,
        "weight": [[float(f"{w:.5g}") for w in row] for row in model.weight],
        "fitted_to": {
            kind: {x: int(((fitted.kind == kind) & (fitted.label == x)).sum())
                   for x in model.labels}
            for kind in dict.fromkeys(fitted.kind)
        },
    }  # fmt: skip
    return entry, lines


def main() -> None:
    """Fit, measure, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--models", default="encoder", help="architecture or directory")
    parser.add_argument("--shared", type=Path, default=SHARED)
    parser.add_argument("--page", type=Path, help="page whose measured part is written anew")
    arguments = parser.parse_args()
    console, survey = Console(width=160), Survey(arguments.shared)
    models = load_models(arguments.models)
    content, page = {}, []
    for cls in CLASSES:
        content[cls], lines = fit_class(survey, Engine(models[cls]), console)
        page += lines
    console.print("\n".join(page), markup=False)
    directory = directory_of(arguments.models)
    path = directory / DIRECTORY.name / f"{models[CLASSES[0]].card.architecture}.json"
    path.parent.mkdir(exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, allow_nan=False) + "\n")
    console.print(f"wrote {path}")
    if arguments.page:
        write_part(arguments.page, "subclass", page)


if __name__ == "__main__":
    main()
