"""Numbers that tell strange spectra from ordinary ones, a batch at a time.

Each is larger for stranger spectra, NaN where it cannot be told, and means nothing by itself:
:mod:`gasnet3.anomaly.score` compares it with what ordinary spectra have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from gasnet3.kernels import pixels as kernel
from gasnet3.kernels.library import compiled
from gasnet3.machine.typing import Bools, Floats
from gasnet3.solve.arrays import (
    Array,
    as_numpy,
    clipped,
    contiguous,
    copied,
    inverse_root,
    largest,
    like,
    lower_median,
    namespace,
    narrow,
    picked,
    wide,
    widened,
)
from gasnet3.solve.residual import (
    CLIP,
    MODEL_ERROR,
    MOST_OF,
    NARROW,
    NOISE_BLOCK,
    PIXEL_ERROR,
    WIDE_ERROR,
    Residual,
    running,
    window,
)
from gasnet3.spectra.coverage import good_span
from gasnet3.spectra.lattice import LogLattice

WIDE = (101, 301)
"""Widths, in pixels, of features broader than lines."""

JOINS = ((5600.0, 6400.0), (7400.0, 7750.0))
"""Where the arms of SDSS, LAMOST and DESI spectrographs meet, vacuum Å."""

STEP_REACH = 60
"""Pixels on each side of a join whose levels are compared."""

DEAD_WIDTH, DEAD_REACH = 41, 201
"""Pixels over which a spectrum without noise is dead, and about them that must have data."""

SURROUNDINGS = 61
"""Pixels about a narrow line whose mean is not part of it."""

NEGATIVE_WIDTH, NEGATIVE_SIGMA = 101, 5.0
"""Pixels over which the flux should not be negative, and from how many σ on it counts."""

LARGEST_PULL = 30.0
"""Pulls beyond it count as this much in means."""

FEWEST = 20
"""Fewest pixels for a mean."""


@dataclass(frozen=True, eq=False)
class Statistics:
    """Statistics of a batch, and where in the spectrum each was found.

    Attributes
    ----------
    value, wave : dict of str to ndarray of float64, shape (rows,)
        By name: the statistic, and the observed vacuum wavelength in Å it belongs to (NaN where
        it belongs to none).
    extra : dict of str to ndarray of float64, shape (rows,)
        What the sentences quote: the share of flux of a step, the sign of a feature.
    """

    value: dict[str, Floats]
    wave: dict[str, Floats]
    extra: dict[str, Floats]

    def add(self, name: str, value: Floats, wave: Floats | None = None) -> None:
        """Put in a statistic that no pixel was looked at for."""
        self.value[name] = np.asarray(value, np.float64)
        self.extra[name] = self.value[name]
        self.wave[name] = np.full(len(value), np.nan) if wave is None else wave


def pixel_statistics(
    residual: Residual, sky: Bools, lattice: LogLattice
) -> tuple[Statistics, Array]:
    """Statistics of the pixels: defects, features, and how well the model fits anywhere.

    Parameters
    ----------
    residual : Residual
        Data less reconstruction.
    sky : ndarray of bool, shape (n,)
        Pixels of strong sky lines and telluric bands.
    lattice : LogLattice
        Observed lattice.

    Returns
    -------
    statistics : Statistics
    narrow : Tensor or ndarray of float32, shape (rows, n)
        Significance of narrow lines above their surroundings, in units of what it scatters by;
        0 in the sky.
    """
    found = _found_in_c if compiled(residual.flux) else _found
    names, value, place, quoted, narrow = found(residual, sky, lattice)
    value = [np.log(np.maximum(column, LEAST_VALUE.get(name, 0.0)))
             for name, column in zip(names, value, strict=True)]  # fmt: skip
    wave = [np.where(column >= 0, lattice.wave[column], np.nan) for column in place]
    by_name = (dict(zip(names, columns, strict=True)) for columns in (value, wave, quoted))
    return Statistics(*by_name), narrow


LEAST_VALUE = {
    "step": 0.1, "cosmic": 1.0, "negative": 1.0, "line": 1.0, "broad": 1.0,
    "misfit": 1e-3, "everywhere": 1e-3,
}  # fmt: skip
"""What is lower counts as this: logarithms of it would tell nothing."""


def _found_in_c(residual: Residual, sky: Bools, lattice: LogLattice) -> tuple[Any, ...]:
    """Names of what is found, and one array each of values, places, and what is quoted."""
    spectra, models = (residual.flux, residual.ivar), (residual.model, residual.total)
    parts = contiguous(*map(narrow, spectra), *map(wide, models))
    value, place, quoted, lines = kernel.pixels(_settings(lattice), *parts, sky=sky)
    return kernel.FINDINGS, value.T, place.T, quoted.T, like(residual.flux, lines)


@cache
def _settings(lattice: LogLattice) -> kernel.Settings:
    """What the loops in C have to know."""
    return kernel.Settings(
        pixel_error=PIXEL_ERROR, wide_error=WIDE_ERROR, model_error=MODEL_ERROR, clip=CLIP,
        clipped=CLIPPED, largest_pull=LARGEST_PULL, negative_sigma=NEGATIVE_SIGMA,
        data_first=DATA_FIRST, softening=SOFTENING, most_of=MOST_OF, block=NOISE_BLOCK,
        fewest=FEWEST, narrow=NARROW, wide=WIDE, step_reach=STEP_REACH, joins=_joins(lattice),
        dead_width=DEAD_WIDTH, dead_reach=DEAD_REACH, negative_width=NEGATIVE_WIDTH,
        surroundings=SURROUNDINGS,
    )  # fmt: skip


def _found(residual: Residual, sky: Bools, lattice: LogLattice) -> tuple[Any, ...]:
    """What :func:`_found_in_c` gives, on a GPU or where nothing could be compiled."""
    off_sky = like(residual.flux, ~sky)
    found = {
        "step": _step(residual, lattice),
        "dead": _dead(residual),
        "cosmic": _cosmic(residual, off_sky),
        "negative": _negative(residual),
        "sky": _sky(residual, ~off_sky),
        **_features(residual, off_sky),
        **_misfits(residual),
    }
    value, place, quoted = (
        [as_numpy(part[which]) for part in found.values()] for which in range(3)
    )
    # The middle of a window may lie where there are no data any more.
    ends = good_span(as_numpy(residual.good))
    place = [np.where(column >= 0, np.clip(column, *ends), column) for column in place]
    return tuple(found), value, place, quoted, _narrow(residual, off_sky)


def _narrow(residual: Residual, off_sky: Array) -> Array:
    """Significance of narrow lines above their surroundings, in units of what it scatters by."""
    xp = namespace(residual.flux)
    found = xp.where(off_sky, residual.contrast(NARROW[0], SURROUNDINGS), 0.0)
    count = clipped((found != 0).sum(1), 1)
    scatter = (clipped(found, -3.0, 3.0) ** 2).sum(1) / count
    return found / xp.sqrt(clipped(scatter, 1.0))[:, None]


Found = tuple[Any, Any, Any]
"""Statistic, pixel (-1 for none), and what a sentence quotes."""


def _largest(values: Any, quoted: Any = None) -> Found:
    """The largest value of each row, its place, and what is quoted of it."""
    best, place = largest(values)
    return best, place, picked(values if quoted is None else quoted, place)


def _nowhere(values: Any) -> Found:
    xp = namespace(values)
    return values, xp.full_like(values, -1, dtype=xp.int64), values


def _step(residual: Residual, lattice: LogLattice) -> Found:
    """Largest step of the level where arms of spectrographs meet."""
    found = []
    for start, stop in _joins(lattice):
        if stop > start:
            significance, share = residual.step(STEP_REACH, start, stop)
            best, place, quoted = _largest(abs(significance), share)
            found.append((best, place + start, quoted))
    xp = namespace(residual.flux)
    return _best(found) if found else _nowhere(wide(xp.full_like(residual.flux[:, 0], xp.nan)))


def _joins(lattice: LogLattice) -> tuple[tuple[int, int], ...]:
    """First pixel and the one after the last of where arms meet, as far as there are levels."""
    ends = (np.searchsorted(lattice.wave, join) for join in JOINS)
    return tuple(
        (max(int(low), STEP_REACH), min(int(high), lattice.n - STEP_REACH)) for low, high in ends
    )


def _best(found: Sequence[Found]) -> Found:
    """Of several findings the largest of each row."""
    best, place, quoted = found[0]
    xp = namespace(best)
    for other, where, said in found[1:]:
        larger = other > best
        best = xp.where(larger, other, best)
        place, quoted = xp.where(larger, where, place), xp.where(larger, said, quoted)
    return best, place, quoted


def _dead(residual: Residual) -> Found:
    """How much smaller the scatter of neighbouring pixels is somewhere than in the whole."""
    xp = namespace(residual.flux)
    both = residual.good[:, 1:] & residual.good[:, :-1]
    change = residual.flux[:, 1:] - residual.flux[:, :-1]
    squared = change**2 * residual.ivar[:, 1:] / 2.0
    scatter = clipped(xp.where(both, squared, 0.0), high=CLIPPED)
    count = window(running(both), DEAD_WIDTH)
    local = window(running(scatter), DEAD_WIDTH) / clipped(count, 1.0)
    whole = scatter.sum(1) / clipped(both.sum(1), 1)
    # Where a survey's spectra end they are often interpolated.
    inside = window(residual.counts, DEAD_REACH)[:, 1:] > MOST_OF * DEAD_REACH
    enough = inside & (count > DEAD_WIDTH // 2)
    least, place = largest(-xp.where(enough, local, xp.inf))
    low = -least
    ratio = (whole + SOFTENING) / (low + SOFTENING)
    return xp.where(xp.isfinite(low), ratio, xp.nan), place, low


CLIPPED, SOFTENING = 9.0, 1e-4
"""Largest squared pull that counts in the scatter of neighbours, and what is added to it."""


def _cosmic(residual: Residual, allowed: Any) -> Found:
    """Largest spike of a single pixel: narrower than the spectrograph's resolution."""
    xp = namespace(residual.pull)
    pull = xp.where(allowed, residual.pull, 0.0)
    sides = clipped(pull, 0.0)
    spike = copied(pull)
    spike[:, 1:] -= sides[:, :-1]
    spike[:, :-1] -= sides[:, 1:]
    return _largest(spike)


