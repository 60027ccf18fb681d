"""From solved spectra to the columns of the catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gasnet3.anomaly.score import Strangeness, judge
from gasnet3.classes import CLASSES
from gasnet3.decide.confidence import PosteriorFit, redshift_features
from gasnet3.decide.rank import (
    Ranked,
    chi2_gap,
    delta_chi2,
    rank,
    robustness,
    runner_up,
)
from gasnet3.decide.redshifts import interval
from gasnet3.decide.trust import trust_features
from gasnet3.decide.zwarn import misfit, warn
from gasnet3.machine.typing import Floats
from gasnet3.pipeline.outcome import Outcome
from gasnet3.solve.arrays import Array, as_numpy, copied, like
from gasnet3.solve.residual import Residual
from gasnet3.solve.solution import Solution
from gasnet3.spectra.batch import Spectra
from gasnet3.spectra.coverage import good_span

if TYPE_CHECKING:
    from gasnet3.solve.candidates import Candidates
    from gasnet3.solve.prepare import Prepared

Columns = dict[str, NDArray[Any]]


def catalog_columns(outcome: Outcome, n_best: int) -> Columns:
    """Columns of the ``n_best`` solutions of each spectrum, those of one spectrum in a run."""
    common = _common_columns(outcome)
    parts = [solution_columns(outcome, nth, common) for nth in range(n_best)]
    rows = len(outcome.spectra) * n_best
    return {
        name: np.stack([p[name] for p in parts], axis=1).reshape(rows, *parts[0][name].shape[1:])
        for name in parts[0]
    }


def _common_columns(outcome: Outcome) -> Columns:
    """What all solutions of a spectrum share."""
    spectra = outcome.spectra
    return {
        "id": spectra.ids,
        **{f"p_{c.lower()}": outcome.probabilities[:, i] for i, c in enumerate(CLASSES)},
        **_evidence(outcome),
        "sn_median": spectra.sn_median,
        "n_good": spectra.n_good,
        **_wave_range(spectra),
        **_class_columns(outcome),
    }


def _evidence(outcome: Outcome) -> Columns:
    """ln of how likely the spectrum is as each class; NaN where that is not known."""
    evidence = np.full((len(outcome.spectra), len(CLASSES)), np.nan)
    if outcome.weights is not None:
        evidence = (outcome.weights.bare or outcome.weights).evidence
    evidence = np.where(np.isfinite(evidence), evidence, np.nan)
    return {f"log_evidence_{c.lower()}": evidence[:, i] for i, c in enumerate(CLASSES)}


def _wave_range(spectra: Spectra) -> Columns:
    """First and last good wavelength of each row, Å; NaN where there is none."""
    good = spectra.ivar > 0
    wave, any_good = spectra.lattice.wave, good.any(axis=1)
    first, last = good_span(good)
    return {
        "wave_min": np.where(any_good, wave[first], np.nan),
        "wave_max": np.where(any_good, wave[last], np.nan),
    }


def _class_columns(outcome: Outcome) -> Columns:
    """The best solution of each class (eq. 21); NaN for classes without a model."""
    nothing = np.full(len(outcome.spectra), np.nan)
    out: Columns = {}
    for cls in CLASSES:
        columns = {"chi2": nothing, "z": nothing, "robustness": nothing}
        if of_class := [found for found in outcome.candidates if found.cls == cls]:
            best = rank(of_class, outcome.n_independent)
            columns = {
                "chi2": best.chi2[:, 0],
                "z": best.z[:, 0],
                "robustness": robustness(best, 0),
            }
        out |= {f"{name}_{cls.lower()}": column for name, column in columns.items()}
    return out


def solution_columns(outcome: Outcome, nth: int, common: Columns | None = None) -> Columns:
    """All columns of the nth solution of each spectrum; only the best is judged strange or not."""
    columns, solution = solutions(outcome, nth, common)
    fit = outcome.fitted.anomaly
    if nth > 0 or fit is None:
        found, strange = Strangeness.unknown(len(outcome.spectra)), misfit(solution) > 1.0
    else:
        from gasnet3.anomaly.measure import measure

        statistics, second = measure(solution, fit.sky_pixels(solution.lattice), fit.densities)
        found = judge(fit, statistics, second, solution)
        strange = found.strange
    zwarn, notes = warn(solution, outcome.spectra.zwarn, strange)
    return columns | found.columns() | {"zwarn": zwarn, "notes": notes}


def solutions(
    outcome: Outcome, nth: int, common: Columns | None = None
) -> tuple[Columns, Solution]:
    """The nth solution of each spectrum: as columns, and as warnings and scores look at it."""
    common = common or _common_columns(outcome)
    spectra, ranked = outcome.spectra, outcome.ranked
    has, index = np.isfinite(ranked.chi2[:, nth]), ranked.cls[:, nth]
    dof = np.array([found.dof for found in outcome.candidates])[index]
    names = np.array([engine.card.name for engine in outcome.engines])
    coeff, covariance, domain = _coefficients(outcome, nth)
    # Models may differ in m: the padding has no part in the amplitude.
    known = np.isfinite(coeff)
    size = np.sqrt((np.where(known, coeff, 0.0) ** 2).sum(axis=1))
    size = np.where(known.any(axis=1), size, np.nan)
    columns = common | {
        "class": np.where(has, np.array(ranked.classes)[index], ""),
        "subclass": _subclasses(outcome, nth),
        "z": np.where(has, ranked.z[:, nth], np.nan),
        "z_err": np.where(has, ranked.z_err[:, nth], np.nan),
        "chi2": ranked.chi2[:, nth],
        "dof": np.where(has, outcome.n_independent - dof, 0),
        "rchi2": ranked.rchi2[:, nth],
        "delta_chi2": delta_chi2(ranked, nth),
        "robustness": robustness(ranked, nth),
        "znum": np.full(len(spectra), nth),
        "coeff": coeff / np.where(size > 0, size, 1.0)[:, None],
        "amplitude": size,
        "model": np.where(has, names[index], ""),
    }
    columns["z_lo"], columns["z_hi"] = _interval(outcome, nth, columns)
    columns["p_z"] = _redshift_probability(outcome, nth, columns)
    return columns, _solution(outcome, nth, columns, coeff, covariance, domain)


def _solution(
    outcome: Outcome, nth: int, columns: Columns, coeff: Floats, covariance: Floats, domain: Floats
) -> Solution:
    ranked, n_good = outcome.ranked, outcome.n_independent
    next_cls, next_z = runner_up(ranked, nth)
    reduced = [
        as_numpy(found.chi2[:, 0]) / np.maximum(n_good - found.dof, 1)
        for found in outcome.candidates
    ]
    same = ("z", "rchi2", "delta_chi2", "sn_median", "p_z")
    return Solution(
        **{name: columns[name] for name in same},
        residual=chosen_fit(outcome, nth),
        good=outcome.spectra.ivar > 0,
        cls=columns["class"],
        probability=_class_probability(columns),
        next_cls=next_cls,
        next_z=next_z,
        edge=ranked.edge[:, nth],
        bad=ranked.bad[:, nth],
        domain=domain,
        rchi2_classes=np.stack(reduced, axis=1),
        coeff=coeff,
        covariance=covariance * np.maximum(columns["rchi2"], 1.0)[:, None, None],
        lattice=outcome.spectra.lattice,
        populations={engine.cls: engine.card.population for engine in outcome.engines},
    )


def _coefficients(outcome: Outcome, nth: int) -> tuple[Floats, ...]:
    """Coefficients with amplitude, NaN-padded to the widest model, covariance, domain distance.

    The latter two are NaN where the coefficients were not solved for.
    """
    ranked, rows = outcome.ranked, len(outcome.spectra)
    width = max(1, *(found.coeff.shape[2] for found in outcome.candidates))
    coeff, domain = np.full((rows, width), np.nan), np.full(rows, np.nan)
    covariance = np.full((rows, width, width), np.nan)
    both = zip(outcome.engines, outcome.candidates, strict=True)
    for index, (engine, found) in enumerate(both):
        chosen, row, which = _rows_of(ranked, nth, index, found)
        omega, measured = found.coeff[row, which], found.covariance[row, which]
        coeff[chosen, : omega.shape[1]] = as_numpy(omega)
        m, population = omega.shape[1], engine.card.population
        if outcome.exact:
            covariance[chosen, :m, :m] = as_numpy(measured)
        if outcome.exact and "mean" in population and len(chosen):
            from gasnet3.decide.domain import population_distance

            distance = population_distance(population, omega, measured) / population["limit"]
            domain[chosen] = as_numpy(distance)
    return coeff, covariance, domain


def _subclasses(outcome: Outcome, nth: int) -> NDArray[np.str_]:
    """Subclass of the nth solutions; '' where it is not known, or not sure."""
    out = np.full(len(outcome.spectra), "", dtype="U16")
    for index, found in enumerate(outcome.candidates):
        if named := outcome.engines[index].card.subclass:
            out[_rows_of(outcome.ranked, nth, index, found)[0]] = named
        elif found.cls in outcome.fitted.subclasses:
            chosen, row, which = _rows_of(outcome.ranked, nth, index, found)
            excess = np.maximum(outcome.ranked.rchi2[chosen, nth], 1.0)[:, None, None]
            coeff = as_numpy(found.coeff[row, which])
            covariance = as_numpy(found.covariance[row, which]) * excess
            out[chosen] = outcome.fitted.subclasses[found.cls].predict(coeff, covariance)[0]
    return out


def _rows_of(
    ranked: Ranked, nth: int, index: int, found: Candidates
) -> tuple[NDArray[np.int64], Any, Any]:
    """Rows whose nth solution is of a class, the same to index with, and which candidate it is."""
    chosen = np.flatnonzero((ranked.cls[:, nth] == index) & np.isfinite(ranked.chi2[:, nth]))
    which = like(found.chi2, ranked.which[chosen, nth])
    return chosen, like(found.chi2, chosen), which


def _class_probability(columns: Columns) -> Floats:
    """Probability of the class of each row."""
    out = np.full(len(columns["class"]), np.nan)
    for cls in CLASSES:
        out = np.where(columns["class"] == cls, columns[f"p_{cls.lower()}"], out)
    return out


def _interval(outcome: Outcome, nth: int, columns: Columns) -> tuple[Floats, Floats]:
    """Ends of the interval of redshift: of the whole posterior, or of the solution alone."""
    if nth == 0 and outcome.weights is not None:
        return interval(outcome.weights, outcome.ranked)
    return columns["z"] - columns["z_err"], columns["z"] + columns["z_err"]


def _redshift_probability(outcome: Outcome, nth: int, columns: Columns) -> Floats:
    """Probability that a solution's redshift is right; NaN where that is not known.

    Without a posterior it is known of the best solution only.
    """
    fit, has = outcome.fitted.confidence, np.isfinite(columns["z"])
    if isinstance(fit, PosteriorFit):
        assert outcome.weights is not None
        ranked, z = outcome.ranked, np.where(has, columns["z"], 0.0)
        features = trust_features(
            z, columns["rchi2"], columns["sn_median"], outcome.weights, ranked.cls[:, nth],
            ranked.which[:, nth],
        )  # fmt: skip
        return np.where(has, fit.trust.probability(features), np.nan)
    if nth > 0 or fit is None:
        return np.full(len(outcome.spectra), np.nan)
    features = redshift_features(
        chi2_gap(outcome.ranked), columns["rchi2"], columns["sn_median"],
        _class_probability(columns), columns["class"],
    )  # fmt: skip
    return np.where(has, fit.redshift(features), np.nan)


def chosen_fit(outcome: Outcome, nth: int) -> Residual:
    """Prepared flux and ivar of the nth solution, as its model's continuum degree makes them.

    With its model, and the model with the continuum put back, all in units of the row's norm;
    the latter two are NaN where there is no solution. All stay on the device.
    """
    first = outcome.prepared[0]
    flux, ivar, continuum = first.flux, first.ivar, _relative_continuum(first)
    model = continuum * np.nan
    both = zip(outcome.prepared, outcome.candidates, strict=True)
    for index, (prepared, found) in enumerate(both):
        _, row, which = _rows_of(outcome.ranked, nth, index, found)
        model[row] = found.models(row, which)
        if prepared is not first:
            flux = _with_rows(flux, row, prepared.flux)
            ivar = _with_rows(ivar, row, prepared.ivar)
            continuum = _with_rows(continuum, row, _relative_continuum(prepared))
    return Residual(flux, ivar, model, model + continuum)


def _with_rows(values: Array, rows: Array, others: Array) -> Array:
    """A copy with some rows of another tensor or array."""
    out = copied(values)
    out[rows] = others[rows]
    return out


def _relative_continuum(prepared: Prepared) -> Array:
    """The subtracted continuum in units of the norm, float64, shape (rows, n)."""
    return prepared.evaluate_continuum() / prepared.norm[:, None]
