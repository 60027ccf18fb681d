"""Fixed models slid to the least χ² of eq. 9 in NumPy, as :mod:`gasnet3.solve.slide` does it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.ndimage import spline_filter1d

from gasnet3.onnx.prepare import Prepared
from gasnet3.solve.limits import NEWTON_STEPS, PAD, REACH, TAPS, TRIALS
from gasnet3.spectra.lattice import ShiftRange

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def spline_coefficients(flux: NDArray[np.floating]) -> Floats:
    """Cubic spline through the pixels of rows, PAD coefficients more at each end.

    The rows go on beyond their ends as in a mirror.
    """
    values = np.asarray(flux, np.float64)
    filtered = spline_filter1d(values, order=3, axis=-1, mode="mirror")
    return np.pad(filtered, ((0, 0), (PAD, PAD)), mode="reflect")


def spline_weights(u: Floats) -> tuple[Floats, Floats, Floats]:
    """Weights of four cubic B-splines at fraction u, and their first two derivatives."""
    v = 1.0 - u
    value = np.stack([v**3, 3 * u**3 - 6 * u**2 + 4, 3 * v**3 - 6 * v**2 + 4, u**3], axis=-1)
    slope = np.stack([-(v**2), 3 * u**2 - 4 * u, 4 * v - 3 * v**2, u**2], axis=-1)
    return value / 6.0, slope / 2.0, np.stack([v, 3 * u - 2, 3 * v - 2, u], axis=-1)


@dataclass(frozen=True, eq=False)
class Models:
    """Rest-frame models as cubic splines, one a row.

    Attributes
    ----------
    spline : ndarray of float64, shape (rows, N + 2·PAD)
        Of :func:`spline_coefficients`.
    shifts : ShiftRange
        Shifts the models cover.
    n : int
        Pixels of the observed window.
    """

    spline: Floats
    shifts: ShiftRange
    n: int

    def place(self, shift: Floats) -> Floats:
        """Where the observed window starts on the splines."""
        clipped = np.clip(shift, self.shifts.first, self.shifts.last)
        return np.asarray(self.shifts.last + PAD - clipped)

    def models(self, rows: Integers, shift: Floats) -> Floats:
        """Models at shifts as the observed window sees them, shape (fits, n)."""
        place = self.place(shift)
        whole = np.floor(place)
        weights, _, _ = spline_weights(place - whole)
        out = np.zeros((len(rows), self.n))
        for model, row, at, weight in zip(out, rows, whole.astype(int) - 1, weights, strict=True):
            for tap in range(4):
                model += weight[tap] * self.spline[row, at + tap : at + tap + self.n]
        return out

    def of_rows(self, rows: Integers) -> Models:
        """The models of some rows."""
        return Models(self.spline[rows], self.shifts, self.n)


@dataclass(frozen=True, eq=False)
class Fits:
    """Minima of χ²; every attribute is a float64 array with one entry a fit, but ``converged``.

    Attributes
    ----------
    shift, sigma, chi2 : ndarray of float64, shape (fits,)
        Shift and its error in pixels (Gauss-Newton's; NaN where the curvature is not positive),
        and χ², not reduced.
    converged : ndarray of bool, shape (fits,)
        Whether there is a minimum within reach, rather than a slope or a flat curve.
    """

    shift: Floats
    sigma: Floats
    chi2: Floats
    converged: NDArray[np.bool_]


def slide(models: Models, prepared: Prepared, rows: Integers, start: Floats) -> Fits:
    """The least χ² of fixed models within :data:`~gasnet3.solve.limits.REACH` of given shifts.

    Parameters
    ----------
    models : Models
        One a spectrum.
    prepared : Prepared
        The spectra.
    rows : ndarray of int64, shape (fits,)
        Which spectrum each fit is of.
    start : ndarray of float64, shape (fits,)
        Where to look.
    """
    low = np.clip(start - REACH, models.shifts.first, models.shifts.last)
    high = np.clip(start + REACH, models.shifts.first, models.shifts.last)
    # At the end of the range fewer are needed, and there are no more.
    most = models.spline.shape[1] - models.n - TAPS + 1
    first = np.clip(np.floor(models.place(high)).astype(np.int64) - 1, 0, most)
    products = np.empty((len(rows), TAPS + 1, TAPS + 1))
    for out, row, at in zip(products, rows, first, strict=True):
        out[:] = _products(models.spline[row, at:], prepared.flux[row], prepared.ivar[row])
    place = _least(products, first, models.place(high), models.place(low))
    shift = models.shifts.last + PAD - place
    chi2, _, _, curvature = (part[:, 0] for part in _chi2(products, first, place[:, None]))
    sigma = np.where(curvature > 0, curvature, np.nan) ** -0.5
    return Fits(shift, sigma, chi2, np.isfinite(sigma) & (shift > low) & (shift < high))


def _products(spline: Floats, flux: NDArray[np.float32], ivar: NDArray[np.float32]) -> Floats:
    """Weighted products of the B-splines within reach, and the spectrum as the last of them."""
    n = len(flux)
    root = np.sqrt(ivar.astype(np.float64))
    design = np.empty((TAPS + 1, n))
    np.multiply(sliding_window_view(spline[: n + TAPS - 1], n), root, out=design[:TAPS])
    np.multiply(flux, root, out=design[TAPS])
    return np.asarray(design @ design.T)


def _chi2(products: Floats, first: Integers, place: Floats) -> tuple[Floats, ...]:
    """χ² at places, half its first two derivatives, and half Gauss-Newton's second one.

    All of shape (fits, places).
    """
    whole = np.floor(place)
    at = np.clip(whole.astype(np.int64) - 1 - first[:, None], 0, TAPS - 4)
    index = at[..., None] + np.arange(4)

    def spread(weights: Floats) -> Floats:
        out = np.zeros((*place.shape, TAPS + 1))
        np.put_along_axis(out, index, weights, axis=2)
        return out

    residual, tangent, bending = map(spread, spline_weights(place - whole))
    residual[..., -1] = -1.0
    against = residual @ products
    curvature = (tangent * (tangent @ products)).sum(axis=-1)
    chi2, gradient = (residual * against).sum(axis=-1), (tangent * against).sum(axis=-1)
    return chi2, gradient, curvature + (bending * against).sum(axis=-1), curvature


def _least(products: Floats, first: Integers, low: Floats, high: Floats) -> Floats:
    """Place of the least χ² between two bounds."""
    trials = int(2 * REACH * TRIALS) + 1
    grid = np.linspace(0.0, 1.0, trials)
    spacing = (high - low) / (trials - 1)
    best = _chi2(products, first, low[:, None] + grid * (high - low)[:, None])[0].argmin(axis=1)
    place = low + best * spacing
    left, right = np.maximum(place - spacing, low), np.minimum(place + spacing, high)
    for _ in range(NEWTON_STEPS):
        _, gradient, curvature, _ = (part[:, 0] for part in _chi2(products, first, place[:, None]))
        step = -gradient / np.where(curvature > 0, curvature, np.inf)
        place = np.clip(place + np.nan_to_num(step), left, right)
    return place