def _negative(residual: Residual) -> Found:
    """Most significant negative flux over a range, above what noise does."""
    xp, total, model = namespace(residual.flux), residual.total, residual.model
    flux = residual.flux + xp.where(residual.good, total - model, 0.0)
    weight = xp.where(residual.good, residual.ivar, 0.0)
    sums = [running(flux * weight), running(weight)]
    mean, weights = (narrow(window(part, NEGATIVE_WIDTH)) for part in sums)
    significance = xp.where(weights > 0, mean * inverse_root(weights), 0.0)
    best, place, quoted = _largest(-significance)
    return best / NEGATIVE_SIGMA, place, quoted


def _sky(residual: Residual, sky: Any) -> Found:
    """Scatter on sky lines beside that elsewhere."""
    xp = namespace(residual.pull)
    squared = clipped(residual.pull**2, high=LARGEST_PULL**2)
    on, off = residual.good & sky, residual.good & ~sky
    means = [xp.where(part, squared, 0.0).sum(1) / clipped(part.sum(1), 1) for part in (on, off)]
    known = (on.sum(1) >= FEWEST) & (off.sum(1) >= FEWEST)
    ratio = (means[0] + 0.1) / (means[1] + 0.1)
    _, place, quoted = _largest(xp.where(on, abs(residual.pull), 0.0))
    return xp.where(known, ratio, xp.nan), place, quoted


