"""Fitting the confidence and the redshift errors of trained networks to labelled spectra."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gasnet3.anomaly import stored
from gasnet3.classes import CLASSES
from gasnet3.decide.confidence import (
    DIRECTORY,
    Confidence,
    Evidence,
    PosteriorFit,
    redshift_features,
)
from gasnet3.decide.continua import Continua
from gasnet3.decide.rank import Ranked, chi2_gap, rank
from gasnet3.decide.trust import Trust
from gasnet3.machine.files import replacing
from gasnet3.machine.progress import Progress
from gasnet3.machine.typing import Bools, Floats
from gasnet3.nets.card import read_trunk_card, write_card
from gasnet3.nets.model import Model
from gasnet3.nets.registry import TRUNK, list_models
from gasnet3.pipeline.levels import batches
from gasnet3.pipeline.pipeline import ROWS, Pipeline
from gasnet3.solve.candidates import Candidates
from gasnet3.solve.engine import Engine
from gasnet3.spectra.batch import Spectra
from gasnet3.train.anomaly import fit_own_anomalies, noisier
from gasnet3.train.errors import redshift_errors
from gasnet3.train.posterior import (
    FEWEST,
    Judged,
    decided,
    fit_continua,
    fit_posterior,
    joined,
    judge,
    judge_strangers,
    logistic,
    redshift_weight,
    right_redshifts,
    spoiled,
    with_sky_upside_down,
)

Errors = dict[str, dict[str, dict[str, float]]]
"""Scale, floor and n by kind of solution and class."""

SOLVER_OF = {"amortised": "amortised", "exact": "hybrid"}
"""Solver whose solutions a kind is fitted to."""

Fit = Confidence | PosteriorFit
"""What decides, of one kind of solution."""

SEED = 3


@dataclass(frozen=True, eq=False)
class Solutions:
    """Solutions of labelled spectra, as the fits need them.

    Attributes
    ----------
    candidates : list of Candidates
        One entry a class, without models and coefficients.
    evidence : Evidence
        Of the best of each class.
    spectra : Spectra
        With ``classes`` (class "SKY" for no object) and ``z``, NaN where not known.
    """

    candidates: list[Candidates]
    evidence: Evidence
    spectra: Spectra

    def __getitem__(self, rows: NDArray[Any]) -> Solutions:
        """The solutions of some of the spectra."""
        index = torch.from_numpy(np.arange(len(self.spectra))[rows])
        fields = {name: value for name, value in vars(self.evidence).items() if name != "exact"}
        kept = Evidence(**{k: v[rows] for k, v in fields.items()}, exact=self.evidence.exact)
        found = [_each(c, lambda x: x[index]) for c in self.candidates]
        return Solutions(found, kept, self.spectra[rows])

    def ranked(self, confidence: Confidence) -> tuple[Ranked, Floats]:
        """All solutions in their order, and the probabilities of classes they have it from."""
        probabilities = confidence.classes(self.evidence)
        return rank(self.candidates, self.evidence.n_good, probabilities), probabilities


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
        If a class has no network or fewer than :data:`FEWEST` labelled spectra, or no redshift is
        wrong (or right): then there is nothing to tell them apart by.
    gasnet3.nets.card.ModelError
        If a network cannot be loaded.
    gasnet3.machine.extras.MissingExtra
        If scikit-learn is not installed.
    """
    fits: dict[str, Fit] = {}
    errors: Errors = {}
    weights: dict[str, dict[str, str]] = {}
    enough(spectra)
    pipeline = Pipeline.load(models, "amortised", device)
    missing = set(CLASSES) - {engine.cls for engine in pipeline.engines}
    if missing:
        raise ValueError(f"{models} has no network for {', '.join(sorted(missing))}")
    for kind in solver_kinds(pipeline):
        pipeline = Pipeline.load(models, SOLVER_OF[kind], device)
        weights[kind] = pipeline.weights
        if kind == "exact":
            flux, ivar = noisier(np.random.default_rng(SEED), spectra.flux, spectra.ivar)
            flux, ivar = flux.astype(spectra.flux.dtype), ivar.astype(spectra.ivar.dtype)
            copies = [spectra, replace(spectra, flux=flux, ivar=ivar)]
            continua = fit_continua(spectra, pipeline.cards[0].degree)
            judged, strangers = judge_sets(pipeline, continua, copies, on_progress)
            fit = fits[kind] = fit_posterior(judged, continua, strangers)
            errors[kind] = posterior_errors(judged, fit)
        else:
            solutions = solve_labelled(uncalibrated(pipeline), spectra, on_progress=on_progress)
            confidence = fits[kind] = fit_confidence(solutions)
            errors[kind] = fit_errors(solutions, confidence)
    path = models / DIRECTORY.name / "fit.json"
    write_confidence(path, weights, fits, {"n": len(spectra)})
    write_errors(models, weights, errors)
    # Loaded again: what is ordinary is measured of answers as they will be given.
    calibrated = {kind: Pipeline.load(models, SOLVER_OF[kind], device) for kind in fits}
    path = models / stored.DIRECTORY.name / "fit.json"
    fit_own_anomalies(calibrated, spectra, path, on_progress)
    return errors[kind]


