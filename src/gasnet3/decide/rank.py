"""From the candidates of all classes to one decided answer (paper, section 3.5, Fig. 4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gasnet3.classes import CLASSES
from gasnet3.machine.typing import Bools, Floats
from gasnet3.solve.arrays import as_numpy
from gasnet3.solve.distinct import DISTINCT, DISTINCT_STAR_KM_S, distinct_pixels
from gasnet3.spectra.lattice import C_KM_S, LN10_STEP, z_from_shift

if TYPE_CHECKING:
    from gasnet3.solve.candidates import Candidates


BAD = 1e30
"""Added to the key of bad fits: they come last."""


@dataclass(frozen=True, eq=False)
class Ranked:
    """Candidates of all classes in one list a spectrum, best first.

    Attributes
    ----------
    classes : tuple of str
        Class of each model tried; the same more than once where several compete in it.
    cls : ndarray of int64, shape (rows, c)
        Index into ``classes``, which tells the model too; meaningless where ``chi2`` is NaN.
    which : ndarray of int64, shape (rows, c)
        Number of the candidate within its class.
    shift, z, z_err, chi2, rchi2 : ndarray of float64, shape (rows, c)
        Shift in pixels, redshift and its error (see :func:`rank`), χ² and χ²/(n_good - dof).
    bad, edge : ndarray of bool, shape (rows, c)
        See :class:`~gasnet3.solve.candidates.Candidates`.
    prior : ndarray of float64, shape (rows, c)
        What a prior adds to χ² in all comparisons; 0 without one.
    unlikeliness : ndarray of float64, shape (rows, c)
        -ln of the weight that the spectrum alone gives each, where that is known, else what they
        are ordered by; inf where there is none.
    weighed : bool
        Whether that is known.
    """

    classes: tuple[str, ...]
    cls: NDArray[np.int64]
    which: NDArray[np.int64]
    shift: Floats
    z: Floats
    z_err: Floats
    chi2: Floats
    rchi2: Floats
    bad: Bools
    edge: Bools
    prior: Floats
    unlikeliness: Floats
    weighed: bool = False

    def put(self, rows: NDArray[np.int64], others: Ranked) -> None:
        """Replace those of some rows by ``others``."""
        for f in fields(self):
            if f.name not in ("classes", "weighed"):
                getattr(self, f.name)[rows] = getattr(others, f.name)

    @property
    def total(self) -> Floats:
        """χ² and what the prior adds to it."""
        return self.chi2 + self.prior


def rank(
    candidates: list[Candidates],
    n_good: NDArray[np.int64],
    probabilities: Floats | None = None,
    errors: Mapping[str, Mapping[str, float]] | None = None,
    log_weights: Sequence[Floats] | None = None,
    log_evidence: Sequence[Floats] | None = None,
) -> Ranked:
    """Order the solutions of all classes: is the fit bad, then how likely it is.

    Where the posterior decides, the best of the most probable class comes first: a class has more
    than its best solution. Where several models compete in a class, solutions of it that are not
    distinct are one solution: that of the model that comes first.

    Parameters
    ----------
    candidates : list of Candidates
        One entry a model.
    n_good : ndarray of int64, shape (rows,)
        Unmasked pixels of each spectrum.
    probabilities : ndarray of float64, shape (rows, 3), optional
        Of ``gasnet3.CLASSES``. A solution then counts with the probability of its class, times
        ``exp(-Δχ²/2)`` of its distance from the best of the class. Without them the least
        reduced χ² decides (eq. 21).
    errors : mapping of str to mapping, optional
        By class, ``scale`` and ``floor`` of the redshift's error: the formal one, times the root
        of the reduced χ² where that is above 1, times the scale, and the floor times 1 + z added
        in quadrature. 1 and 0 where none are given.
    log_weights : sequence of ndarray of float64, shape (rows, k), optional
        ln of the posterior weight of each solution, one entry a class: they decide then, and the
        probabilities, which must be given, say which class comes first.
    log_evidence : sequence of ndarray of float64, shape (rows, k), optional
        The same as the spectrum alone has it, with ``log_weights``.
    """

    def join(name: str) -> NDArray[Any]:
        return np.concatenate([as_numpy(getattr(c, name)) for c in candidates], axis=1)

    rows = len(n_good)
    widths = [c.chi2.shape[1] for c in candidates]
    cls = np.repeat(np.arange(len(candidates)), widths)
    which = np.concatenate([np.arange(width) for width in widths])
    dof = np.repeat([c.dof for c in candidates], widths)
    shift, chi2 = join("shift"), join("chi2")
    bad, edge, prior = join("bad"), join("edge"), join("prior")
    z = z_from_shift(shift)
    rchi2 = chi2 / np.maximum(n_good[:, None] - dof, 1)
    # What the model cannot describe adds to the error as noise of the same size would.
    misfit = np.sqrt(np.maximum(1.0, rchi2))
    known = [(errors or {}).get(c.cls, {}) for c in candidates]
    scale = np.repeat([error.get("scale", 1.0) for error in known], widths)
    floor = np.repeat([error.get("floor", 0.0) for error in known], widths)
    z_err = (1.0 + z) * np.hypot(LN10_STEP * join("sigma") * misfit * scale, floor)
    if log_weights is not None:
        key = np.where(np.isfinite(chi2), -np.concatenate(list(log_weights), axis=1), np.nan)
    elif probabilities is None:
        # Reduced: classes whose models have more parameters must earn them.
        key = rchi2 + prior / np.maximum(n_good[:, None] - dof, 1)
    else:
        key = _unlikeliness(candidates, probabilities, chi2 + prior, rchi2, widths)
    key = np.where(np.isnan(key), np.inf, key) + np.where(bad, BAD, 0.0)
    unlikeliness = key
    if log_evidence is not None:
        unlikeliness = np.where(np.isfinite(chi2), -np.concatenate(list(log_evidence), 1), np.inf)
    if log_weights is not None:
        assert probabilities is not None
        key = _class_first(key, cls, [c.cls for c in candidates], probabilities)
    order = np.argsort(key, axis=1, kind="stable")
    columns = {
        "cls": np.tile(cls, (rows, 1)), "which": np.tile(which, (rows, 1)), "shift": shift,
        "z": z, "z_err": z_err, "chi2": chi2, "rchi2": rchi2, "bad": bad, "edge": edge,
        "prior": prior, "unlikeliness": unlikeliness,
    }  # fmt: skip
    sort = {name: np.take_along_axis(values, order, axis=1) for name, values in columns.items()}
    names = tuple(c.cls for c in candidates)
    if len(set(names)) < len(names):
        sort = _best_of_models(sort, names)
    return Ranked(names, **sort, weighed=log_weights is not None)


def _best_of_models(
    ordered: dict[str, NDArray[Any]], names: tuple[str, ...]
) -> dict[str, NDArray[Any]]:
    """Columns of :class:`Ranked` without what another model of the class has found too."""
    shift = np.where(np.isfinite(ordered["chi2"]), ordered["shift"], np.nan)
    cls = np.array([CLASSES.index(name) for name in names])[ordered["cls"]]
    pixels = np.array([distinct_pixels(name) for name in CLASSES])[cls]
    again = np.zeros(shift.shape, bool)
    for j in range(1, shift.shape[1]):
        near = np.abs(shift[:, :j] - shift[:, [j]]) < pixels[:, [j]]
        again[:, j] = (near & (cls[:, :j] == cls[:, [j]]) & ~again[:, :j]).any(axis=1)
    order = np.argsort(again | np.isnan(shift), axis=1, kind="stable")
    out = {name: np.take_along_axis(values, order, axis=1) for name, values in ordered.items()}
    gone = np.take_along_axis(again, order, axis=1)
    for name in ("shift", "z", "z_err", "chi2", "rchi2", "prior"):
        out[name] = np.where(gone, np.nan, out[name])
    for name in ("bad", "edge"):
        out[name] = out[name] & ~gone
    return out | {"unlikeliness": np.where(gone, np.inf, out["unlikeliness"])}


def _class_first(
    key: Floats, cls: NDArray[np.int64], names: list[str], probabilities: Floats
) -> Floats:
    """The key of the order, the best solution of the most probable class in front."""
    out = key.copy()
    probable = probabilities[:, [CLASSES.index(name) for name in names]]
    most = np.where(np.isnan(probable), -1.0, probable).argmax(axis=1)[:, None]
    mine = np.where(cls == most, key, np.inf)
    first = mine.argmin(axis=1)
    # Not before others where there is none, or a bad one.
    rows = np.flatnonzero(mine.min(axis=1) < BAD)
    out[rows, first[rows]] = -np.inf
    return out


def _unlikeliness(
    candidates: list[Candidates], probabilities: Floats, chi2: Floats, rchi2: Floats,
    widths: list[int],
) -> Floats:  # fmt: skip
    """-ln of what each solution's class and its χ² within the class give it."""
    key = np.full(chi2.shape, np.nan)
    edges = np.concatenate([[0], np.cumsum(widths)])
    for found, first, last in zip(candidates, edges[:-1], edges[1:], strict=True):
        mine = slice(first, last)
        p = probabilities[:, CLASSES.index(found.cls)]
        best = _least(chi2[:, mine])[:, None]
        unit = np.maximum(1.0, _least(rchi2[:, mine]))[:, None]
        # A probability of 0 to rounding must still leave the solutions of a class in order.
        prior = -np.log(np.maximum(p, 1e-300))[:, None]
        key[:, mine] = prior + 0.5 * (chi2[:, mine] - best) / unit
    return key


