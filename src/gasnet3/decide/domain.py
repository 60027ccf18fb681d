"""Whether coefficients are like those of the training population."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from gasnet3.solve.batching import TILE
from gasnet3.solve.coefficients import NO_NOISE


def population_distance(population: Mapping[str, Any], coeff: Tensor, measured: Tensor) -> Tensor:
    """Squared distance of exact coefficients from a model card's training population.

    Parameters
    ----------
    population : mapping
        The card's ``population``, with ``mean`` and ``covariance``.
    coeff, measured : Tensor of float64, shapes (rows, m) and (rows, m, m)
        Coefficients and their covariance; rows of NaN give NaN.

    Returns
    -------
    Tensor of float64, shape (rows,)
        NaN for all where the card does not know its population.
    """
    if "mean" not in population:
        return coeff.new_full((len(coeff),), torch.nan)
    known = torch.isfinite(coeff).all(dim=1)
    mean = coeff.new_tensor(population["mean"])
    covariance = coeff.new_tensor(population["covariance"])
    out = domain_distance(
        torch.where(known[:, None], coeff, 0.0),
        torch.where(known[:, None, None], measured, 0.0),
        mean,
        covariance,
    )
    return torch.where(known, out, torch.nan)


def population_volume(population: Mapping[str, Any], measured: Tensor, misfit: Tensor) -> Tensor:
    """How much the fit narrows the population down: ln det(C + S) - ln det(S).

    The Occam factor of the class's evidence, a Gaussian population of covariance C seen through
    a measurement of covariance S: a class that can be anything is less likely to be this.

    Parameters
    ----------
    population : mapping
        The card's ``population``, with ``covariance``.
    measured : Tensor of float64, shape (rows, m, m)
        Covariance of the coefficients from the fit; rows of NaN give NaN.
    misfit : Tensor of float64, shape (rows,)
        Factor on it: the reduced χ² of the fit where that is above 1.

    Returns
    -------
    Tensor of float64, shape (rows,)
        NaN for all where the card does not know its population.
    """
    if "covariance" not in population:
        return measured.new_full((len(measured),), torch.nan)
    known = torch.isfinite(measured).all(dim=2).all(dim=1)
    spread = measured.new_tensor(population["covariance"])
    eye = torch.eye(len(spread), dtype=measured.dtype, device=measured.device)
    noise = measured * misfit[:, None, None] + NO_NOISE * eye
    noise = torch.where(known[:, None, None], noise, eye)
    total = torch.linalg.slogdet(_filled(noise + spread))[1]
    gain = total - torch.linalg.slogdet(_filled(noise))[1]
    return torch.where(known, gain, torch.nan)


def domain_distance(coeff: Tensor, measured: Tensor, mean: Tensor, covariance: Tensor) -> Tensor:
    """Squared Mahalanobis distance of coefficients from the population.

    Parameters
    ----------
    coeff : Tensor of float64, shape (rows, m)
        Exact coefficients.
    measured : Tensor of float64, shape (rows, m, m)
        Their covariance from the fit: a noisy spectrum is not strange for being noisy.
    mean, covariance : Tensor of float64, shapes (m,) and (m, m)
        Moments of the training population.
    """
    offset = coeff - mean
    total = _filled(covariance + measured)
    offset = torch.nn.functional.pad(offset, (0, total.shape[1] - offset.shape[1]))[..., None]
    return (offset * torch.linalg.solve(total, offset)).sum(dim=(1, 2))


def _filled(matrices: Tensor) -> Tensor:
    """Symmetric matrices with the identity beside them, up to a multiple of :data:`TILE`.

    Parameters
    ----------
    matrices : Tensor, shape (rows, m, m)
        Determinant and solutions stay what they are.
    """
    m = matrices.shape[1]
    whole = torch.eye(-(-m // TILE) * TILE, dtype=matrices.dtype, device=matrices.device)
    out = whole.repeat(len(matrices), 1, 1)
    out[:, :m, :m] = matrices
    return out
