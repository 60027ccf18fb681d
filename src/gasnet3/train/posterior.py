"""Fitting what makes the posterior honest: populations of continua, bright classes, redshifts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import binary_cross_entropy_with_logits

from gasnet3.classes import CLASSES
from gasnet3.decide.confidence import Evidence, PosteriorFit, bright_share
from gasnet3.decide.continua import Continua, Shapes
from gasnet3.decide.posterior import RIGHT, Weights
from gasnet3.decide.trust import FEATURES, REACH, Trust, trust_features
from gasnet3.evaluate import metrics
from gasnet3.machine.extras import needed
from gasnet3.machine.progress import Progress
from gasnet3.machine.typing import Bools, Floats
from gasnet3.pipeline.levels import batches
from gasnet3.pipeline.pipeline import ROWS, Pipeline
from gasnet3.solve.arrays import as_numpy
from gasnet3.solve.prepare import prepare
from gasnet3.spectra.batch import Spectra
from gasnet3.spectra.lattice import LN10_STEP

FEWEST = 30
"""Labelled spectra a class at least."""

SKY = "SKY"
"""Class label of spectra that show no object: any redshift of theirs is wrong."""

COMPONENTS = {"STAR": 10, "GALAXY": 12, "QSO": 14}
"""Normal distributions that a population of continua is a mixture of."""

LEAST_LEVEL = 100.0
"""S/N of a continuum's level that is learned from."""

FARTHEST = 6.0
"""Ratios of coefficients beyond which a continuum is broken."""

STRANGERS = 0.1
"""Weight of all strangers together, over that of all other spectra."""

STRENGTH = 1.0
"""Inverse of the logistic models' regularisation, for features of unit variance."""

UNITS = 6
"""Hidden units of what tells right redshifts from wrong ones."""

DECAY = 3.0
"""Its regularisation: of the squares of its weights, against nats."""


