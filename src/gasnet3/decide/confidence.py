"""How sure an answer is: calibrated probabilities of the class and of the redshift.

The least χ² alone is a poor judge of the class. A quasar network has the freedom to describe a
galaxy a little better than the galaxy network does, with coefficients that no quasar has; and
where the noise is underestimated, a difference of χ² of hundreds means nothing. So the class is
decided by a logistic model of a few numbers that tell the classes apart: differences of χ² of
their best solutions, the ratios of these χ², and how far their coefficients are from those of
the class's training population. A second one says how likely the redshift is right. Both are
fitted once on real spectra with known answers (``recipes/calibrate.py``) and belong to the
weights they were fitted with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gasnet3.classes import CLASSES
from gasnet3.decide.continua import Continua
from gasnet3.decide.features import NEAR_POPULATION, SN_RANGE, linear
from gasnet3.decide.trust import Trust
from gasnet3.machine.files import json_contents
from gasnet3.machine.typing import Floats
from gasnet3.solve.arrays import as_numpy

if TYPE_CHECKING:
    from gasnet3.solve.candidates import Candidates
    from gasnet3.solve.engine import Engine
    from gasnet3.spectra.batch import Spectra

DIRECTORY = Path(__file__).resolve().parents[1] / "models" / "confidence"
"""The fits of the shipped weights."""

PAIRS = ((0, 1), (0, 2), (1, 2))
"""Pairs of classes compared, as places in ``gasnet3.CLASSES``."""

SOFT_CHI2 = 10.0
"""Differences of χ² (in units of the reduced χ²) beyond which only their logarithm counts."""

WORST_RATIO = 5.0
"""Largest ln(χ²_x/χ²_y) told apart; also what a class without a solution gets."""

WORST_CHI2 = 1e7
"""Likewise of the differences of χ²."""

MANY_NATS = 100.0
"""Unit of the Occam factors, about what they are."""

BRIGHT_SN = 8.0
"""Median S/N a pixel from which models are worse than the noise."""

BEATEN = 1.5
"""A class whose reduced χ² is more than so many times the least is not that of a bright spectrum,
whatever else is said for it."""

SOFT_EVIDENCE = 5.0
"""Differences of ln p beyond which only their logarithm counts, of bright spectra."""

UNFORESEEN = 0.01
"""Probability that something else has happened, of which all classes have their share."""

NO_OTHER = 1e4
"""Stands for the χ² difference to another redshift where there is none."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """What the best solutions of the three classes say of a batch.

    Attributes
    ----------
    n_good : ndarray of int64, shape (rows,)
        Unmasked pixels.
    rchi2 : ndarray of float64, shape (rows, 3)
        Reduced χ² of the best solution of each of ``gasnet3.CLASSES``; NaN where there is none.
    distance : ndarray of float64, shape (rows, 3)
        Squared Mahalanobis distance of its coefficients from the training population, divided
        by their number; NaN where it is not known.
    volume : ndarray of float64, shape (rows, 3)
        Occam factor of the class (:func:`gasnet3.decide.domain.population_volume`); NaN likewise.
    sn : ndarray of float64, shape (rows,)
        Median S/N a pixel.
    exact : bool
        Whether coefficients are solved for; ``distance`` and ``volume`` are NaN where not.
    """

    n_good: NDArray[np.int64]
    rchi2: Floats
    distance: Floats
    volume: Floats
    sn: Floats
    exact: bool

    @classmethod
    def of(
        cls, spectra: Spectra, engines: Sequence[Engine], candidates: Sequence[Candidates],
        *, exact: bool,
    ) -> Evidence:  # fmt: skip
        """The evidence in the best candidates of each class.

        Parameters
        ----------
        spectra : Spectra
            The batch.
        engines, candidates : sequence of Engine and of Candidates
            One of each a class.
        exact : bool
            Whether the coefficients are solved for: only such can be compared.
        """
        n_good, rchi2 = spectra.n_independent, np.full((len(spectra), len(CLASSES)), np.nan)
        distance, volume = rchi2.copy(), rchi2.copy()
        for engine, found in zip(engines, candidates, strict=True):
            at = CLASSES.index(found.cls)
            rchi2[:, at] = as_numpy(found.chi2[:, 0])
            rchi2[:, at] /= np.maximum(n_good - found.dof, 1)
            if exact:
                import torch

                from gasnet3.decide.domain import population_distance, population_volume

                population, measured = engine.model.card.population, found.covariance[:, 0]
                squared = population_distance(population, found.coeff[:, 0], measured)
                distance[:, at] = squared.cpu().numpy() / max(found.coeff.shape[2], 1)
                misfit = torch.from_numpy(np.maximum(1.0, rchi2[:, at])).to(measured.device)
                volume[:, at] = population_volume(population, measured, misfit).cpu().numpy()
        return cls(n_good, rchi2, distance, volume, spectra.sn_median, exact)

    def features(self) -> Floats:
        """Numbers that tell the classes apart, shape (rows, 13); (rows, 7) without distances."""
        rchi2 = np.where(np.isnan(self.rchi2), np.inf, self.rchi2)
        lowest = rchi2.min(axis=1, keepdims=True)
        lowest = np.where(np.isfinite(lowest) & (lowest > 0), lowest, 1.0)
        ratio = np.minimum(np.log(np.maximum(rchi2 / lowest, 1.0)), WORST_RATIO)
        # In units of the least reduced χ² where that is above 1: a model that does not describe
        # the spectrum to its noise must not be sure of the class because of it.
        excess = np.maximum(rchi2 - lowest, 0.0) / np.maximum(1.0, lowest)
        # No pixel at all is as bad as can be: infinity times 0 would be no number.
        chi2 = np.minimum(excess * np.maximum(self.n_good, 1)[:, None], WORST_CHI2)
        columns = []
        for i, j in PAIRS:
            columns += [
                np.arcsinh((chi2[:, i] - chi2[:, j]) / SOFT_CHI2),
                10.0 * (ratio[:, i] - ratio[:, j]),
            ]
        columns.append(np.log(np.clip(np.nan_to_num(self.sn), *SN_RANGE)))
        if self.exact:
            known = np.where(np.isnan(self.distance), 1.0, self.distance)
            columns += list(np.log(known + NEAR_POPULATION).T)
            columns += list(np.nan_to_num(self.volume).T / MANY_NATS)
        return np.stack(columns, axis=1)


def redshift_features(
    delta_chi2: Floats, rchi2: Floats, sn: Floats, p_class: Floats, cls: NDArray[np.str_]
) -> Floats:
    """Numbers that tell a right redshift from a wrong one, shape (rows, 6).

    Parameters
    ----------
    delta_chi2 : ndarray of float64, shape (rows,)
        χ² to the next solution at another redshift (:func:`gasnet3.decide.rank.chi2_gap`); NaN
        where there is none.
    rchi2, sn, p_class : ndarray of float64, shape (rows,)
        Reduced χ², median S/N a pixel, probability of the chosen class.
    cls : ndarray of str, shape (rows,)
        The chosen class.
    """
    gap = np.where(np.isnan(delta_chi2), NO_OTHER, delta_chi2) / np.maximum(1.0, rchi2)
    odds = np.clip(p_class, 1e-4, 1 - 1e-4)
    return np.stack(
        [
            np.arcsinh(gap / SOFT_CHI2),
            np.log(np.clip(np.nan_to_num(sn), *SN_RANGE)),
            np.log(np.clip(np.nan_to_num(rchi2, nan=1.0), 0.1, 100.0)),
            np.log(odds / (1 - odds)),
            (cls == "STAR").astype(np.float64),
            (cls == "QSO").astype(np.float64),
        ],
        axis=1,
    )


@dataclass(frozen=True, eq=False)
class Confidence:
    """Fitted logistic models of one set of weights and one kind of solution.

    Attributes
    ----------
    class_weight : ndarray, shape (3, features + 1)
        Of the softmax over ``gasnet3.CLASSES``; the last column is the constant.
    z_weight : ndarray, shape (features + 1,)
        Of the redshift's logistic.
    """

    class_weight: Floats
    z_weight: Floats

    def classes(self, evidence: Evidence) -> Floats:
        """Probability of each class, shape (rows, 3); 0 where it has no solution, NaN for none."""
        score = linear(evidence.features(), self.class_weight.T)
        has = np.isfinite(evidence.rchi2)
        score = np.where(has, score, -np.inf)
        top = score.max(axis=1, keepdims=True)
        weight = np.where(has, np.exp(score - np.where(np.isfinite(top), top, 0.0)), 0.0)
        total = weight.sum(axis=1, keepdims=True)
        return np.where(total > 0, weight / np.where(total > 0, total, 1.0), np.nan)

    def redshift(self, features: Floats) -> Floats:
        """Probability that the redshift is right, from :func:`redshift_features`."""
        score = linear(features, self.z_weight)
        return np.asarray(1.0 / (1.0 + np.exp(-score)))


@dataclass(frozen=True, eq=False)
class PosteriorFit:
    """What makes the posterior of exact solutions honest, fitted for one set of weights.

    The evidence decides the class, but for spectra so bright that no model describes them to
    their noise: there a logistic model does, of the evidence and of the features of
    :meth:`Evidence.features`.

    Attributes
    ----------
    continua : dict of str to Continua
        Populations of continua, by class.
    bright_weight : ndarray, shape (3, 3 + features + 1)
        Of the softmax over ``gasnet3.CLASSES`` of bright spectra; the last column is the constant.
    trust : Trust
        Of redshifts.
    """

    continua: dict[str, Continua]
    bright_weight: Floats
    trust: Trust

    def classes(self, log_evidence: Floats, evidence: Evidence) -> Floats:
        """Probability of each class, shape (rows, 3); 0 without a solution, NaN without any.

        Parameters
        ----------
        log_evidence : ndarray of float64, shape (rows, 3)
            See :attr:`gasnet3.decide.posterior.Weights.evidence`.
        evidence : Evidence
            Of the best solutions.
        """
        faint = _softmax(log_evidence)
        if len(self.bright_weight):
            score = linear(self.bright_features(log_evidence, evidence), self.bright_weight.T)
            lowest = np.fmin.reduce(evidence.rchi2, axis=1)[:, None]
            beaten = ~(evidence.rchi2 <= BEATEN * lowest)
            bright = _softmax(np.where(np.isfinite(log_evidence) & ~beaten, score, -np.inf))
            share = bright_share(evidence.sn)[:, None]
            share = np.where(np.isfinite(bright).all(axis=1, keepdims=True), share, 0.0)
            faint = (1.0 - share) * faint + share * np.nan_to_num(bright)
        has = np.isfinite(log_evidence)
        spread = np.where(has, 1.0 / np.maximum(has.sum(axis=1, keepdims=True), 1), 0.0)
        return (1.0 - UNFORESEEN) * faint + UNFORESEEN * spread

    @staticmethod
    def bright_features(log_evidence: Floats, evidence: Evidence) -> Floats:
        """Numbers that tell classes of bright spectra apart, shape (rows, 3 + features)."""
        known = np.where(np.isfinite(log_evidence), log_evidence, -WORST_CHI2)
        pairs = [np.arcsinh((known[:, i] - known[:, j]) / SOFT_EVIDENCE) for i, j in PAIRS]
        return np.column_stack([*pairs, evidence.features()])


def bright_share(sn: Floats) -> Floats:
    """How far spectra are bright: 0 at low S/N, 1 at high, a half at :data:`BRIGHT_SN`."""
    return np.asarray(1.0 / (1.0 + (BRIGHT_SN / np.clip(np.nan_to_num(sn), *SN_RANGE)) ** 2))


def _softmax(score: Floats) -> Floats:
    """Shares of exponentials, shape (rows, 3); NaN where all are -inf."""
    top = score.max(axis=1, keepdims=True)
    weight = np.exp(score - np.where(np.isfinite(top), top, 0.0))
    total = weight.sum(axis=1, keepdims=True)
    return np.where(total > 0, weight / np.where(total > 0, total, 1.0), np.nan)


def solution_kind(solver: str) -> str:
    """What a solver's solutions are calibrated as: "exact" (the hybrid's too) or "amortised"."""
    return "amortised" if solver == "amortised" else "exact"


def hashes_of(content: Mapping[str, Any], kind: str) -> dict[str, str] | None:
    """Hashes of the weights that a kind of solution was fitted to, in a file of fits, or None."""
    if kind not in content["solvers"]:
        return None
    trunk = content["solvers"][kind].get("trunk")
    models: dict[str, str] = content["models"]
    return models | {"trunk": trunk} if trunk else models


def find_confidence(
    hashes: Mapping[str, str], solver: str, directories: Sequence[Path] = (DIRECTORY,)
) -> Confidence | PosteriorFit | None:
    """The fit that belongs to a set of weights, or None.

    Parameters
    ----------
    hashes : mapping of str to str
        sha256 of the weights of each class, and of a "trunk" that gives their coefficients.
    solver : str
        Name of the solver, see :func:`solution_kind`.
    directories : sequence of Path
        Where fits are looked for, in files ``*.json``.
    """
    if not set(CLASSES) <= set(hashes):
        return None
    kind = solution_kind(solver)
    for content in json_contents(directories):
        if hashes_of(content, kind) == dict(hashes):
            fit = content["solvers"][kind]
            if "continua" in fit:
                found = {cls: Continua.from_json(one) for cls, one in fit["continua"].items()}
                trust = Trust.from_json(fit["redshift"])
                return PosteriorFit(found, np.array(fit["bright"]), trust)
            return Confidence(np.array(fit["class"]), np.array(fit["redshift"]))
    return None
