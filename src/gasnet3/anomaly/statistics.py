"""Numbers that tell strange spectra from ordinary ones, a batch at a time.

Each is larger for stranger spectra, NaN where it cannot be told, and means nothing by itself:
:mod:`gasnet3.anomaly.score` compares it with what ordinary spectra have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gasnet3.anomaly.residual import BLOCK, Residual, running, window
from gasnet3.lattice import LogLattice

Floats = NDArray[np.float64]

NARROW, WIDE = (5, 11, 31), (101, 301)
"""Widths, in pixels, of features that may be lines, and of broader ones."""

JOINS = ((5600.0, 6400.0), (7400.0, 7750.0))
"""Where the arms of SDSS, LAMOST and DESI spectrographs meet, vacuum Å."""

STEP_REACH = 60
"""Pixels on each side of a join whose levels are compared."""

DEAD_WIDTH, DEAD_REACH = 41, 201
"""Pixels over which a spectrum without noise is dead, and about them that must have data."""

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


def pixel_statistics(residual: Residual, sky: NDArray[np.bool_], lattice: LogLattice) -> Statistics:
    """Statistics of the pixels: defects, features, and how well the model fits anywhere.

    Parameters
    ----------
    residual : Residual
        Data less reconstruction.
    sky : ndarray of bool, shape (n,)
        Pixels of strong sky lines and telluric bands.
    lattice : LogLattice
        Observed lattice.
    """
    wave = torch.from_numpy(lattice.wave).to(residual.flux.device)
    off_sky = torch.from_numpy(~sky).to(residual.flux.device)
    found = {
        "step": _step(residual, lattice),
        "dead": _dead(residual),
        "cosmic": _cosmic(residual, off_sky),
        "negative": _negative(residual),
        "sky": _sky(residual, ~off_sky),
        **_features(residual, off_sky),
        **_misfits(residual),
    }
    value = {name: part[0].cpu().numpy() for name, part in found.items()}
    places = {
        name: torch.where(part[1] >= 0, wave[part[1].clamp(min=0)], torch.nan).cpu().numpy()
        for name, part in found.items()
    }
    extra = {name: part[2].cpu().numpy() for name, part in found.items()}
    return Statistics(value, places, extra)


Found = tuple[Tensor, Tensor, Tensor]
"""Statistic, pixel (-1 for none), and what a sentence quotes."""


def _largest(values: Tensor, quoted: Tensor | None = None) -> Found:
    """The largest value of each row, its place, and what is quoted of it."""
    best, place = values.max(dim=1)
    quoted = values if quoted is None else quoted
    return best, place, quoted.gather(1, place[:, None])[:, 0]


def _nowhere(values: Tensor) -> Found:
    return values, torch.full_like(values, -1, dtype=torch.int64), values


def _step(residual: Residual, lattice: LogLattice) -> Found:
    """Largest step of the level where arms of spectrographs meet."""
    found = []
    for low, high in JOINS:
        start, stop = (int(i) for i in np.searchsorted(lattice.wave, (low, high)))
        start, stop = max(start, STEP_REACH), min(stop, lattice.n - STEP_REACH)
        if stop > start:
            significance, share = residual.step(STEP_REACH, start, stop)
            best, place, quoted = _largest(significance.abs(), share)
            found.append((best, place + start, quoted))
    if not found:
        return _nowhere(torch.full((len(residual.flux),), torch.nan, dtype=torch.float64))
    best, place, quoted = _best(found)
    return torch.log(best.clamp(min=0.1)), place, quoted


def _best(found: Sequence[Found]) -> Found:
    """Of several findings the largest of each row."""
    best, place, quoted = found[0]
    for other, where, said in found[1:]:
        larger = other > best
        best = torch.where(larger, other, best)
        place, quoted = torch.where(larger, where, place), torch.where(larger, said, quoted)
    return best, place, quoted


def _dead(residual: Residual) -> Found:
    """How much smaller the scatter of neighbouring pixels is somewhere than in the whole."""
    both = residual.good[:, 1:] & residual.good[:, :-1]
    change = residual.flux[:, 1:] - residual.flux[:, :-1]
    scatter = torch.where(both, change**2 * residual.ivar[:, 1:] / 2.0, 0.0).clamp(max=CLIPPED)
    count = window(running(both.double()), DEAD_WIDTH)
    local = window(running(scatter.double()), DEAD_WIDTH) / count.clamp(min=1.0)
    whole = scatter.sum(dim=1) / both.sum(dim=1).clamp(min=1)
    # Where a survey's spectra end they are often interpolated.
    inside = window(running(residual.good.double()), DEAD_REACH)[:, 1:] > 0.9 * DEAD_REACH
    enough = inside & (count > DEAD_WIDTH // 2)
    low, place = torch.where(enough, local, torch.inf).min(dim=1)
    ratio = (low + 1e-4) / (whole + 1e-4)
    return torch.where(torch.isfinite(low), -torch.log(ratio), torch.nan), place, low


CLIPPED = 9.0
"""Largest squared pull that counts in the scatter of neighbours."""


def _cosmic(residual: Residual, allowed: Tensor) -> Found:
    """Largest spike of a single pixel: narrower than the spectrograph's resolution."""
    pull = torch.where(allowed, residual.pull, 0.0)
    sides = pull.clamp(min=0.0)
    spike = pull.clone()
    spike[:, 1:] -= sides[:, :-1]
    spike[:, :-1] -= sides[:, 1:]
    best, place, quoted = _largest(spike)
    return torch.log(best.clamp(min=1.0)), place, quoted


