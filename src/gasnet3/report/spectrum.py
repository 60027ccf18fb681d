"""What every picture of a spectrum shares: smoothing, limits, lines worth naming, names of axes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gasnet3.machine.typing import Floats
from gasnet3.spectra.lines import LINES, Line

SMOOTH = 5
"""Width in pixels of the ivar-weighted running mean drawn over the spectrum."""

BARS = 60
"""Bars of p(z) in a panel, at most: narrower ones could not be seen."""

OBSERVED_LABEL, SMOOTH_LABEL = "observed", f"mean of {SMOOTH} pixels"
"""Names of the flux as it was measured, and smoothed, in legends."""

WAVE_LABEL = "observed wavelength, vacuum (Å)"
UNIT_LABEL = "unit of the input"
FLUX_LABEL = rf"$F_\lambda$ ({UNIT_LABEL})"
"""Names of axes, the last for matplotlib."""


def gaps(values: Floats, ivar: Floats) -> Floats:
    """What is drawn of pixels: NaN where one is masked (``ivar`` 0), all of shape (n,)."""
    return np.where(ivar > 0, values, np.nan)


def noise(ivar: Floats) -> Floats:
    """Errors of pixels, NaN where masked, shape (n,)."""
    out = np.full(len(ivar), np.nan)
    return np.divide(1.0, np.sqrt(ivar), out=out, where=ivar > 0)


def running_mean(flux: Floats, ivar: Floats) -> Floats:
    """Mean over SMOOTH pixels weighted by ivar; NaN where no pixel in reach counts, shape (n,)."""
    return _weighted(flux, ivar, lambda values: np.convolve(values, np.ones(SMOOTH), mode="same"))


def _weighted(flux: Floats, ivar: Floats, spread: Callable[[Floats], Floats]) -> Floats:
    weight, total = spread(ivar), spread(np.where(ivar > 0, flux * ivar, 0.0))
    return np.asarray(np.divide(total, weight, out=np.full(len(flux), np.nan), where=weight > 0))


def limits(smooth: Floats, model: Floats) -> tuple[float, float]:
    """Vertical limits that show the model and the spectrum without its worst pixels.

    Both have shape (n,) and are NaN where there is nothing.
    """
    finite, fitted = smooth[np.isfinite(smooth)], model[np.isfinite(model)]
    if not len(finite):
        return 0.0, 1.0
    low, high = np.percentile(finite, [0.3, 99.7])
    if len(fitted):
        low, high = min(low, fitted.min()), max(high, fitted.max())
    room = (high - low) or abs(high) or 1.0
    return float(low - 0.08 * room), float(high + 0.08 * room)


def curve_name(*, bound: bool) -> str:
    """What the curves of a closeup are of, see :class:`gasnet3.pipeline.closeup.Closeup`."""
    return "-2 ln p / dof" if bound else "χ² / dof"


def bars(place: Floats, share: Floats) -> tuple[Floats, Floats]:
    """Probabilities at ascending places added up in bars that a picture can show.

    Parameters
    ----------
    place, share : ndarray of float64, shape (points,)
        Redshifts, or what else is the axis of the picture, and the probability of each.

    Returns
    -------
    edges : ndarray of float64, shape (bars + 1,)
        Of as many bars as there are points, :data:`BARS` at most.
    height : ndarray of float64, shape (bars,)
        Probability within each.
    """
    if len(place) < 2:
        return np.zeros(1), np.zeros(0)
    half = 0.5 * (place[1] - place[0]), 0.5 * (place[-1] - place[-2])
    edges = np.linspace(place[0] - half[0], place[-1] + half[1], min(BARS, len(place)) + 1)
    return edges, np.histogram(place, edges, weights=share)[0]


def lines_of(cls: str) -> list[Line]:
    """The lines worth naming in a spectrum of a class."""
    unseen = {"STAR": "emission", "GALAXY": ""}.get(cls, "absorption")
    return [line for line in LINES if line.kind != unseen]
