"""Fitting the confidence and the redshift errors of trained networks to labelled spectra."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.stats import t as student_t

from gasnet3.anomaly import stored
from gasnet3.classes import CLASSES
from gasnet3.decide.confidence import DIRECTORY, Confidence, Evidence, redshift_features
from gasnet3.decide.rank import delta_chi2, rank
from gasnet3.evaluate import metrics
from gasnet3.evaluate.reliability import summarize_pulls
from gasnet3.machine.extras import needed
from gasnet3.machine.files import replacing
from gasnet3.machine.progress import Progress
from gasnet3.machine.typing import Floats
from gasnet3.nets.card import read_card, write_card
from gasnet3.nets.model import Model
from gasnet3.nets.registry import list_models
from gasnet3.pipeline.pipeline import ROWS, Pipeline
from gasnet3.solve.candidates import Candidates
from gasnet3.solve.engine import Engine
from gasnet3.spectra.batch import Spectra
from gasnet3.train.anomaly import fit_own_anomalies

Errors = dict[str, dict[str, dict[str, float]]]
"""Scale, floor and n by kind of solution and class."""

RIGHT: dict[str, float] = {"STAR": 1e-3, "GALAXY": 1.5e-3, "QSO": 1.5e-2}
"""A redshift is right within these |Δ ln(1 + z)|: those of eq. 20, and 300 km/s for stars."""

MEASURED: dict[str, float] = {"STAR": 3e-4, "GALAXY": 1.5e-3, "QSO": 1.5e-2}
"""Redshifts nearer than this to their label are used for the errors: no wrong line."""

STRENGTH = 1.0
"""Inverse of the logistic models' regularisation, for features of unit variance."""

TAILS = 3.0
"""Degrees of freedom of the Student distribution of pulls: outliers must not own the fit."""

FEWEST = 30
"""Labelled spectra a class at least."""

SOLVER_OF = {"amortised": "amortised", "exact": "hybrid"}
"""Solver whose solutions a kind is fitted to."""

SKY = "SKY"
"""Class label of spectra that show no object: any redshift of theirs is wrong."""


@dataclass(frozen=True, eq=False)
class Solutions:
    """Solutions of labelled spectra, as the fits need them.

    Attributes
    ----------
    candidates : list of Candidates
        One entry a class, without models and coefficients.
    evidence : Evidence
        Of the best of each class.
    cls : ndarray of str, shape (rows,)
        True class, or "SKY".
    z : ndarray of float64, shape (rows,)
        True redshift, NaN where not known.
    """

    candidates: list[Candidates]
    evidence: Evidence
    cls: NDArray[np.str_]
    z: Floats

    def __getitem__(self, rows: NDArray[Any]) -> Solutions:
        """The solutions of some of the spectra."""
        index = torch.from_numpy(np.arange(len(self.cls))[rows])
        fields = {name: value for name, value in vars(self.evidence).items() if name != "exact"}
        kept = Evidence(**{k: v[rows] for k, v in fields.items()}, exact=self.evidence.exact)
        found = [_each(c, lambda x: x[index]) for c in self.candidates]
        return Solutions(found, kept, self.cls[rows], self.z[rows])


def calibrate_models(
    models: Path, spectra: Spectra, *, device: str = "cpu", on_progress: Progress | None = None
) -> dict[str, dict[str, float]]:
    """Fit confidence, errors and anomalies of a directory's networks, and write them there.

    Parameters
    ----------
    models : Path
        Directory of one network a class.
    spectra : Spectra
        Labelled spectra that were not trained on; class "SKY" for no object.
    device : str
        Where to compute.
    on_progress : callable, optional
        Called with the number of spectra done, and of all, for one solver after the other, and
        again with those that anomalies are compared with, noisier copies among them.

    Returns
    -------
    dict
        Of :func:`fit_errors`, by class, of the best kind of solution.

    Raises
    ------
    ValueError
        See :func:`fit_confidence`; or if a class has no network.
    gasnet3.nets.card.ModelError
        If a network cannot be loaded.
    gasnet3.machine.extras.MissingExtra
        If scikit-learn is not installed.
    """
    fits, errors = {}, {}
    pipeline = Pipeline.load(models, "amortised", device)
    missing = set(CLASSES) - {engine.cls for engine in pipeline.engines}
    if missing:
        raise ValueError(f"{models} has no network for {', '.join(sorted(missing))}")
    for kind in solver_kinds(pipeline):
        pipeline = Pipeline.load(models, SOLVER_OF[kind], device)
        solutions = solve_labelled(uncalibrated(pipeline), spectra, on_progress=on_progress)
        fits[kind] = fit_confidence(solutions)
        errors[kind] = fit_errors(solutions, fits[kind])
    write_confidence(models / DIRECTORY.name / "fit.json", pipeline, fits, {"n": len(spectra)})
    write_errors([info.path for info in list_models(models)], errors)
    # Loaded again: what is ordinary is measured of answers as they will be given.
    calibrated = {kind: Pipeline.load(models, SOLVER_OF[kind], device) for kind in fits}
    path = models / stored.DIRECTORY.name / "fit.json"
    fit_own_anomalies(calibrated, spectra, path, on_progress)
    return errors[kind]