def _features(residual: Residual, allowed: Any) -> dict[str, Found]:
    """Most significant emission and absorption: of the width of lines, and broader."""
    out, xp = {}, namespace(residual.flux)
    lines = [residual.narrowest, *(residual.significance(width) for width in NARROW[1:])]
    broad = [residual.significance(width, alike=True) for width in WIDE]
    for name, shown in (("line", lines), ("broad", broad)):
        found = [_largest(xp.where(allowed, abs(s), 0.0), s) for s in shown]
        out[name] = _best(found)
    return out


def _misfits(residual: Residual) -> dict[str, Found]:
    """χ² of the blocks of the spectrum: their mean is moved by one feature, their median not."""
    xp, squared = namespace(residual.flux), residual.difference**2 * residual.ivar
    parts = widened(xp.stack([squared, wide(residual.good)]), 0, -squared.shape[1] % NOISE_BLOCK)
    chi2, count = parts.reshape(2, len(squared), -1, NOISE_BLOCK).sum(3)
    known = count >= FEWEST
    reduced = xp.where(known, chi2 / clipped(count, 1.0), xp.nan)
    level = xp.where(residual.good, abs(wide(residual.total)) * xp.sqrt(residual.ivar), 0.0)
    sn = level.sum(1) / clipped(residual.good.sum(1), 1)
    limit = 1.0 + (MODEL_ERROR * sn) ** 2
    everywhere = lower_median(reduced) / limit
    mean = chi2.sum(1) / clipped(count.sum(1), 1.0) / limit
    # Where the model is wrong it lies above the data as well: what the data have comes first.
    shown = residual.narrowest
    _, place, pull = _largest(xp.maximum(shown, -DATA_FIRST * shown), abs(shown))
    return {
        "misfit": (mean, place, pull),
        "everywhere": _nowhere(everywhere),
    }


DATA_FIRST = 0.5
"""Weight of a deficit beside an excess in the choice of the worst place."""