def fit_continua(spectra: Spectra, degree: int, seed: int = 0) -> dict[str, Continua]:
    """The populations of continua of labelled spectra, by class.

    None at all where a class has fewer than :data:`FEWEST` bright ones: the shape of the continuum
    must not count for some classes only.

    Parameters
    ----------
    spectra : Spectra
        With ``classes`` and ``z``.
    degree : int
        Degree of the continuum polynomial.
    seed : int
        Of the mixtures' first guesses.

    Raises
    ------
    gasnet3.machine.extras.MissingExtra
        If scikit-learn is not installed.
    """
    mixtures = needed("sklearn.mixture", "calibrate", "fitting a confidence")
    shapes = Shapes.of(prepare(spectra, degree))
    good = shapes.known & (shapes.level_sn > LEAST_LEVEL)
    good &= (np.abs(shapes.ratio) < FARTHEST).all(axis=1)
    out: dict[str, Continua] = {}
    for cls in CLASSES:
        rows = good & (spectra.classes == cls) & np.isfinite(spectra.z)
        if rows.sum() < FEWEST:
            return {}
        features = np.column_stack([np.log1p(spectra.z[rows]), shapes.ratio[rows]])
        first = 1 if cls == "STAR" else 0
        count = min(COMPONENTS[cls], max(1, int(rows.sum()) // FEWEST))
        mixture = mixtures.GaussianMixture(count, reg_covar=1e-3, n_init=2, random_state=seed)
        mixture.fit(features[:, first:])
        size = features.shape[1]
        centre, covariance = np.zeros((count, size)), np.zeros((count, size, size))
        centre[:, first:] = mixture.means_
        covariance[:, first:, first:] = mixture.covariances_
        out[cls] = Continua(mixture.weights_, centre, covariance)
    return out


@dataclass(frozen=True, eq=False)
class Judged:
    """Labelled spectra as a pipeline has weighed them.

    Attributes
    ----------
    evidence : Evidence
        Of the best solutions.
    log_evidence : ndarray of float64, shape (rows, 3)
        Of the classes.
    weights : list of Weights
        By batch.
    spectra : Spectra
        The spectra.
    rchi2 : list of ndarray of float64, shape (rows, 3, k)
        By batch: reduced χ² of all solutions.
    formal : list of ndarray of float64, shape (rows, 3, k)
        By batch: formal errors of ln(1 + z), times the root of the reduced χ² where that is over 1.
    """

    evidence: Evidence
    log_evidence: Floats
    weights: list[Weights]
    rchi2: list[Floats]
    formal: list[Floats]
    spectra: Spectra


def judge(
    pipeline: Pipeline, spectra: Spectra, k: int = 2, on_progress: Progress | None = None
) -> Judged:
    """Weigh labelled spectra with a pipeline whose fit has its continua already."""
    weights, evidence, rchi2, formal = [], [], [], []
    done = 0
    for batch in batches(spectra, ROWS):
        outcome = pipeline.solve(batch, k)
        assert outcome.weights is not None
        assert outcome.weights.bare is not None
        weights.append(outcome.weights.bare)
        evidence.append(Evidence.of(batch, outcome.engines, outcome.candidates, exact=True))
        each = [
            as_numpy(c.chi2) / np.maximum(batch.n_independent - c.dof, 1)[:, None]
            for c in outcome.candidates
        ]
        rchi2.append(np.stack(each, axis=1))
        sigma = np.stack([as_numpy(c.sigma) for c in outcome.candidates], axis=1)
        formal.append(LN10_STEP * sigma * np.sqrt(np.maximum(1.0, rchi2[-1])))
        done += len(batch)
        if on_progress:
            on_progress(done, len(spectra))
    found = np.concatenate([w.evidence for w in weights])
    return Judged(joined(evidence), found, weights, rchi2, formal, spectra)


def joined(parts: Sequence[Evidence]) -> Evidence:
    """The evidence of several batches of one kind of solution."""
    names = [name for name in vars(parts[0]) if name != "exact"]
    each = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    return Evidence(**each, exact=parts[0].exact)


def with_sky_upside_down(spectra: Spectra) -> Spectra:
    """Labelled spectra, and their sky fibres with the sign changed: as real, and as empty."""
    sky = spectra[np.flatnonzero(spectra.classes == SKY)]
    return Spectra.concatenate([spectra, replace(sky, flux=-sky.flux)]) if len(sky) else spectra


def judge_strangers(pipeline: Pipeline, spectra: Spectra) -> list[Judged]:
    """Weigh labelled spectra without the model of their class: objects that nobody foresaw."""
    out = []
    for cls in CLASSES:
        others = tuple(engine for engine in pipeline.engines if engine.cls != cls)
        rows = np.flatnonzero(spectra.classes == cls)
        if len(rows) and others:
            out.append(judge(replace(pipeline, engines=others), spectra[rows]))
    return out


def spoiled(spectra: Spectra, seed: int = 0) -> Spectra:
    """Labelled spectra as detectors spoil them: a line that is none, or a step between two arms.

    Of the first, every other spectrum gets a bright narrow line somewhere, whose redshift it may
    then be given; the others lose their features and get a step (and the class :data:`SKY`).
    """
    rng = np.random.default_rng(seed)
    flux = spectra.flux.astype(np.float64)
    ivar, classes = spectra.ivar, spectra.classes.astype("U16")
    pixel = np.arange(flux.shape[1])
    for row in range(len(flux)):
        good = np.flatnonzero(ivar[row] > 0)
        if len(good) < len(pixel) // 2:
            continue
        at, noise = rng.choice(good), np.median(ivar[row][good]) ** -0.5
        if row % 2:
            line = np.exp(-0.5 * ((pixel - at) / rng.uniform(1.0, 4.0)) ** 2)
            flux[row] += noise * np.exp(rng.uniform(np.log(3.0), np.log(40.0))) * line
            continue
        level = np.median(flux[row][good])
        slope = np.exp(rng.normal(0.0, 0.5) * (pixel - at) / len(pixel))
        step = 1.0 + rng.choice([-1, 1]) * np.exp(rng.uniform(np.log(0.02), np.log(0.5)))
        noises = rng.standard_normal(len(good)) * ivar[row][good] ** -0.5
        flux[row] = 0.0
        flux[row][good] = (level * slope * np.where(pixel < at, 1.0, step))[good] + noises
        classes[row] = SKY
    return replace(spectra, flux=flux.astype(spectra.flux.dtype), classes=classes)


def fit_posterior(
    judged: Judged, continua: Mapping[str, Continua], strangers: Sequence[Judged] = ()
) -> PosteriorFit:
    """Fit the classes of bright spectra, and how likely redshifts are right.

    Parameters
    ----------
    judged : Judged
        Labelled spectra.
    continua : mapping of str to Continua
        What they were judged with.
    strangers : sequence of Judged
        See :func:`judge_strangers`; together they count :data:`STRANGERS` of the others.

    Raises
    ------
    ValueError
        If no redshift is wrong, or none is right.
    """
    cls, sn = judged.spectra.classes, judged.evidence.sn
    features = PosteriorFit.bright_features(judged.log_evidence, judged.evidence)
    known = np.isin(cls, CLASSES)
    place = np.array([CLASSES.index(c) for c in cls[known]])
    bright = logistic(features[known], place, bright_share(sn[known]))
    first = PosteriorFit(dict(continua), bright, Trust.undecided())
    cases = [decided(each, first) for each in (judged, *strangers)]
    count = [int(case.known.sum()) for case in cases]
    features = np.concatenate([case.features[case.known] for case in cases])
    right = np.concatenate([case.right[case.known] for case in cases])
    share = np.ones(len(right))
    share[count[0] :] = STRANGERS * count[0] / max(1, sum(count[1:]))
    return PosteriorFit(dict(continua), bright, fit_trust(features, right, share))


@dataclass(frozen=True, eq=False)
class Decided:
    """What was decided of labelled spectra.

    Attributes
    ----------
    features : ndarray of float64, shape (rows, f)
        That tell right redshifts from wrong ones.
    cls : ndarray of str, shape (rows,)
        Class of the best solution.
    z, formal : ndarray of float64, shape (rows,)
        Its redshift, and the formal error of ln(1 + z).
    right, known : ndarray of bool, shape (rows,)
        Whether it is right, and whether that is known (:func:`right_redshifts`).
    """

    features: Floats
    cls: NDArray[np.str_]
    z: Floats
    formal: Floats
    right: Bools
    known: Bools


def decided(judged: Judged, fit: PosteriorFit) -> Decided:
    """What a fit decides of judged spectra."""
    probabilities = fit.classes(judged.log_evidence, judged.evidence)
    parts, start = [], 0
    for bare, reduced, formal in zip(judged.weights, judged.rchi2, judged.formal, strict=True):
        rows = slice(start, start + len(bare.temperature))
        weights, start = bare.of_classes(probabilities[rows]), rows.stop
        each, possible = np.arange(len(bare.temperature)), np.nan_to_num(weights.probabilities)
        # As gasnet3.decide.rank has it: the best of the most probable class.
        chosen = possible[:, [CLASSES.index(name) for name in weights.classes]].argmax(axis=1)
        which = np.stack(weights.solutions, axis=1)[each, chosen].argmax(axis=1)
        z, cls = weights.of_solution("z", chosen, which), np.array(weights.classes)[chosen]
        fitted, sn = reduced[each, chosen, which], judged.evidence.sn[rows]
        features = trust_features(np.nan_to_num(z), fitted, sn, weights, chosen, which)
        parts.append((features, cls, z, formal[each, chosen, which]))
    features, cls, z, error = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Decided(features, cls, z, error, *right_redshifts(z, judged.spectra))


def right_redshifts(z: Floats, spectra: Spectra) -> tuple[Bools, Bools]:
    """Which redshifts of labelled spectra are right, and of which that is known, shape (rows,).

    Right is one within :data:`RIGHT` of the label, whatever the class found; that of a sky fibre
    never is.
    """
    sky, has = spectra.classes == SKY, np.isfinite(z)
    limit = np.array([RIGHT.get(c, np.nan) for c in spectra.classes])
    true = np.where(np.isfinite(spectra.z), spectra.z, 0.0)
    right = has & ~sky & (metrics.delta_ln_z(z, true) < limit)
    return right, has & (sky | (np.isfinite(limit) & np.isfinite(spectra.z)))


def fit_trust(features: Floats, right: Bools, share: Floats, seed: int = 0) -> Trust:
    """Fit what tells right redshifts from wrong ones (:class:`gasnet3.decide.trust.Trust`).

    Parameters
    ----------
    features : ndarray of float64, shape (rows, 11)
        Of :func:`gasnet3.decide.trust.trust_features`.
    right : ndarray of bool, shape (rows,)
        Which are right.
    share : ndarray of float64, shape (rows,)
        How much each counts.
    seed : int
        Of the first weights.

    Raises
    ------
    ValueError
        If none is wrong, or none is right.
    """
    both(right)
    centre, spread = features.mean(axis=0), features.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    x = np.clip((features - centre) / spread, -REACH, REACH)
    x, wanted, count = (torch.from_numpy(np.asarray(a, np.float64)) for a in (x, right, share))
    shapes = (UNITS, FEATURES), (UNITS,), (UNITS,), (FEATURES,), (1,)
    random = torch.Generator().manual_seed(seed)
    weights = [0.3 * torch.randn(shape, generator=random, dtype=torch.float64) for shape in shapes]
    hidden, constant, of_units, of_features, last = (w.requires_grad_() for w in weights)

    def lost() -> torch.Tensor:
        optimiser.zero_grad()
        score = x @ of_features + torch.tanh(x @ hidden.T + constant) @ of_units + last
        loss = binary_cross_entropy_with_logits(score, wanted, count, reduction="sum")
        for weight in (hidden, of_units, of_features):
            loss = loss + 0.5 * DECAY * (weight**2).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimiser = torch.optim.LBFGS(
        [hidden, constant, of_units, of_features, last], max_iter=500, tolerance_change=1e-9,
        line_search_fn="strong_wolfe",
    )  # fmt: skip
    optimiser.step(lost)  # type: ignore[no-untyped-call]
    units = torch.cat([hidden, constant[:, None]], dim=1)
    out = torch.cat([of_features, of_units, last])
    return Trust(centre, spread, units.detach().numpy(), out.detach().numpy())


def both(right: Bools) -> None:
    """Refuse answers that are all right or all wrong, with ValueError."""
    if right.all() or not right.any():
        raise ValueError("all redshifts are right or all are wrong: nothing to tell them apart by")


def redshift_weight(features: Floats, right: Bools) -> Floats:
    """Weights of the logistic model of right redshifts, the constant last.

    Raises
    ------
    ValueError
        If none is wrong, or none is right.
    """
    both(right)
    return np.asarray(logistic(features, right.astype(np.int64))[0])


def logistic(features: Floats, place: NDArray[np.int64], share: Floats | None = None) -> Floats:
    """Weights of a logistic model on the features as they are, the constant last.

    Each spectrum counts with its ``share``. MissingExtra if scikit-learn is not installed.
    """
    linear_model = needed("sklearn.linear_model", "calibrate", "fitting a confidence")
    mean, spread = features.mean(axis=0), features.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    fit = linear_model.LogisticRegression(C=STRENGTH, max_iter=5000)
    fit.fit((features - mean) / spread, place, sample_weight=share)
    weight = fit.coef_ / spread
    return np.column_stack([weight, fit.intercept_ - weight @ mean])
