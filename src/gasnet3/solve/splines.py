"""Cubic splines through the pixels of rest-frame models."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import spline_filter1d

from gasnet3.solve import batching
from gasnet3.solve.arrays import Array, add_product, as_numpy, like, namespace, wide
from gasnet3.solve.limits import PAD

if TYPE_CHECKING:
    from jaxtyping import Float, Float64

MEMORY = 28
"""Pixels after which the filter of the spline has forgotten a value."""


def spline_coefficients(
    flux: Float[Array, "rows pixels"],
) -> Float64[Array, "rows pixels+6"]:
    """Cubic spline through the pixels of rows, PAD coefficients more at each end, float64.

    The rows go on beyond their ends as in a mirror.
    """
    if batching.on_gpu(flux):
        return _filtered(wide(flux.detach()))
    values = as_numpy(flux.detach() if hasattr(flux, "detach") else flux).astype(np.float64)
    coefficients = spline_filter1d(values, order=3, axis=-1, mode="mirror")
    return like(flux, np.pad(coefficients, ((0, 0), (PAD, PAD)), mode="reflect"))


def _filtered(values: Array) -> Array:
    """The same without leaving the GPU: the recursive filter as the convolution it stands for.

    The spline's pole decays below the rounding of float64 within :data:`MEMORY` pixels.
    """
    torch = namespace(values)
    pole = math.sqrt(3.0) - 2.0
    place = torch.arange(-MEMORY, MEMORY + 1, dtype=values.dtype, device=values.device)
    kernel = -6.0 * pole / (1.0 - pole**2) * pole ** place.abs()
    reach = MEMORY + PAD
    longer = torch.nn.functional.pad(values[:, None], (reach, reach), mode="reflect")
    return torch.nn.functional.conv1d(longer, kernel[None, None])[:, 0]


def spline_weights(
    u: Float64[Array, "*fits"],
) -> tuple[Float64[Array, "*fits 4"], Float64[Array, "*fits 4"]]:
    """Weights of four cubic B-spline coefficients at fraction u, and their derivatives."""
    v, stack = 1.0 - u, namespace(u).stack
    value = stack([v**3, 3 * u**3 - 6 * u**2 + 4, 3 * v**3 - 6 * v**2 + 4, u**3], -1)
    slope = stack([-(v**2), 3 * u**2 - 4 * u, 4 * v - 3 * v**2, u**2], -1)
    return value / 6.0, slope / 2.0


def spline_bends(u: Array) -> Array:
    """Second derivatives of the weights of :func:`spline_weights`."""
    v = 1.0 - u
    return namespace(u).stack([v, 3 * u - 2, 3 * v - 2, u], -1)


def combine(
    window: Float[Array, "*fits width"],
    weights: Float[Array, "*some 4"],
    n: int,
    out: Float[Array, "*fits {n}"] | None = None,
) -> Float[Array, "*fits {n}"]:
    """``Σ_t weights_t · window[t : t + n]`` along the last axis.

    Parameters
    ----------
    window : Tensor or ndarray, shape (..., n + 3)
        Spline coefficients.
    weights : Tensor or ndarray, shape (4,), or (fits, 4) for windows of shape (fits, ..., n + 3)
        See :func:`spline_weights`.
    """
    shape = (*weights.shape[:-1], *[1] * (window.ndim - weights.ndim + 1))
    total = namespace(window).multiply(window[..., :n], weights[..., 0].reshape(shape), out=out)
    for t in range(1, 4):
        add_product(total, window[..., t : t + n], weights[..., t].reshape(shape))
    return total
