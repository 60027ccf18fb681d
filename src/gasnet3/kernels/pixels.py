"""What the pixels of spectra say of their models."""

from __future__ import annotations

import ctypes

import numpy as np
from numpy.typing import NDArray

from gasnet3.kernels.library import COUNT, DOUBLE, FLOAT, LONG, array, loop
from gasnet3.machine.typing import Bools, Floats

FINDINGS = (
    "step", "dead", "cosmic", "negative", "sky", "line", "broad", "misfit", "everywhere",
)  # fmt: skip
"""What is found, in the order of the columns."""

ROOM, ARRAYS = 309, 15
"""Numbers that working arrays are longer than a row, and how many of them there are."""


class Settings(ctypes.Structure):
    """Limits, and widths in pixels; see :mod:`gasnet3.anomaly.statistics`."""

    _fields_ = (
        *(
            (name, ctypes.c_double)
            for name in (
                "pixel_error", "wide_error", "model_error", "clip", "clipped", "largest_pull",
                "data_first", "softening", "most_of", "negative_sigma",
            )
        ),
        ("block", ctypes.c_int64),
        ("fewest", ctypes.c_int64),
        ("narrow", ctypes.c_int64 * 3),
        ("wide", ctypes.c_int64 * 2),
        ("step_reach", ctypes.c_int64),
        ("joins", ctypes.c_int64 * 2 * 2),
        ("dead_width", ctypes.c_int64),
        ("dead_reach", ctypes.c_int64),
        ("negative_width", ctypes.c_int64),
        ("surroundings", ctypes.c_int64),
    )  # fmt: skip


ARGUMENTS = (
    ctypes.POINTER(Settings), FLOAT, FLOAT, DOUBLE, DOUBLE, array(np.bool_), COUNT, COUNT, DOUBLE,
    DOUBLE, LONG, DOUBLE, FLOAT,
)  # fmt: skip


def pixels(
    settings: Settings,
    flux: NDArray[np.float32],
    ivar: NDArray[np.float32],
    model: Floats,
    total: Floats,
    *,
    sky: Bools,
) -> tuple[Floats, NDArray[np.int64], Floats, NDArray[np.float32]]:
    """What is found in each row.

    Parameters
    ----------
    settings : Settings
        Limits and widths.
    flux, ivar, model, total : ndarray, shape (rows, n)
        Of :class:`gasnet3.solve.residual.Residual`; float32 and float64.
    sky : ndarray of bool, shape (n,)
        Pixels of strong sky lines and telluric bands.

    Returns
    -------
    value, place, quoted : ndarray, shape (rows, len(FINDINGS))
        The statistic; its pixel, -1 for none; and what a sentence quotes of it.
    narrow : ndarray of float32, shape (rows, n)
        Significance of narrow lines above their surroundings.
    """
    if not flux.shape == ivar.shape == model.shape == total.shape or sky.shape != flux.shape[1:]:
        raise ValueError(f"spectra {flux.shape}, models {model.shape}, sky {sky.shape}")
    rows, n = flux.shape
    value, quoted = np.empty((2, rows, len(FINDINGS)))
    place = np.empty(value.shape, np.int64)
    narrow, work = np.empty(flux.shape, np.float32), np.empty(ARRAYS * (n + ROOM))
    loop("pixels", *ARGUMENTS)(
        settings, flux, ivar, model, total, sky, rows, n, work, value, place, quoted, narrow
    )
    return value, place, quoted, narrow
