"""From statistics to one calibrated score, a kind, and a sentence.

Each statistic is compared with what ordinary spectra of the class and S/N have: its score is
-log10 of the share of them that are as strange or stranger. The score of a kind is that of the
largest of its statistics, and that of the spectrum that of its largest kind, each compared again,
since the largest of several is large more often.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gasnet3.anomaly.density import Density
from gasnet3.anomaly.ranking import STRANGE
from gasnet3.anomaly.sentences import sentence
from gasnet3.catalog.schema import ANOMALY_KINDS
from gasnet3.machine.typing import Bools, Floats
from gasnet3.spectra.lattice import LogLattice

if TYPE_CHECKING:
    from gasnet3.anomaly.second import SecondRedshift
    from gasnet3.anomaly.statistics import Statistics
    from gasnet3.solve.solution import Solution

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

SN_KNOTS = (4.0, 12.0, 36.0)
"""Median S/N a pixel about which ordinary spectra are tabulated: models fit worse where it is
high."""

TIE = 1e-9
"""Keeps tabulated values apart."""

FEWEST = 50
"""Fewest spectra of a table."""

LEAST_FALL = 0.3
"""Least growth of a statistic (a logarithm) over which a tenth of ordinary spectra remain."""

TOLD = 1.0
"""Score from which on a spectrum has a sentence."""

EXPLAINED = {"ambiguous": ("defect", "incomplete", "extreme", "second"), "incomplete": ("second",)}
"""Kinds that others explain."""

NEAR = 0.5
"""Share of the score of an explained kind from which on another one explains it."""

STEEPEST = 0.2
"""Least distance in which a tail falls to a tenth, as a share of the range of the table."""

SURE_DEFECT = 3.0
"""Score of a defect from which on lines of a second redshift are residuals of the same defect."""

LARGEST = 20.0
"""Scores beyond it would be made of extrapolation alone."""


@dataclass(frozen=True, eq=False)
class AnomalyFit:
    """What ordinary spectra are like, for one kind of solution.

    Attributes
    ----------
    sky : tuple of (float, float)
        Ranges of strong sky lines and telluric bands, vacuum Å.
    tables : dict of str to dict of str to ndarray, shape (len(SN_KNOTS), len(SHARES))
        By class and name: values of a statistic, of a kind ("defect", ...) or of the whole
        ("score") that the ``SHARES`` of ordinary spectra of about each S/N exceed.
    densities : dict of str to Density
        By class; empty for networks without coefficients that are solved for.
    """

    sky: tuple[tuple[float, float], ...]
    tables: dict[str, dict[str, Floats]]
    densities: dict[str, Density]

    @property
    def digest(self) -> str:
        """Hash of all that a score depends on."""
        found = hashlib.sha256(repr(self.sky).encode())
        fits = {**self.tables, **{f"{c} density": d.arrays() for c, d in self.densities.items()}}
        for fit, arrays in sorted(fits.items()):
            for name, values in sorted(arrays.items()):
                found.update(f"{fit} {name} {values.shape} {values.dtype}".encode())
                found.update(np.ascontiguousarray(values).tobytes())
        return found.hexdigest()

    def sky_pixels(self, lattice: LogLattice) -> Bools:
        """Pixels in the ranges of ``sky``, shape (n,)."""
        wave = lattice.wave
        return np.any([(wave >= low) & (wave <= high) for low, high in self.sky], axis=0)

    def compare(self, name: str, values: Floats, cls: NDArray[np.str_], sn: Floats) -> Floats:
        """Scores of values of a statistic, a kind or the whole; NaN where they are NaN.

        Parameters
        ----------
        name : str
            What they are values of.
        values, cls, sn : ndarray, shape (rows,)
            The values, and the class and median S/N of each spectrum.
        """
        out, weights, finite = np.full(len(values), np.nan), knot_weights(sn), np.isfinite(values)
        for one, tables in self.tables.items():
            if name in tables:
                rows = np.flatnonzero((cls == one) & finite)
                parts = [tail_score(values[rows], table) for table in tables[name]]
                out[rows] = sum(part * weights[rows, i] for i, part in enumerate(parts))
        return out


def knot_weights(sn: Floats) -> Floats:
    """Share of each of the ``SN_KNOTS`` in a spectrum, linear in log S/N, shape (rows, knots)."""
    place = np.interp(
        np.log(np.maximum(np.nan_to_num(sn, nan=SN_KNOTS[0]), SN_KNOTS[0])),
        np.log(SN_KNOTS),
        np.arange(len(SN_KNOTS)),
    )
    return np.maximum(1.0 - np.abs(place[:, None] - np.arange(len(SN_KNOTS))), 0.0)


def tail_score(values: Floats, table: Floats) -> Floats:
    """-log10 of the share of ordinary spectra above each value.

    Between the tabulated shares it is interpolated, beyond the last it goes on as an exponential
    tail does: with the slope between the first share from 0.1 on whose value not all have, and the
    last.

    Parameters
    ----------
    values : ndarray of float64
        Statistics.
    table : ndarray of float64, shape (len(SHARES),)
        Values that the ``SHARES`` exceed, rising.
    """
    values = np.asarray(values, np.float64)
    level, last, fall, apart = _tail(np.ascontiguousarray(table, np.float64).tobytes())
    beyond = (values - last) / fall
    inside = np.interp(values, apart, level)
    return np.minimum(np.where(values > last, level[-1] + beyond, inside), LARGEST)


@lru_cache(maxsize=4096)
def _tail(table: bytes) -> tuple[Floats, float, float, Floats]:
    """What :func:`tail_score` needs of a table, which is the same for every batch.

    The scores of the shares, the last value, the growth over which a tenth remains, and the
    values kept apart.
    """
    values = np.frombuffer(table)
    level = -np.log10(np.array(SHARES))
    # The tail begins above what many ordinary spectra have in common.
    above = np.flatnonzero(values > values[0] + TIE)
    first = min(max(SHARES.index(0.1), int(above[0]) if len(above) else 0), len(values) - 2)
    fall = (values[-1] - values[first]) / (level[-1] - level[first])
    fall = max(fall, STEEPEST * (values[-1] - values[0]), LEAST_FALL)
    # A value that many ordinary spectra have is as strange as all of them together.
    return level, float(values[-1]), float(fall), values + TIE * np.arange(len(values))


def tabulate(values: Floats, sn: Floats) -> Floats | None:
    """Values that the ``SHARES`` of finite ones exceed, about each of the ``SN_KNOTS``.

    None where there are none; a knot with few takes the values of all.
    """
    finite = np.isfinite(values)
    if not finite.any():
        return None
    nearest = knot_weights(sn).argmax(axis=1)
    out = []
    for knot in range(len(SN_KNOTS)):
        near = finite & (nearest == knot)
        chosen = values[near if near.sum() >= FEWEST else finite]
        out.append(np.maximum.accumulate(np.quantile(chosen, 1.0 - np.array(SHARES))))
    return np.array(out)


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
    def strange(self) -> Bools:
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
    fit: AnomalyFit, statistics: Statistics, cls: NDArray[np.str_], sn: Floats
) -> dict[str, Floats]:
    """Score of each statistic alone."""
    return {name: fit.compare(name, values, cls, sn) for name, values in statistics.value.items()}


def kind_scores(
    fit: AnomalyFit, single: Mapping[str, Floats], cls: NDArray[np.str_], sn: Floats
) -> dict[str, Floats]:
    """Score of each kind; NaN where none of its statistics is known."""
    return {
        kind: fit.compare(kind, largest([single[name] for name in names]), cls, sn)
        for kind, names in KINDS.items()
    }


def largest(columns: Sequence[Floats]) -> Floats:
    """The largest of several columns, row by row, NaN where all are."""
    return np.fmax.reduce(list(columns))


def leading(kinds: Mapping[str, Floats]) -> NDArray[np.str_]:
    """The kind with the largest score, but for those that another one explains.

    A spectrum that no model fits has no clear minimum; lines of a second redshift are lines the
    model lacks.
    """
    names = list(KINDS)
    scores = np.nan_to_num(np.stack([kinds[name] for name in names]), nan=-1.0)
    out = scores.copy()
    for explained, by in EXPLAINED.items():
        row = names.index(explained)
        other = scores[[names.index(name) for name in by]].max(axis=0)
        near = (other >= STRANGE) & (other >= NEAR * scores[row])
        out[row] = np.where(near, -1.0, scores[row])
    second, defect = names.index("second"), names.index("defect")
    out[second] = np.where(scores[defect] >= SURE_DEFECT, -1.0, out[second])
    return np.array(names)[out.argmax(axis=0)]


def judge(
    fit: AnomalyFit, statistics: Statistics, second: SecondRedshift, solution: Solution
) -> Strangeness:
    """Score, kind and sentence of each row."""
    cls, sn = solution.cls, solution.sn_median
    single = single_scores(fit, statistics, cls, sn)
    kinds = kind_scores(fit, single, cls, sn)
    score = fit.compare("score", largest(list(kinds.values())), cls, sn)
    chosen = leading(kinds)
    kind = np.where(score >= STRANGE, np.array([ANOMALY_KINDS[name] for name in chosen]), "")
    reason, wave = np.full(len(cls), "", dtype=object), np.full(len(cls), np.nan)
    for row in np.flatnonzero(score >= TOLD):
        which = max(KINDS[chosen[row]], key=lambda name: np.nan_to_num(single[name][row], nan=-1.0))
        wave[row] = statistics.wave[which][row]
        reason[row] = sentence(which, int(row), statistics, second, solution)
    seen = kinds["second"] >= STRANGE
    return Strangeness(
        score, kind, reason.astype(np.str_), wave, np.where(seen, second.z, np.nan), kinds
    )
