"""From statistics to one calibrated score, a kind, and a sentence.

Each statistic is compared with what ordinary spectra of the class have: its score is -log10 of
the share of them that are as strange or stranger. The score of a kind is that of the largest of
its statistics, and that of the spectrum that of its largest kind, each compared again, since the
largest of several is large more often.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gasnet3.anomaly.density import Density
from gasnet3.anomaly.measure import Solution
from gasnet3.anomaly.second import SecondRedshift
from gasnet3.anomaly.sentences import sentence
from gasnet3.anomaly.statistics import Statistics
from gasnet3.catalog.schema import ANOMALY_KINDS
from gasnet3.lattice import LogLattice

Floats = NDArray[np.float64]

KINDS: dict[str, tuple[str, ...]] = {
    "defect": ("step", "dead", "cosmic", "negative", "sky"),
    "incomplete": ("line", "broad", "misfit"),
    "extreme": ("everywhere", "lof", "forest", "domain"),
    "ambiguous": ("closeness",),
    "second": ("comb",),
}
"""Statistics that speak for each kind."""

SHARES = (1.0, 0.5, 0.3, 0.2, 0.1, 0.05, 0.03, 0.02, 0.01)
"""Shares of ordinary spectra at which their statistics are tabulated."""

STRANGE = 2.0
"""Score from which on a spectrum is called strange."""

LARGEST = 20.0
"""Scores beyond it would be made of extrapolation alone."""


@dataclass(frozen=True, eq=False)
class AnomalyFit:
    """What ordinary spectra are like, for one kind of solution.

    Attributes
    ----------
    sky : tuple of (float, float)
        Ranges of strong sky lines and telluric bands, vacuum Å.
    tables : dict of str to dict of str to ndarray
        By class and name: values of a statistic, of a kind ("defect", ...) or of the whole
        ("score") that the ``SHARES`` of ordinary spectra exceed.
    densities : dict of str to Density
        By class; empty for networks without coefficients that are solved for.
    """

    sky: tuple[tuple[float, float], ...]
    tables: dict[str, dict[str, Floats]]
    densities: dict[str, Density]

    def sky_pixels(self, lattice: LogLattice) -> NDArray[np.bool_]:
        """Pixels in the ranges of ``sky``, shape (n,)."""
        wave = lattice.wave
        return np.any([(wave >= low) & (wave <= high) for low, high in self.sky], axis=0)

    def compare(self, name: str, values: Floats, cls: NDArray[np.str_]) -> Floats:
        """Scores of values of a statistic, a kind or the whole; NaN where they are NaN."""
        out = np.full(len(values), np.nan)
        for one, tables in self.tables.items():
            rows = np.flatnonzero((cls == one) & np.isfinite(values))
            if name in tables:
                out[rows] = tail_score(values[rows], tables[name])
        return out


def tail_score(values: Floats, table: Floats) -> Floats:
    """-log10 of the share of ordinary spectra above each value.

    Between the tabulated shares it is interpolated, beyond the last it goes on as an exponential
    tail does: with the slope between a share of 0.1 and the last.

    Parameters
    ----------
    values : ndarray of float64
        Statistics.
    table : ndarray of float64, shape (len(SHARES),)
        Values that the ``SHARES`` exceed, rising.
    """
    level = -np.log10(np.array(SHARES))
    tenth = SHARES.index(0.1)
    fall = max(table[-1] - table[tenth], 1e-6)
    beyond = (level[-1] - level[tenth]) / fall * (values - table[-1])
    inside = np.interp(values, table, level)
    return np.minimum(np.where(values > table[-1], level[-1] + beyond, inside), LARGEST)


def tabulate(values: Floats) -> Floats:
    """Values that the ``SHARES`` of finite ones exceed; where there are none, infinite."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return np.full(len(SHARES), np.inf)
    return np.maximum.accumulate(np.quantile(finite, 1.0 - np.array(SHARES)))


@dataclass(frozen=True, eq=False)
class Strangeness:
    """Columns of the catalog, see there."""

    score: Floats
    kind: NDArray[np.str_]
    reason: NDArray[np.str_]
    wave: Floats
    z_second: Floats
    kinds: dict[str, Floats]

    @classmethod
    def unknown(cls, rows: int) -> Strangeness:
        """Nothing known of any row."""
        nothing, empty = np.full(rows, np.nan), np.full(rows, "")
        return cls(nothing, empty, empty, nothing, nothing, dict.fromkeys(KINDS, nothing))

    @property
    def strange(self) -> NDArray[np.bool_]:
        """Whether each spectrum is called strange, shape (rows,)."""
        return np.asarray(self.score >= STRANGE)

    def columns(self) -> dict[str, NDArray[np.generic]]:
        """By the names of the catalog."""
        return {
            "anomaly_score": self.score,
            "anomaly_kind": self.kind,
            "anomaly_reason": self.reason,
            "anomaly_wave": self.wave,
            "z_second": self.z_second,
            **{f"anomaly_{name}": values for name, values in self.kinds.items()},
        }


def single_scores(
    fit: AnomalyFit, statistics: Statistics, cls: NDArray[np.str_]
) -> dict[str, Floats]:
    """Score of each statistic alone."""
    return {name: fit.compare(name, values, cls) for name, values in statistics.value.items()}


def kind_scores(
    fit: AnomalyFit, single: Mapping[str, Floats], cls: NDArray[np.str_]
) -> dict[str, Floats]:
    """Score of each kind; NaN where none of its statistics is known."""
    return {
        kind: fit.compare(kind, largest([single[name] for name in names]), cls)
        for kind, names in KINDS.items()
    }


def largest(columns: Sequence[Floats]) -> Floats:
    """The largest of several columns, row by row, NaN where all are."""
    return np.fmax.reduce(list(columns))


def judge(
    fit: AnomalyFit, statistics: Statistics, second: SecondRedshift, solution: Solution
) -> Strangeness:
    """Score, kind and sentence of each row."""
    cls = solution.cls
    single = single_scores(fit, statistics, cls)
    kinds = kind_scores(fit, single, cls)
    score = fit.compare("score", largest(list(kinds.values())), cls)
    names = list(KINDS)
    stacked = np.nan_to_num(np.stack([kinds[name] for name in names]), nan=-1.0)
    chosen = np.array(names)[stacked.argmax(axis=0)]
    strange = score >= STRANGE
    kind = np.where(strange, np.array([ANOMALY_KINDS[name] for name in chosen]), "")
    reason, wave = np.full(len(cls), "", dtype=object), np.full(len(cls), np.nan)
    for row in np.flatnonzero(strange):
        which = max(KINDS[chosen[row]], key=lambda name: np.nan_to_num(single[name][row], nan=-1.0))
        wave[row] = statistics.wave[which][row]
        reason[row] = sentence(which, int(row), statistics, second, solution)
    seen = kinds["second"] >= STRANGE
    return Strangeness(
        score, kind, reason.astype(np.str_), wave, np.where(seen, second.z, np.nan), kinds
    )
