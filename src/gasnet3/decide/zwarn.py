"""What sets each bit of zwarn and notes: a small function a question, thresholds at the top."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from gasnet3.flags import Notes, ZWarn
from gasnet3.machine.typing import Bools, Floats
from gasnet3.solve.arrays import as_numpy, wide
from gasnet3.solve.residual import MODEL_ERROR
from gasnet3.solve.solution import Solution
from gasnet3.spectra.coverage import MIN_COVERAGE_DEX, MIN_GOOD, good_span
from gasnet3.spectra.lattice import C_KM_S, STEP
from gasnet3.spectra.lines import LINES

MIN_SN = 0.5
"""Least median S/N a pixel of good data where no probability of the redshift is known: below it a
sky residual passes for a spectrum."""

MIN_DELTA_CHI2 = 9.0
"""Least χ² difference to another redshift, in units of max(1, reduced χ²) (redrock's 9)."""

MIN_PROBABILITY = 0.9
"""Least probability of the chosen class."""

MIN_REDSHIFT_PROBABILITY = 0.9
"""Least probability that the redshift is right."""

OUTLIER_SIGMA, MAX_OUTLIERS = 5.0, 0.05
"""A pixel is an outlier beyond so many σ; at most this fraction may be (SDSS)."""

MAX_RCHI2 = 2.0
"""χ²_T of Fig. 4: 2, plus what a model error of 10 % of the flux adds at the spectrum's S/N."""

MIN_TRAINING = 1e-3
"""Least share of the training redshifts in the bin of the solution (an even share is 1/60)."""

QSO_LINES = ("C IV", "C III]", "Mg II", "Hβ", "Hα")
"""Lines checked for negative emission (SDSS's choice)."""

QSO_LINE_SIGMA = 2000.0 / C_KM_S
"""Gaussian width of the check, in ln(wavelength)."""


def warn(
    solution: Solution, before: NDArray[np.int64], strange: Bools
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Warnings about the redshifts of decided solutions, and notes on all else.

    Parameters
    ----------
    solution : Solution
        The solutions.
    before : ndarray of int64, shape (rows,)
        Warnings the reader set (SKY, UNPLUGGED, BAD_TARGET, NODATA, POORDATA).
    strange : ndarray of bool, shape (rows,)
        Whether ``anomaly_score`` says so; where there is none, whether :func:`misfit` does.

    Returns
    -------
    zwarn, notes : ndarray of int64, shape (rows,)
    """
    has = np.isfinite(solution.z)
    n_good = solution.good.sum(axis=1)
    # Where p_z is known it has weighed Δχ² already.
    known, close = np.isfinite(solution.p_z), has & small_delta_chi2(solution)
    warnings: dict[ZWarn, Bools] = {
        ZWarn.NODATA: n_good < MIN_GOOD,
        ZWarn.BAD_MINFIT: (n_good > 0) & (solution.bad | ~has),
        ZWarn.LITTLE_COVERAGE: n_good * STEP < MIN_COVERAGE_DEX,
        ZWarn.SMALL_DELTA_CHI2: close & ~known,
        ZWarn.Z_FITLIMIT: has & solution.edge,
        ZWarn.POORDATA: poor_data(solution.good) | ((solution.sn_median < MIN_SN) & ~known),
        ZWarn.Z_UNCERTAIN: has & (solution.p_z < MIN_REDSHIFT_PROBABILITY),
    }
    notes: dict[Notes, Bools] = {
        Notes.ANOMALY: has & strange,
        Notes.CLASS_AMBIGUOUS: has & ~(solution.probability >= MIN_PROBABILITY),
        Notes.OUT_OF_DOMAIN: has & (solution.domain > 1.0),
        Notes.SPARSE_TRAINING: has & sparse_training(solution),
        Notes.SMALL_DELTA_CHI2: close & known,
        Notes.NEGATIVE_MODEL: has & negative_model(solution),
        Notes.NEGATIVE_EMISSION: has & (solution.cls == "QSO") & negative_emission(solution),
        Notes.MANY_OUTLIERS: has & many_outliers(solution),
    }
    return before | _bits(warnings), _bits(notes)


def _bits(answers: Mapping[ZWarn, Bools] | Mapping[Notes, Bools]) -> NDArray[np.int64]:
    """The flags that are set in each row."""
    out = np.zeros(len(next(iter(answers.values()))), np.int64)
    for flag, answer in answers.items():
        out[answer] |= int(flag)
    return out


def small_delta_chi2(solution: Solution) -> Bools:
    """Whether another redshift fits almost as well; not where there is no other minimum."""
    limit = MIN_DELTA_CHI2 * np.maximum(1.0, solution.rchi2)
    return np.asarray(solution.delta_chi2 < limit)


def negative_model(solution: Solution) -> Bools:
    """Whether the weighted mean of the whole model is below 0 by more than 3 σ."""
    # NaN where there is no model, which is less than nothing.
    fit = solution.residual
    mean = wide(fit.ivar * fit.total).sum(1)
    limit = -3.0 * wide(fit.ivar).sum(1) ** 0.5
    return as_numpy(mean < limit)


def many_outliers(solution: Solution) -> Bools:
    """Whether more than 5 % of the good pixels are over 5 σ from the model."""
    fit = solution.residual
    pull = abs(fit.flux - fit.model) * fit.ivar**0.5
    n_good = (fit.ivar > 0).sum(1)
    return as_numpy((pull > OUTLIER_SIGMA).sum(1) > MAX_OUTLIERS * n_good)


def poor_data(good: Bools) -> Bools:
    """Whether more than half of the pixels between the first and the last good one are masked."""
    n_good = good.sum(axis=1)
    first, last = good_span(good)
    return np.asarray((n_good > 0) & (n_good < 0.5 * (last - first + 1)))


def negative_emission(solution: Solution) -> Bools:
    """Whether a quasar line is negative: area + 3 σ < 0, above a local constant."""
    out = np.zeros(len(solution.z), bool)
    quasars = np.flatnonzero((solution.cls == "QSO") & np.isfinite(solution.z))
    fit = solution.residual
    flux, ivar = (as_numpy(array[quasars.tolist()]) for array in (fit.flux, fit.ivar))
    lnlam = solution.lattice.loglam * np.log(10.0)
    waves = {line.name: line.wave for line in LINES if line.broad}
    for name in QSO_LINES:
        centre = np.log(waves[name] * (1.0 + solution.z[quasars]))
        out[quasars] |= _negative_area(centre, flux, ivar, lnlam)
    return out


def _negative_area(centre: Floats, flux: Floats, ivar: Floats, lnlam: Floats) -> Bools:
    """Whether the area of a Gaussian at each row's centre, in ln(Å), is negative by 3 σ.

    Its area and a constant are fitted to 6 σ of the Gaussian on either side; where fewer than 20
    pixels within 2 σ have data the answer is no.
    """
    reach = 6.0 * QSO_LINE_SIGMA
    first, stop = np.searchsorted(lnlam, np.stack([centre - reach, centre + reach]))
    # A run of pixels a row, all of one length: the lattice is even.
    pixel = first[:, None] + np.arange(int((stop - first).max(initial=0)))
    near = np.minimum(pixel, len(lnlam) - 1)
    x = (lnlam[near] - centre[:, None]) / QSO_LINE_SIGMA
    weight = np.take_along_axis(ivar, near, axis=1).astype(np.float64)
    weight[pixel >= stop[:, None]] = 0.0
    data = np.take_along_axis(flux, near, axis=1)
    shape = np.exp(-0.5 * x**2)
    w, ws, wss, wd, wsd = (
        part.sum(axis=1)
        for part in (
            weight, weight * shape, weight * shape**2, weight * data, weight * shape * data,
        )
    )  # fmt: skip
    determinant = wss * w - ws**2
    known = (((weight > 0) & (np.abs(x) < 2.0)).sum(axis=1) >= 20) & (determinant > 0)
    scale = np.where(known, determinant, 1.0)
    return np.asarray(known & ((w * wsd - ws * wd) / scale + 3.0 * np.sqrt(w / scale) < 0))


def sparse_training(solution: Solution) -> Bools:
    """Whether few training spectra had redshifts near the solution's."""
    out = np.zeros(len(solution.z), bool)
    for cls, population in solution.populations.items():
        rows = (solution.cls == cls) & np.isfinite(solution.z)
        if not rows.any() or "z_count" not in population:
            continue
        edges, count = np.asarray(population["z_edges"]), np.asarray(population["z_count"])
        above = np.searchsorted(edges, solution.z[rows], side="right")
        bins = np.clip(above - 1, 0, len(count) - 1)
        out[rows] = count[bins] < MIN_TRAINING * count.sum()
    return out


def misfit(solution: Solution) -> Floats:
    """Least reduced χ² over all classes, in units of its limit χ²_T (paper, Fig. 4).

    The limit is 2 plus what a model error of 10 % of the flux adds at the spectrum's S/N:
    every model is wrong at S/N 100, and that is no anomaly.
    """
    lowest = np.where(np.isnan(solution.rchi2_classes), np.inf, solution.rchi2_classes).min(axis=1)
    sn = np.where(np.isfinite(solution.sn_median), np.abs(solution.sn_median), 0.0)
    score = lowest / (MAX_RCHI2 + (MODEL_ERROR * sn) ** 2)
    return np.where(np.isfinite(score), score, np.nan)
