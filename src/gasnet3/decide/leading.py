"""What the best model of a spectrum leaves, and where it explains something."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gasnet3.machine.typing import Bools, Floats
from gasnet3.solve.arrays import as_numpy, like, namespace

if TYPE_CHECKING:
    from gasnet3.solve.candidates import Candidates
    from gasnet3.solve.prepare import Prepared

SHORT, LONG = 16, 64
"""Runs of pixels over which residuals are added up: of features, and of calibration."""


def leading(
    prepared: Sequence[Prepared], candidates: Sequence[Candidates], n_good: NDArray[np.int64]
) -> tuple[Floats, Floats, Floats]:
    """What the model of the least reduced χ² leaves, and where it explains something.

    Errors that are correlated, or of calibration, count by what they do at the width of features:
    there χ² has this unit, where it is above 1.

    Returns
    -------
    temperature : ndarray of float64, shape (rows,)
        Power of the residuals over :data:`SHORT` pixels in units of the noise, or the reduced χ²
        where that is more; 1 at least.
    structure : ndarray of float64, shape (rows,)
        The same over :data:`LONG` pixels in units of the temperature; 1 at least.
    alone : ndarray of float64, shape (rows,)
        Largest share of the explained χ² within two runs of :data:`SHORT` pixels.
    """
    reduced = [
        as_numpy(found.chi2[:, 0]) / np.maximum(n_good - found.dof, 1) for found in candidates
    ]
    least = np.where(np.isfinite(reduced), reduced, np.inf)
    lead, lowest = least.argmin(axis=0), least.min(axis=0)
    temperature, long, alone = np.ones((3, len(n_good)))
    for index, (spectra, found) in enumerate(zip(prepared, candidates, strict=True)):
        rows = np.flatnonzero((lead == index) & np.isfinite(lowest))
        at = like(found.shift, rows)
        root = np.sqrt(as_numpy(spectra.ivar)[rows].astype(np.float64))
        signal = root * as_numpy(spectra.flux)[rows]
        left = signal - root * as_numpy(found.models(at, namespace(at).zeros_like(at)))
        temperature[rows] = np.maximum(lowest[rows], _power(left, root > 0, SHORT))
        long[rows] = _power(left, root > 0, LONG)
        explained = np.maximum(_runs(signal**2 - left**2, SHORT), 0.0)
        most = (explained[:, 1:] + explained[:, :-1]).max(axis=1)
        alone[rows] = most / np.maximum(explained.sum(axis=1), 1e-300)
    temperature = np.maximum(temperature, 1.0)
    return temperature, np.maximum(long / temperature, 1.0), alone


def _runs(values: NDArray[Any], width: int) -> NDArray[Any]:
    """Sums over runs of pixels, shape (rows, runs); pixels left over at the end are dropped."""
    count = values.shape[1] // width
    return values[:, : count * width].reshape(len(values), count, width).sum(axis=2)


def _power(residual: Floats, good: Bools, width: int) -> Floats:
    """Mean square of the sums over runs of pixels, over their number of good pixels."""
    count = _runs(good, width)
    full = count > width / 2
    power = np.where(full, _runs(residual, width) ** 2 / np.maximum(count, 1), 0.0).sum(axis=1)
    return np.asarray(power / np.maximum(full.sum(axis=1), 1))
