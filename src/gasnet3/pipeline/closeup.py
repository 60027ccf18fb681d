"""One spectrum with its solutions and χ² curves, to look at."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from gasnet3.io.saved_curves import least_by_class
from gasnet3.machine.typing import Floats
from gasnet3.pipeline.columns import chosen_fit, solution_columns
from gasnet3.pipeline.outcome import Outcome
from gasnet3.solve.arrays import as_numpy, wide
from gasnet3.solve.curves import Curves
from gasnet3.solve.engine import Engine
from gasnet3.solve.prepare import prepare
from gasnet3.solve.refine import fit_at
from gasnet3.solve.search import stepped
from gasnet3.spectra.batch import Spectra
from gasnet3.spectra.lattice import shift_from_z


@dataclass(frozen=True, eq=False)
class Solution:
    """One class and redshift, with what it looks like.

    Attributes
    ----------
    cls, subclass : str
        Class, and finer class where it is sure.
    z, z_err, chi2, rchi2, delta_chi2, probability : float
        As in the catalog; ``probability`` is that of the class.
    zwarn : int
        Warning bits.
    model : ndarray of float64, shape (n,)
        Whole model, in the input's flux units.
    p_z : float
        As in the catalog; NaN where it is not known.
    """

    cls: str
    subclass: str
    z: float
    z_err: float
    chi2: float
    rchi2: float
    delta_chi2: float
    probability: float
    zwarn: int
    model: Floats
    p_z: float = math.nan


@dataclass(frozen=True, eq=False)
class Closeup:
    """One spectrum with its solution, to look at (paper, Fig. 6).

    Attributes
    ----------
    id : str
        Identifier.
    wave : ndarray of float64, shape (n,)
        Observed wavelengths, vacuum Å.
    flux, ivar, continuum, model : ndarray of float64, shape (n,)
        Spectrum, subtracted continuum and whole model, in the input's flux units; the last two
        NaN where there is no solution.
    cls : str
        Chosen class, '' where there is none.
    z, z_err, rchi2 : float
        The solution.
    zwarn, notes : int
        Warning bits, and those of the notes.
    curves : dict of str to (z, chi2)
        Reduced χ² curve of each class, or of -2 ln p over the degrees of freedom; two arrays.
    best_z : dict of str to float
        Best redshift of each class.
    solutions : tuple of Solution
        The best solutions over class and redshift, best first; empty where there is none.
    p_z : dict of str to (z, p)
        The posterior by class: at each point of a curve the probability of what is nearest to
        it, two arrays (:func:`gasnet3.decide.redshifts.on_curves`); none without a posterior.
    z_lo, z_hi : float
        As in the catalog.
    bound : bool
        Whether the curves are of -2 ln p, of coefficients bound by their population.
    """

    id: str
    wave: Floats
    flux: Floats
    ivar: Floats
    continuum: Floats
    model: Floats
    cls: str
    z: float
    z_err: float
    rchi2: float
    zwarn: int
    notes: int
    curves: dict[str, tuple[Floats, Floats]]
    best_z: dict[str, float]
    solutions: tuple[Solution, ...] = ()
    p_z: dict[str, tuple[Floats, Floats]] = field(default_factory=dict)
    z_lo: float = math.nan
    z_hi: float = math.nan
    bound: bool = False


def closeup_of(outcome: Outcome, curves: Sequence[Curves], n_best: int) -> Closeup:
    """What is to be seen of a batch of one spectrum, with a curve of each engine.

    It is solved with at least ``n_best`` solutions a class, as many as are kept.
    """
    one = outcome.spectra
    table = solution_columns(outcome, 0)
    n_good = int(one.n_independent[0])
    solutions = [_solution(outcome, nth) for nth in range(n_best)]
    fit = chosen_fit(outcome, 0)
    total, model = as_numpy(fit.total)[0], as_numpy(fit.model)[0]
    norm = float(outcome.prepared[outcome.ranked.cls[0, 0]].norm[0])
    solved = bool(table["class"][0])
    nothing = np.full(one.lattice.n, np.nan)
    return Closeup(
        id=str(one.ids[0]),
        wave=one.lattice.wave,
        flux=one.flux[0].astype(np.float64),
        ivar=one.ivar[0].astype(np.float64),
        continuum=norm * (total - model) if solved else nothing,
        model=norm * total if solved else nothing,
        cls=str(table["class"][0]),
        z=float(table["z"][0]),
        z_err=float(table["z_err"][0]),
        rchi2=float(table["rchi2"][0]),
        zwarn=int(table["zwarn"][0]),
        notes=int(table["notes"][0]),
        curves=_reduced(outcome.engines, curves, n_good),
        best_z={cls: _best_z(outcome, cls) for cls in outcome.ranked.classes},
        solutions=tuple(solution for solution in solutions if solution is not None),
        p_z={cls: (outcome.scanned[cls].z, share[0]) for cls, share in outcome.p_z.items()},
        z_lo=float(table["z_lo"][0]),
        z_hi=float(table["z_hi"][0]),
        bound=outcome.exact and all(engine.population for engine in outcome.engines),
    )


def _reduced(
    engines: Sequence[Engine], curves: Sequence[Curves], n_good: int
) -> dict[str, tuple[Floats, Floats]]:
    """Reduced curves by class: the least of all models that compete in it."""
    each = {
        engine.key: (found.z, as_numpy(wide(found.chi2[:1])) / max(n_good - engine.dof, 1))
        for engine, found in zip(engines, curves, strict=True)
    }
    return {cls: (z, chi2[0]) for cls, (z, chi2) in least_by_class(each).items()}


def _best_z(outcome: Outcome, cls: str) -> float:
    """Redshift of the best solution of a class; NaN where there is none."""
    mine = np.flatnonzero(np.array(outcome.ranked.classes)[outcome.ranked.cls[0]] == cls)
    return float(outcome.ranked.z[0, mine[0]]) if len(mine) else math.nan


def _solution(outcome: Outcome, nth: int) -> Solution | None:
    """The nth solution, or None."""
    if nth >= outcome.ranked.chi2.shape[1]:
        return None
    table = solution_columns(outcome, nth)
    cls = str(table["class"][0])
    if not cls:
        return None
    norm = float(outcome.prepared[outcome.ranked.cls[0, nth]].norm[0])
    numbers = ("z", "z_err", "chi2", "rchi2", "delta_chi2", "p_z")
    return Solution(
        cls=cls,
        subclass=str(table["subclass"][0]),
        probability=float(table[f"p_{cls.lower()}"][0]),
        zwarn=int(table["zwarn"][0]),
        model=norm * as_numpy(chosen_fit(outcome, nth).total)[0],
        **{name: float(table[name][0]) for name in numbers},
    )


def model_at(engine: Engine, spectrum: Spectra, z: float) -> tuple[Floats, float]:
    """The best model of a class at a given redshift.

    Parameters
    ----------
    engine : Engine
        Of the class; its network has eigenspectra.
    spectrum : Spectra
        A batch of one.
    z : float
        Redshift; beyond the range of the class the nearest end of it.

    Returns
    -------
    tuple of (ndarray of float64, shape (n,)) and float
        Whole model in the input's flux units, and its reduced χ²; NaN where the spectrum cannot
        be fitted.

    Raises
    ------
    ModelError
        If the network has no eigenspectra.
    """
    with torch.inference_mode():
        prepared = prepare(spectrum, engine.model.card.degree, engine.eigenspectra.device)
        rows = torch.zeros(1, dtype=torch.int64, device=prepared.flux.device)
        shift = torch.as_tensor(np.atleast_1d(shift_from_z(z)), device=prepared.flux.device)
        fits = fit_at(
            engine.templates, prepared.flux, prepared.ivar, rows, shift, arms=prepared.arms
        )
        source = stepped(engine.templates, prepared)
        model = source.models(rows, fits.shift, fits.coeff, fits.continuum)
        whole = prepared.in_flux_units(model)[0].cpu().numpy()
    dof = max(int(spectrum.n_independent[0]) - engine.dof, 1)
    return whole, float(fits.chi2[0]) / dof