def enough(spectra: Spectra) -> None:
    """Refuse labelled spectra that are too few to fit to.

    Raises
    ------
    ValueError
        If a class has fewer than :data:`FEWEST`.
    """
    for cls in CLASSES:
        n = int((spectra.classes == cls).sum())
        if n < FEWEST:
            raise ValueError(f"{n} spectra are labelled {cls}: {FEWEST} are the least to fit to")


def judge_sets(
    pipeline: Pipeline, continua: dict[str, Continua], sets: Sequence[Spectra],
    on_progress: Progress | None = None,
) -> tuple[Judged, list[Judged]]:  # fmt: skip
    """Weigh labelled spectra, and strange ones made of the labelled among them.

    Parameters
    ----------
    pipeline : Pipeline
        Of networks whose coefficients are solved for.
    continua : dict of str to Continua
        Populations of continua, by class.
    sets : sequence of Spectra
        What is judged; of the first and the last, strangers are made.
    on_progress : callable, optional
        Called with the number of the judged that are done, and of all.

    Returns
    -------
    judged : Judged
        The sets, joined.
    strangers : list of Judged
        Spectra whose class has no model, and spectra spoiled by a detector.
    """
    pipeline = uncalibrated(pipeline, continua)
    spectra = with_sky_upside_down(Spectra.concatenate(list(sets)))
    judged = judge(pipeline, spectra, on_progress=on_progress)
    ends = Spectra.concatenate([sets[0], sets[-1]])
    objects = ends[np.flatnonzero(np.isin(ends.classes, CLASSES) & np.isfinite(ends.z))]
    strange = judge(pipeline, spoiled(objects, SEED))
    return judged, [*judge_strangers(pipeline, objects), strange]


def write_errors(directory: Path, weights: Mapping[str, Mapping[str, str]], errors: Errors) -> None:
    """Put scale and floor of the redshift errors into the cards of the weights they are of.

    ``weights`` are those of each kind of solution (:attr:`Pipeline.weights`); what cards of the
    directory have of other kinds stays.
    """
    for kind, of_class in errors.items():
        if "trunk" in weights[kind]:
            path = directory / TRUNK
            write_card(path, replace(read_trunk_card(path), calibration=of_class))
            continue
        for info in list_models(directory):
            if (card := info.card).sha256 == weights[kind].get(card.cls) and card.cls in of_class:
                known = card.calibration.get("z_err", {}) | {kind: of_class[card.cls]}
                write_card(info.path, replace(card, calibration={"z_err": known}))


def solver_kinds(pipeline: Pipeline) -> list[str]:
    """Kinds of solution a pipeline's networks can give, the one whose errors count last."""
    exact = all(engine.model.eigenspectra is not None for engine in pipeline.engines)
    return ["amortised", "exact"] if exact else ["amortised"]


def uncalibrated(pipeline: Pipeline, continua: dict[str, Continua] | None = None) -> Pipeline:
    """The pipeline with formal errors, and the least reduced χ² to decide.

    With ``continua``, however few, the bare posterior decides.
    """
    plain = [
        Engine(
            Model(replace(engine.model.card, calibration={}), engine.model.network),
            trunk=engine.trunk
            and replace(engine.trunk, card=replace(engine.trunk.card, calibration={})),
        )
        for engine in pipeline.engines
    ]
    bare = None if continua is None else PosteriorFit(continua, np.zeros(0), Trust.undecided())
    fitted = replace(pipeline.fitted, confidence=bare)
    return replace(pipeline, engines=tuple(plain), fitted=fitted)


