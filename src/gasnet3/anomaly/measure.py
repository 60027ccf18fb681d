"""Everything that is measured of a solved batch to tell how strange it is."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gasnet3.anomaly.density import Density
from gasnet3.anomaly.second import SecondRedshift, find_second
from gasnet3.anomaly.statistics import Statistics, pixel_statistics
from gasnet3.kernels.library import compiled
from gasnet3.machine.typing import Bools, Floats
from gasnet3.solve.arrays import Array, as_numpy
from gasnet3.solve.batching import on_gpu
from gasnet3.solve.coefficients import unit_coefficients
from gasnet3.solve.solution import Solution
from gasnet3.spectra.coverage import good_span, whole_span
from gasnet3.spectra.lattice import LogLattice

TOGETHER = 32
"""Rows whose pixels are looked at together where no loops in C do it: they stay in the cache."""

CLEAR_SN = 6.0
"""Median S/N a pixel below which an ambiguous redshift is what one expects."""

MODEL_SN = 60.0
"""Median S/N a pixel above which models, and not noise, limit what Δχ² in units of χ² can be."""

FOREST_SCALE = 10.0
"""Isolation scores differ little: in these units their logarithms vary as other statistics do."""

OF_THE_WHOLE = ("sky", "closeness", "lof", "forest", "domain")
"""Statistics that are larger where less is covered: fewer sky lines, fewer lines to tell redshifts
apart, coefficients that hang on a part of the spectrum. They are compared with others only where
the whole is covered (:func:`gasnet3.spectra.coverage.whole_span`)."""

SOFT = 1e-3
"""Added to the ratio of Δχ² to what the S/N promises, so that its logarithm stays finite."""


def measure(
    solution: Solution,
    sky: Bools,
    densities: Mapping[str, Density],
) -> tuple[Statistics, SecondRedshift]:
    """All statistics of a batch, and its second redshifts.

    Parameters
    ----------
    solution : Solution
        What was decided.
    sky : ndarray of bool, shape (n,)
        Pixels of strong sky lines and telluric bands.
    densities : mapping of str to Density
        By class.
    """
    rows, residual, lattice = len(solution.z), solution.residual, solution.lattice
    once = on_gpu(residual.flux) or compiled(residual.flux)
    together = rows if once else TOGETHER
    parts = []
    for start in range(0, rows, together):
        cut = slice(start, start + together)
        part = residual[cut]
        # NumPy would tell of every pixel without data, which torch does not.
        with np.errstate(divide="ignore", invalid="ignore"):
            statistics, narrow = pixel_statistics(part, sky, lattice)
            second = find_second(narrow, solution.z[cut], solution.cls[cut], lattice)
        parts.append((statistics, second))
    statistics, second = _joined([s for s, _ in parts]), _seconds([s for _, s in parts])
    statistics.add("comb", second.evidence, second.wave)
    statistics.add(
        "closeness",
        ambiguity(solution.z, solution.sn_median, solution.rchi2, solution.delta_chi2),
    )
    for name, values in _loneliness(solution, densities).items():
        statistics.add(name, values)
    partial = ~_covers_all(residual.ivar, lattice)
    for name in OF_THE_WHOLE:
        statistics.value[name] = np.where(partial, np.nan, statistics.value[name])
    return statistics, second


def _covers_all(ivar: Array, lattice: LogLattice) -> Bools:
    """Which rows have data over as much as ordinary spectra have, shape (rows,)."""
    first, last = good_span(as_numpy(ivar > 0))
    return np.asarray(last - first >= whole_span(lattice))


def _joined(parts: list[Statistics]) -> Statistics:
    def join(name: str) -> dict[str, Floats]:
        columns = [getattr(part, name) for part in parts]
        return {key: np.concatenate([c[key] for c in columns]) for key in columns[0]}

    return Statistics(join("value"), join("wave"), join("extra"))


def _seconds(parts: list[SecondRedshift]) -> SecondRedshift:
    return SecondRedshift(
        evidence=np.concatenate([part.evidence for part in parts]),
        z=np.concatenate([part.z for part in parts]),
        wave=np.concatenate([part.wave for part in parts]),
        absorption=np.concatenate([part.absorption for part in parts]),
        names=[name for part in parts for name in part.names],
    )


def ambiguity(z: Floats, sn: Floats, rchi2: Floats, delta_chi2: Floats) -> Floats:
    """How much closer another redshift is than at this S/N it is for ordinary spectra.

    Δχ² grows with the square of the S/N, so R near 0 at a low one is no anomaly (paper, Sec. 5.4);
    at a high one χ² grows with it, as no model is exact. All of shape (rows,); NaN where the S/N
    is below :data:`CLEAR_SN` or there is no redshift.
    """
    clear = np.isfinite(z) & (sn >= CLEAR_SN)
    expected = np.maximum(rchi2, 1.0) * np.clip(sn, CLEAR_SN, MODEL_SN) ** 2
    ratio = np.maximum(delta_chi2, 0.0) / expected
    with np.errstate(invalid="ignore"):
        return np.where(clear, -np.log(ratio + SOFT), np.nan)


def _loneliness(solution: Solution, densities: Mapping[str, Density]) -> dict[str, Floats]:
    """What the coefficients say: distance, outlier factor, isolation."""
    nothing = np.full(len(solution.z), np.nan)
    out = {"lof": nothing, "forest": nothing.copy(), "domain": np.log(solution.domain + 1e-3)}
    for cls, density in densities.items():
        rows = np.flatnonzero(solution.cls == cls)
        m = len(density.mean)
        if len(rows) and solution.coeff.shape[1] >= m:
            coeff, covariance = solution.coeff[rows, :m], solution.covariance[rows, :m, :m]
            places = density.place(*unit_coefficients(coeff, covariance))
            out["lof"][rows] = np.log(density.outlier_factor(places))
            out["forest"][rows] = np.log(density.isolation(places)) * FOREST_SCALE
    return out