def other_redshift(ranked: Ranked, nth: int) -> Bools:
    """Which candidates stand for another redshift than the nth, shape (rows, c).

    Another redshift is one more than Δz/(1+z) = 0.01 away; between two stellar solutions,
    100 km/s. The class plays no part: a quasar and a galaxy at one redshift agree in it.
    """
    star = np.array([cls == "STAR" for cls in ranked.classes])[ranked.cls]
    limit = np.where(star & star[:, [nth]], DISTINCT_STAR_KM_S / C_KM_S, np.log1p(DISTINCT))
    return np.asarray(_distance(ranked, nth) > limit)


def delta_chi2(ranked: Ranked, nth: int = 0) -> Floats:
    """χ² of the next solution at another redshift, less that of the nth; NaN without one.

    Where the posterior orders them, the difference of -2 ln of what the spectrum says of each. 0
    where the other has more of it, and lost by what is known of classes.
    """
    return np.maximum(chi2_gap(ranked, nth), 0.0)


def chi2_gap(ranked: Ranked, nth: int = 0) -> Floats:
    """The same with its sign: negative where the next solution fits better."""
    later = other_redshift(ranked, nth) & _after(ranked, nth)
    key = ranked.total
    if ranked.weighed:
        key = 2.0 * np.where(np.isfinite(ranked.chi2), ranked.unlikeliness, np.nan)
    return _least(np.where(later, key, np.nan)) - key[:, nth]