def _negative(residual: Residual) -> Found:
    """Most significant negative flux over a range, above what noise does."""
    total, model = residual.total, residual.model
    flux = residual.flux + torch.where(residual.good, total - model, 0.0)
    weight = torch.where(residual.good, residual.ivar, 0.0)
    sums = [running((flux * weight).double()), running(weight.double())]
    mean, weights = (window(part, NEGATIVE_WIDTH).float() for part in sums)
    significance = torch.where(weights > 0, mean * weights.rsqrt(), 0.0)
    best, place, quoted = _largest(-significance)
    return torch.log((best / NEGATIVE_SIGMA).clamp(min=1.0)), place, quoted


def _sky(residual: Residual, sky: Tensor) -> Found:
    """Scatter on sky lines beside that elsewhere."""
    squared = (residual.pull**2).clamp(max=LARGEST_PULL**2)
    on, off = residual.good & sky, residual.good & ~sky
    means = [
        torch.where(part, squared, 0.0).sum(dim=1) / part.sum(dim=1).clamp(min=1)
        for part in (on, off)
    ]
    known = (on.sum(dim=1) >= FEWEST) & (off.sum(dim=1) >= FEWEST)
    ratio = torch.log((means[0] + 0.1) / (means[1] + 0.1))
    _, place, quoted = _largest(torch.where(on, residual.pull.abs(), 0.0))
    return torch.where(known, ratio, torch.nan), place, quoted


def _features(residual: Residual, allowed: Tensor) -> dict[str, Found]:
    """Most significant emission and absorption: of the width of lines, and broader."""
    out = {}
    for name, widths in (("line", NARROW), ("broad", WIDE)):
        shown = [residual.significance(width, alike=name == "broad") for width in widths]
        found = [_largest(torch.where(allowed, s.abs(), 0.0), s) for s in shown]
        best, place, quoted = _best(found)
        out[name] = (torch.log(best.clamp(min=1.0)), place, quoted)
    return out


def _misfits(residual: Residual) -> dict[str, Found]:
    """χ² of the blocks of the spectrum: their mean is moved by one feature, their median not."""
    squared = residual.difference**2 * residual.ivar
    missing = -squared.shape[1] % BLOCK
    parts = torch.nn.functional.pad(torch.stack([squared, residual.good.double()]), (0, missing))
    chi2, count = parts.reshape(2, len(squared), -1, BLOCK).sum(dim=3)
    known = count >= FEWEST
    reduced = torch.where(known, chi2 / count.clamp(min=1.0), torch.nan)
    level = torch.where(residual.good, residual.total.double().abs() * residual.ivar.sqrt(), 0.0)
    sn = level.sum(dim=1) / residual.good.sum(dim=1).clamp(min=1)
    limit = 1.0 + (MODEL_SHARE * sn) ** 2
    everywhere = torch.nanmedian(reduced, dim=1).values / limit
    mean = chi2.sum(dim=1) / count.sum(dim=1).clamp(min=1.0) / limit
    # Where the model is wrong it lies above the data as well: what the data have comes first.
    shown = residual.significance(NARROW[0])
    _, place, pull = _largest(torch.where(shown > 0, shown, -DATA_FIRST * shown), shown.abs())
    return {
        "misfit": (torch.log(mean.clamp(min=1e-3)), place, pull),
        "everywhere": _nowhere(torch.log(everywhere.clamp(min=1e-3))),
    }


DATA_FIRST = 0.5
"""Weight of a deficit beside an excess in the choice of the worst place."""

MODEL_SHARE = 0.10
"""Error of a model, as a share of the flux, that is no misfit (``quality.MODEL_ERROR``)."""