def write_errors(cards: Iterable[Path], errors: Errors) -> None:
    """Put scale and floor of the redshift errors into the cards of their classes."""
    for path in cards:
        card = read_card(path)
        own = {
            kind: of_class[card.cls] for kind, of_class in errors.items() if card.cls in of_class
        }
        write_card(path, replace(card, calibration={"z_err": own}))


def solver_kinds(pipeline: Pipeline) -> list[str]:
    """Kinds of solution a pipeline's networks can give, the one whose errors count last."""
    exact = all(engine.model.eigenspectra is not None for engine in pipeline.engines)
    return ["amortised", "exact"] if exact else ["amortised"]


def uncalibrated(pipeline: Pipeline) -> Pipeline:
    """The pipeline with formal errors, and the least reduced χ² to decide."""
    plain = [
        Engine(Model(replace(engine.model.card, calibration={}), engine.model.network))
        for engine in pipeline.engines
    ]
    fitted = replace(pipeline.fitted, confidence=None)
    return replace(pipeline, engines=tuple(plain), fitted=fitted)


def solve_labelled(
    pipeline: Pipeline, spectra: Spectra, k: int = 3, on_progress: Progress | None = None
) -> Solutions:
    """Solve labelled spectra with a pipeline."""
    parts: list[list[Candidates]] = []
    evidence: list[Evidence] = []
    exact = pipeline.solver.name != "amortised"
    for start in range(0, len(spectra), ROWS):
        batch = spectra[start : start + ROWS]
        outcome = pipeline.solve(batch, k)
        evidence.append(Evidence.of(batch, outcome.engines, outcome.candidates, exact=exact))
        parts.append([_slim(found) for found in outcome.candidates])
        if on_progress:
            on_progress(start + len(batch), len(spectra))
    names = [name for name in vars(evidence[0]) if name != "exact"]
    joined = {name: np.concatenate([getattr(e, name) for e in evidence]) for name in names}
    found = [_join(list(of_class)) for of_class in zip(*parts, strict=True)]
    return Solutions(found, Evidence(**joined, exact=exact), spectra.classes, spectra.z)


def _each(found: Candidates, change: Callable[[torch.Tensor], torch.Tensor]) -> Candidates:
    changed: dict[str, Any] = {
        name: change(value)
        for name, value in vars(found).items()
        if isinstance(value, torch.Tensor)
    }
    return replace(found, **changed)


def _slim(found: Candidates) -> Candidates:
    nothing: dict[str, Any] = {
        name: getattr(found, name)[..., :0] for name in ("coeff", "covariance", "continuum")
    }
    return _each(replace(found, source=None, **nothing), torch.Tensor.cpu)


def _join(parts: list[Candidates]) -> Candidates:
    names = [k for k, v in vars(parts[0]).items() if isinstance(v, torch.Tensor)]
    joined: dict[str, Any] = {n: torch.cat([getattr(p, n) for p in parts]) for n in names}
    return replace(parts[0], **joined)


def fit_confidence(solutions: Solutions) -> Confidence:
    """Fit the probabilities of class and redshift.

    Raises
    ------
    ValueError
        If a class has fewer than 30 labelled spectra, or no redshift is wrong (or right): then
        there is nothing to tell them apart by.
    """
    known = np.isin(solutions.cls, CLASSES)
    for cls in CLASSES:
        n = int((solutions.cls == cls).sum())
        if n < FEWEST:
            raise ValueError(f"{n} spectra are labelled {cls}: {FEWEST} are the least to fit to")
    features = solutions.evidence.features()
    place = np.array([CLASSES.index(cls) for cls in solutions.cls[known]])
    class_weight = _logistic(features[known], place)
    first = Confidence(class_weight, np.zeros(0))
    features, right, judged = redshift_cases(solutions, first)
    if right[judged].all() or not right[judged].any():
        raise ValueError("all redshifts are right or all are wrong: nothing to tell them apart by")
    return Confidence(class_weight, _logistic(features[judged], right[judged].astype(np.int64))[0])