def runner_up(ranked: Ranked, nth: int = 0) -> tuple[NDArray[np.str_], Floats]:
    """Class and redshift of the solution :func:`delta_chi2` is to; '' and NaN without one."""
    later = other_redshift(ranked, nth) & _after(ranked, nth)
    key = ranked.unlikeliness if ranked.weighed else ranked.total
    chi2 = np.where(later & np.isfinite(ranked.chi2), key, np.inf)
    rows, best = np.arange(len(chi2)), chi2.argmin(axis=1)
    has = np.isfinite(chi2[rows, best])
    cls = np.array(ranked.classes)[ranked.cls[rows, best]]
    return np.where(has, cls, ""), np.where(has, ranked.z[rows, best], np.nan)


def robustness(ranked: Ranked, nth: int = 0) -> Floats:
    """R = χ²_2/χ²_1 - 1 (eq. 17) over the minima of all classes, χ²_2 more than 0.01 away.

    Of the solutions of one class it is the R_x of eq. 21.

    NaN where there is no second minimum.
    """
    far = _distance(ranked, nth) > np.log1p(DISTINCT)
    far &= _after(ranked, nth)
    rchi2 = ranked.rchi2 * (ranked.total / ranked.chi2)
    second = _least(np.where(far, rchi2, np.nan))
    return robustness_ratio(rchi2[:, nth], second)


def robustness_ratio(chi2_best: ArrayLike, chi2_second: ArrayLike) -> Floats:
    """Robustness R = χ²_2 / χ²_1 - 1 of a solution (eq. 17).

    Parameters
    ----------
    chi2_best, chi2_second : array_like
        The least minimum of the χ² curve and the second-least distinct one, reduced or not; NaN
        where there is none.

    Returns
    -------
    ndarray of float64
        0 where two redshifts are as good as each other; NaN where there is no second minimum or
        the least one is not positive.
    """
    best, second = np.asarray(chi2_best, np.float64), np.asarray(chi2_second, np.float64)
    return np.asarray(second / np.where(best > 0, best, np.nan) - 1.0)


def class_probabilities(ranked: Ranked) -> Floats:
    """Probability of each class from the χ² of its best solution alone, shape (rows, 3).

    For weights without a fit of :mod:`gasnet3.decide.confidence`. NaN for classes without a model,
    and where there is no solution. ``p_x ∝ exp(-(χ²_x - χ²_min) / 2T)`` with T = max(1, reduced χ²
    of the best): a model that does not describe the spectrum to its noise must not be sure of the
    class because of it.
    """
    classes = list(dict.fromkeys(ranked.classes))
    cls = np.array([classes.index(name) for name in ranked.classes])[ranked.cls]
    best = np.stack(
        [_least(np.where(cls == i, ranked.total, np.nan)) for i in range(len(classes))], axis=1
    )
    lowest = _least(best)[:, None]
    temperature = np.maximum(1.0, ranked.rchi2[:, :1])
    weight = np.exp(-0.5 * (best - lowest) / temperature)
    weight = np.where(np.isnan(best) & ~np.isnan(lowest), 0.0, weight)
    total = weight.sum(axis=1, keepdims=True)
    out = np.full((len(best), len(CLASSES)), np.nan)
    for i, name in enumerate(classes):
        out[:, CLASSES.index(name)] = weight[:, i] / total[:, 0]
    return out


def _distance(ranked: Ranked, nth: int) -> Floats:
    """Distance in ln(1 + z) of all candidates from the nth; NaN where there is none."""
    return np.abs(np.log1p(ranked.z) - np.log1p(ranked.z[:, [nth]]))


def _after(ranked: Ranked, nth: int) -> Bools:
    """Candidates that come after the nth, shape (1, c)."""
    return np.arange(ranked.chi2.shape[1])[None] > nth


def _least(values: Floats) -> Floats:
    """Row minimum ignoring NaN; NaN where there is nothing else."""
    lowest = np.where(np.isnan(values), np.inf, values).min(axis=1, initial=np.inf)
    return np.where(np.isfinite(lowest), lowest, np.nan)