def solve_labelled(
    pipeline: Pipeline, spectra: Spectra, k: int = 3, on_progress: Progress | None = None
) -> Solutions:
    """Solve labelled spectra with a pipeline."""
    parts: list[list[Candidates]] = []
    evidence: list[Evidence] = []
    exact = pipeline.solver.name != "amortised"
    done = 0
    for batch in batches(spectra, ROWS):
        outcome = pipeline.solve(batch, k)
        evidence.append(Evidence.of(batch, outcome.engines, outcome.candidates, exact=exact))
        parts.append([_slim(found) for found in outcome.candidates])
        done += len(batch)
        if on_progress:
            on_progress(done, len(spectra))
    found = [_join(list(of_class)) for of_class in zip(*parts, strict=True)]
    return Solutions(found, joined(evidence), spectra)


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
    each: dict[str, Any] = {n: torch.cat([getattr(p, n) for p in parts]) for n in names}
    return replace(parts[0], **each)


def fit_confidence(solutions: Solutions) -> Confidence:
    """Fit the probabilities of class and redshift of solutions without exact coefficients.

    Raises
    ------
    ValueError
        See :func:`calibrate_models`.
    """
    labels = solutions.spectra.classes
    enough(solutions.spectra)
    known = np.isin(labels, CLASSES)
    place = np.array([CLASSES.index(cls) for cls in labels[known]])
    class_weight = logistic(solutions.evidence.features()[known], place)
    features, right, judged = redshift_cases(solutions, Confidence(class_weight, np.zeros(0)))
    return Confidence(class_weight, redshift_weight(features[judged], right[judged]))


def redshift_cases(solutions: Solutions, confidence: Confidence) -> tuple[Floats, Bools, Bools]:
    """Features of the decided redshifts, which of them are right, and of which that is known.

    See :func:`gasnet3.train.posterior.right_redshifts`.
    """
    ranked, probabilities = solutions.ranked(confidence)
    cls = np.array(ranked.classes)[ranked.cls[:, 0]]
    chosen = [CLASSES.index(c) for c in cls]
    p_class = probabilities[np.arange(len(cls)), chosen]
    features = redshift_features(
        chi2_gap(ranked), ranked.rchi2[:, 0], solutions.evidence.sn, p_class, cls
    )
    return features, *right_redshifts(ranked.z[:, 0], solutions.spectra)


def fit_errors(solutions: Solutions, confidence: Confidence) -> dict[str, dict[str, float]]:
    """Scale and floor of the redshift errors of solutions without exact coefficients.

    See :func:`posterior_errors`.
    """
    ranked, _ = solutions.ranked(confidence)
    z = ranked.z[:, 0]
    cls = np.array(ranked.classes)[ranked.cls[:, 0]]
    return redshift_errors(cls, z, ranked.z_err[:, 0] / (1.0 + z), solutions.spectra)


def posterior_errors(judged: Judged, fit: PosteriorFit) -> dict[str, dict[str, float]]:
    """Scale and floor of the redshift errors of each class (:func:`gasnet3.decide.rank.rank`).

    See :func:`gasnet3.train.errors.redshift_errors`.
    """
    found = decided(judged, fit)
    return redshift_errors(found.cls, found.z, found.formal, judged.spectra)


def write_confidence(
    path: Path, weights: Mapping[str, Mapping[str, str]], fits: Mapping[str, Fit],
    notes: dict[str, Any],
) -> None:  # fmt: skip
    """Write fits where they are looked for, by kind of solution, with the weights they are of.

    The directory of the JSON file is made; ``notes`` say what they were fitted to, and how well
    they do. "exact" is for the hybrid solver too. What the file holds for the same models of other
    kinds stays.
    """
    old = json.loads(path.read_text()) if path.exists() else {}
    models, solvers = {}, {}
    for kind, fit in fits.items():
        models = {cls: sha for cls, sha in weights[kind].items() if cls != "trunk"}
        trunk = {name: sha for name, sha in weights[kind].items() if name == "trunk"}
        solvers[kind] = trunk | _content(fit)
    kept = old["solvers"] if old.get("models") == models else {}
    content = {"models": models, "solvers": kept | solvers, **notes}
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n")


def _content(fit: Fit) -> dict[str, Any]:
    """A fit as :func:`gasnet3.decide.confidence.find_confidence` reads it."""
    if isinstance(fit, Confidence):
        return {"class": _rounded(fit.class_weight), "redshift": _rounded(fit.z_weight)}
    return {
        "continua": {cls: _rounded(one.to_json()) for cls, one in fit.continua.items()},
        "bright": _rounded(fit.bright_weight),
        "redshift": _rounded(fit.trust.to_json()),
    }


def _rounded(values: Any) -> Any:
    if isinstance(values, dict):
        return {name: _rounded(value) for name, value in values.items()}
    return [_rounded(v) if np.ndim(v) else float(f"{v:.6g}") for v in values]