def redshift_cases(
    solutions: Solutions, confidence: Confidence
) -> tuple[Floats, NDArray[np.bool_], NDArray[np.bool_]]:
    """Features of the decided redshifts, which of them are right, and of which that is known.

    Right is a redshift within ``RIGHT`` of the label, whatever the class; that of a sky fibre
    never is.
    """
    probabilities = confidence.classes(solutions.evidence)
    n_good = solutions.evidence.n_good
    ranked = rank(solutions.candidates, n_good, probabilities)
    cls = np.array(ranked.classes)[ranked.cls[:, 0]]
    chosen = [CLASSES.index(c) for c in cls]
    p_class = probabilities[np.arange(len(cls)), chosen]
    features = redshift_features(
        delta_chi2(ranked), ranked.rchi2[:, 0], solutions.evidence.sn, p_class, cls
    )
    has = np.isfinite(ranked.z[:, 0])
    true = np.where(np.isfinite(solutions.z), solutions.z, 0.0)
    limit = np.array([RIGHT.get(c, np.nan) for c in solutions.cls])
    right = has & (metrics.delta_ln_z(ranked.z[:, 0], true) < limit)
    known = has & ((solutions.cls == SKY) | (np.isfinite(limit) & np.isfinite(solutions.z)))
    return features, right & (solutions.cls != SKY), known


def _logistic(features: Floats, place: NDArray[np.int64]) -> Floats:
    """Weights of a logistic model on the features as they are, the constant last.

    MissingExtra if scikit-learn is not installed.
    """
    linear_model = needed("sklearn.linear_model", "calibrate", "fitting a confidence")
    mean, spread = features.mean(axis=0), features.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    fit = linear_model.LogisticRegression(C=STRENGTH, max_iter=5000)
    fit.fit((features - mean) / spread, place)
    weight = fit.coef_ / spread
    return np.column_stack([weight, fit.intercept_ - weight @ mean])


def fit_errors(solutions: Solutions, confidence: Confidence) -> dict[str, dict[str, float]]:
    """Scale and floor of the redshift errors of each class (:func:`gasnet3.decide.rank.rank`).

    The most likely ones if pulls follow a Student distribution; then both are multiplied so
    that the pulls' robust width is 1. Of spectra whose class and redshift are right.

    Returns
    -------
    dict
        By class: ``scale``, ``floor`` and ``n``; classes with too few spectra are left out.
    """
    n_good = solutions.evidence.n_good
    ranked = rank(solutions.candidates, n_good, confidence.classes(solutions.evidence))
    cls = np.array(ranked.classes)[ranked.cls[:, 0]]
    out = {}
    for name in CLASSES:
        rows = (cls == name) & (solutions.cls == name) & np.isfinite(solutions.z)
        rows &= np.isfinite(ranked.z_err[:, 0])
        true = solutions.z[rows]
        z, formal = ranked.z[rows, 0], ranked.z_err[rows, 0] / (1.0 + ranked.z[rows, 0])
        error = (z - true) / (1.0 + true)
        near = np.abs(error) < MEASURED[name]
        if near.sum() >= FEWEST:
            scale, floor = _scale_and_floor(error[near], formal[near])
            out[name] = {"scale": scale, "floor": floor, "n": int(near.sum())}
    return out


def _scale_and_floor(error: Floats, formal: Floats) -> tuple[float, float]:
    def unlikeliness(x: ArrayLike) -> float:
        scale, floor = np.exp(np.asarray(x))
        total = np.hypot(scale * formal, floor)
        return float(np.sum(np.log(total) - student_t.logpdf(error / total, TAILS)))

    start = np.log([1.0, np.median(np.abs(error)) + 1e-9])
    scale, floor = np.exp(minimize(unlikeliness, start, method="Nelder-Mead").x)
    width = summarize_pulls(error / np.hypot(scale * formal, floor)).width
    return float(f"{scale * width:.4g}"), float(f"{floor * width:.4g}")


def write_confidence(
    path: Path, pipeline: Pipeline, fits: dict[str, Confidence], notes: dict[str, Any]
) -> None:
    """Write the fits of a pipeline's weights, by kind of solution, where they are looked for.

    The directory of the JSON file is made; ``notes`` say what they were fitted to, and how well
    they do. "exact" is for the hybrid solver too.
    """
    content = {
        "models": {card.cls: card.sha256 for card in pipeline.cards},
        "solvers": {
            kind: {"class": _rounded(fit.class_weight), "redshift": _rounded(fit.z_weight)}
            for kind, fit in fits.items()
        },
        **notes,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n")


def _rounded(values: Floats) -> Any:
    return [_rounded(v) if np.ndim(v) else float(f"{v:.6g}") for v in values]
