"""The posterior over class and redshift: what the solutions and the curves of all classes weigh.

A minimum of a class weighs ``exp(-E/2) · √(2π) σ / N`` (Laplace): E = -2 ln p(F | s, c) there
(:mod:`gasnet3.solve.population`), the mean over several sizes α of the signal; σ the error of the
shift and N the number of shifts, all equally likely beforehand, as the classes are. What lies
between the minima is summed over the curve that proposed them. χ² counts in units of the least
reduced χ² where that is above 1: the noise is then larger than is said, or no model describes the
spectrum. The probability of a class is its share of all weights, that of a redshift the share of
what lies near it, in whatever class.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf, erfc

from gasnet3.classes import CLASSES
from gasnet3.decide.continua import Shapes
from gasnet3.decide.leading import leading
from gasnet3.machine.typing import Bools, Floats
from gasnet3.solve.arrays import as_numpy
from gasnet3.spectra.lattice import LN10_STEP, z_from_shift

if TYPE_CHECKING:
    from gasnet3.decide.continua import Continua
    from gasnet3.solve.candidates import Candidates
    from gasnet3.solve.curves import Curves
    from gasnet3.solve.engine import Engine
    from gasnet3.solve.prepare import Prepared

SIZES = (0.4, 1.0, 3.0, 10.0)
"""Sizes of the signal that are averaged, in units of the size that its S/N suggests."""

RIGHT = {"STAR": 1e-3, "GALAXY": 1.5e-3, "QSO": 1.5e-2}
"""A redshift is right within these |Δ ln(1 + z)|: those of eq. 20, and 300 km/s for stars."""

WINDOW = {"STAR": 3.0, "GALAXY": 8.0, "QSO": 60.0}
"""Pixels about a solution where the curve tells nothing new."""

GRID = 48
"""Redshifts of a curve at which the shape of the continuum is asked about."""

NOTHING = -1e300
"""ln of a weight of nothing."""

FARTHEST = 1e6
"""Largest logarithm of odds."""


@dataclass(frozen=True, eq=False)
class Weights:
    """What everything weighs, as natural logarithms.

    Attributes
    ----------
    classes : tuple of str
        Classes tried, one entry of the following each.
    solutions : list of ndarray of float64, shape (rows, k)
        Of each solution.
    between : list of ndarray of float64, shape (rows,)
        Of the curve between them.
    shape : list of ndarray of float64, shape (rows, k)
        What of ``solutions`` the shape of the continuum says.
    z, sigma : list of ndarray of float64, shape (rows, k)
        Redshift of each solution, and its formal error in ln(1 + z).
    height : list of ndarray of float64, shape (rows, k)
        ln of how much more likely the spectrum is at each solution than without features.
    distance : list of ndarray of float64, shape (rows, k)
        Squared distance of its coefficients from the population, divided by their number.
    temperature, structure : ndarray of float64, shape (rows,)
        Unit of χ², and how much more the residuals vary over long stretches than over short ones.
    alone : ndarray of float64, shape (rows,)
        Share of what the best solution explains that lies in one place: 1 for a single line.
    shape_between : list of ndarray of float64, shape (rows,)
        What of ``between`` the shape of the continuum says.
    bare : Weights or None
        As the evidence has them, before the probabilities of classes were set.
    shifts : list of ndarray of float64, shape (points,)
        Shifts of the curve of each class, in pixels; none without one.
    along : list of ndarray of float32, shape (rows, points)
        Share of ``between`` at each of them.
    """

    classes: tuple[str, ...]
    solutions: list[Floats]
    between: list[Floats]
    shape: list[Floats]
    z: list[Floats]
    sigma: list[Floats]
    height: list[Floats]
    distance: list[Floats]
    temperature: Floats
    structure: Floats
    alone: Floats
    shape_between: list[Floats]
    bare: Weights | None = None
    shifts: list[Floats] = field(default_factory=list)
    along: list[NDArray[np.float32]] = field(default_factory=list)

    def put(self, rows: NDArray[np.int64], others: Weights) -> None:
        """Replace those of some rows by ``others``."""
        for f in fields(self):
            mine, theirs = getattr(self, f.name), getattr(others, f.name)
            if f.name == "bare" and mine is not None:
                mine.put(rows, theirs)
            elif f.name not in ("classes", "shifts", "bare"):
                both = (
                    [(mine, theirs)]
                    if isinstance(mine, np.ndarray)
                    else zip(mine, theirs, strict=True)
                )
                for values, new in both:
                    values[rows] = new

    @property
    def evidence(self) -> Floats:
        """ln p(F | c), shape (rows, 3) of ``CLASSES``; -inf for classes not tried or without any.

        Of a model without features it would be 0.
        """
        out = np.full((len(self.temperature), len(CLASSES)), -np.inf)
        for cls, each, rest in zip(self.classes, self.solutions, self.between, strict=True):
            total = np.logaddexp(_log_sum(each), rest)
            out[:, CLASSES.index(cls)] = np.where(total > NOTHING, total, -np.inf)
        return out

    @property
    def probabilities(self) -> Floats:
        """Share of each class, shape (rows, 3); NaN for classes not tried, or without any."""
        evidence = self.evidence
        total = np.logaddexp.reduce(evidence, axis=1)
        share = np.exp(evidence - np.where(np.isfinite(total), total, 0.0)[:, None])
        share[~np.isfinite(total)] = np.nan
        share[:, [cls not in self.classes for cls in CLASSES]] = np.nan
        return np.asarray(share)

    def of_classes(self, probabilities: Floats) -> Weights:
        """The same with given probabilities of the classes, shape (rows, 3)."""
        evidence = self.evidence
        with np.errstate(divide="ignore", invalid="ignore"):
            more = np.log(probabilities) - evidence
        more = np.nan_to_num(more, nan=0.0, posinf=0.0, neginf=NOTHING)
        solutions, between = [], []
        for index, cls in enumerate(self.classes):
            added = more[:, CLASSES.index(cls)]
            solutions.append(np.maximum(self.solutions[index] + added[:, None], NOTHING))
            between.append(np.maximum(self.between[index] + added, NOTHING))
        return replace(self, solutions=solutions, between=between, bare=self)

    def of_solution(self, name: str, cls: NDArray[np.int64], which: NDArray[np.int64]) -> Floats:
        """An attribute of one solution a row, shape (rows,).

        Parameters
        ----------
        name : str
            "height", "distance", ...
        cls, which : ndarray of int64, shape (rows,)
            Place of its class in ``classes``, and its number there.
        """
        return np.asarray(np.stack(getattr(self, name), axis=1)[np.arange(len(cls)), cls, which])

    def odds(self, z: Floats, cls: NDArray[np.str_], *, shaped: bool = True) -> Floats:
        """ln of what lies near redshifts over all else, as the evidence has it, shape (rows,).

        Parameters
        ----------
        z : ndarray of float64, shape (rows,)
            The redshifts.
        cls : ndarray of str, shape (rows,)
            Their classes, whose :data:`RIGHT` tells what is near.
        shaped : bool
            Whether the shape of the continuum counts.
        """
        of = self.bare or self
        limit = np.array([RIGHT.get(c, 0.0) for c in cls])[:, None]
        inside, outside = np.full((2, len(z)), NOTHING)
        for index, (weight, rest) in enumerate(zip(of.solutions, of.between, strict=True)):
            if not shaped:
                weight = np.where(weight > NOTHING, weight - of.shape[index], NOTHING)
                rest = np.where(rest > NOTHING, rest - of.shape_between[index], NOTHING)
            distance = np.abs(np.log1p(of.z[index]) - np.log1p(z)[:, None])
            # Of a broad minimum only a part lies so near.
            width = limit / (np.sqrt(2.0) * np.maximum(of.sigma[index], 1e-12))
            with np.errstate(divide="ignore", invalid="ignore"):
                close = np.where(distance < limit, weight + np.log(erf(width)), NOTHING)
                far = np.where(distance < limit, weight + np.log(erfc(width)), weight)
            inside = np.logaddexp(inside, _log_sum(np.nan_to_num(close, nan=NOTHING)))
            far = np.maximum(np.nan_to_num(far, nan=NOTHING), NOTHING)
            outside = np.logaddexp(outside, np.logaddexp(_log_sum(far), rest))
        return np.clip(inside - outside, -FARTHEST, FARTHEST)


def weigh(
    engines: Sequence[Engine],
    prepared: Sequence[Prepared],
    candidates: Sequence[Candidates],
    curves: Mapping[str, Curves],
    n_good: NDArray[np.int64],
    continua: Mapping[str, Continua],
    calibrated: Bools,
) -> Weights:
    """Weigh the solutions of a batch.

    Parameters
    ----------
    engines, prepared, candidates
        One entry a class.
    curves : mapping of str to Curves
        -2 ln p(F | s, c) of each class, as scanned.
    n_good : ndarray, shape (rows,)
        Unmasked pixels.
    continua : mapping of str to Continua
        Populations of continua by class; none: their shape says nothing.
    calibrated : ndarray of bool, shape (rows,)
        Whether the shape of a row's continuum may say something.
    """
    temperature, structure, alone = leading(prepared, candidates, n_good)
    # Most classes share one preparation.
    seen = {id(one): (Shapes.of(one, calibrated), _constant(one)) for one in prepared}
    heights: list[Floats] = []
    distances: list[Floats] = []
    solutions, between, shape, shape_between, redshifts, sigmas = [], [], [], [], [], []
    shifts: list[Floats] = []
    along: list[NDArray[np.float32]] = []
    for engine, spectra, found in zip(engines, prepared, candidates, strict=True):
        shift, sigma = as_numpy(found.shift), as_numpy(found.sigma)
        error = sigma * np.sqrt(temperature)[:, None]
        z = np.asarray(z_from_shift(shift))
        shapes, constant = seen[id(spectra)]
        height, plain = _at_solutions(engine, spectra, found, temperature, constant)
        each = height + np.log(
            np.sqrt(2.0 * np.pi) * np.clip(error, 0.02, 50.0) / len(engine.card.shifts)
        )
        each = np.where(np.isfinite(each) & ~as_numpy(found.bad), each, NOTHING)
        said, said_along = _said(continua.get(engine.cls), shapes, z, curves.get(engine.key))
        rest, without = np.full((2, len(shift)), NOTHING)
        share = np.zeros((len(shift), 0), np.float32)
        if engine.key in curves:
            rest, without, share = _between(
                engine, curves[engine.key], found, constant, temperature, height, plain,
                said_along,
            )  # fmt: skip
        solutions.append(each + said)
        between.append(rest)
        along.append(share)
        shifts.append(as_numpy(curves[engine.key].shift) if share.size else np.zeros(0))
        shape.append(said)
        shape_between.append(rest - without)
        heights.append(np.nan_to_num(height))
        distances.append(_distances(engine, found))
        redshifts.append(z)
        sigmas.append(LN10_STEP * error)
    names = tuple(engine.cls for engine in engines)
    return Weights(
        names, solutions, between, shape, redshifts, sigmas, heights, distances, temperature,
        structure, alone, shape_between, shifts=shifts, along=along,
    )  # fmt: skip


def _distances(engine: Engine, found: Candidates) -> Floats:
    """Squared distances of coefficients from their population, over their number."""
    from gasnet3.decide.domain import population_distance

    population = engine.card.population
    each = [
        as_numpy(population_distance(population, found.coeff[:, k], found.covariance[:, k]))
        for k in range(found.coeff.shape[1])
    ]
    return np.nan_to_num(np.stack(each, axis=1) / found.coeff.shape[2], nan=1.0)


def _constant(prepared: Prepared) -> Floats:
    """χ² of a model without features, shape (rows,)."""
    flux, ivar = as_numpy(prepared.flux), as_numpy(prepared.ivar)
    flux = flux.astype(np.float64)
    constant = (flux**2 * ivar).sum(axis=1)
    if prepared.arms is not None:
        level = as_numpy(prepared.arms.level)
        constant = constant - ((level * (flux * ivar)[:, None]).sum(axis=2) ** 2).sum(axis=1)
    return np.asarray(constant)


def _at_solutions(
    engine: Engine, prepared: Prepared, found: Candidates, temperature: Floats, constant: Floats
) -> tuple[Floats, Floats]:
    """-E/2 of each solution, against a model without features, with what a prior adds.

    And E as the curves have it: of one size of the signal, and with 1 as the unit of χ².
    ``constant`` is χ² of the model without features.
    """
    assert engine.population is not None
    chi2, bound, prior = (as_numpy(getattr(found, n)) for n in ("chi2", "bound", "prior"))
    size = as_numpy(prepared.size)
    omega, covariance = as_numpy(found.coeff), as_numpy(found.covariance)
    exists = np.isfinite(chi2) & np.isfinite(covariance).all(axis=(2, 3))
    out, plain = np.full((2, *chi2.shape), np.nan)
    rows = np.nonzero(exists)[0]
    inverse = np.linalg.inv(engine.population.root)
    # In units of the population, along the axes of the covariance: everything is diagonal there.
    narrow = inverse @ covariance[exists] @ inverse.T
    variance, axes = np.linalg.eigh(narrow)
    variance = np.maximum(variance, 1e-300)
    along = np.einsum("fij,fi->fj", axes, np.einsum("ij,fj->fi", inverse, omega[exists]))
    alpha = size[rows, None]
    measured = np.maximum(1.0 / variance - 1.0 / alpha, 0.0)
    right = along / variance
    least = chi2[exists] + bound[exists]
    free = least + (along * right).sum(axis=1) - constant[rows]
    parts = []
    for factor in SIZES:
        bind = 1.0 / (alpha * factor)
        gain = (right**2 / (measured + bind)).sum(axis=1)
        volume = np.log1p(measured / bind).sum(axis=1)
        parts.append(-0.5 * ((free - gain) / temperature[rows] + volume))
    out[exists] = np.logaddexp.reduce(parts, axis=0) - np.log(len(SIZES)) - 0.5 * prior[exists]
    volume = np.log1p(measured * alpha).sum(axis=1)
    plain[exists] = least - constant[rows] + volume + prior[exists]
    return out, plain


def _between(
    engine: Engine, curves: Curves, found: Candidates, constant: Floats, temperature: Floats,
    height: Floats, plain: Floats, said: Floats,
) -> tuple[Floats, Floats, NDArray[np.float32]]:  # fmt: skip
    """ln of what a curve weighs, away from the solutions, with and without what the shape of the
    continuum says; and the share of each of its points.

    ``height`` and ``plain`` are what :func:`_at_solutions` gave: the curve is hung up at the best.
    ``said`` is what the shape of the continuum adds to it.
    """
    shift, curve = as_numpy(curves.shift), as_numpy(curves.chi2).astype(np.float64)
    best = np.where(np.isfinite(height), height, -np.inf).argmax(axis=1)[:, None]
    top, level = (np.take_along_axis(values, best, axis=1) for values in (height, plain))
    # The volumes in it have no temperature; they hardly change along a curve.
    with np.errstate(invalid="ignore"):  # a prior may rule out both
        weight = top - 0.5 * (curve - constant[:, None] - level) / temperature[:, None]
    for place in as_numpy(found.shift).T:
        weight[np.abs(shift - place[:, None]) <= WINDOW[engine.cls]] = NOTHING
    step = float(shift[1] - shift[0]) if len(shift) > 1 else 1.0
    weight = np.where(np.isfinite(weight), weight, NOTHING)
    without = _log_sum(weight)
    weight = np.where(weight > NOTHING, weight + said, NOTHING)
    top = weight.max(axis=1)
    each = np.exp(weight - top[:, None])
    whole = each.sum(axis=1)
    share = (each / whole[:, None]).astype(np.float32)
    width = np.log(step / len(engine.card.shifts))
    total, without = (
        np.where(top > NOTHING, each + width, NOTHING) for each in (np.log(whole) + top, without)
    )
    return total, without, share


def _said(
    continua: Continua | None, shapes: Shapes, z: Floats, curves: Curves | None
) -> tuple[Floats, Floats]:
    """ln p(shape | z) of solutions, shape (rows, k), and along a curve, (rows, points) or (1, 1).

    The latter from a few redshifts.
    """
    if continua is None:
        return np.zeros_like(z), np.zeros((1, 1))
    points = 0 if curves is None else len(curves.shift)
    few = np.linspace(0, points - 1, min(GRID, points)).round().astype(np.int64)
    asked = z if curves is None else np.hstack([z, np.tile(curves.z[few], (len(z), 1))])
    each = continua.log_likelihood(shapes, asked)
    nearest = np.abs(np.arange(points)[:, None] - few).argmin(axis=1) if points else few
    return each[:, : z.shape[1]], each[:, z.shape[1] :][:, nearest]


def _log_sum(values: Floats) -> Floats:
    """ln of the sum of exponentials over the last axis."""
    top = values.max(axis=-1, initial=NOTHING)
    return np.log(np.exp(values - top[..., None]).sum(axis=-1)) + top
