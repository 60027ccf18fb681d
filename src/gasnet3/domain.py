"""Whether coefficients are like those of the training population."""

from __future__ import annotations

import torch
from torch import Tensor


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
    offset = (coeff - mean)[..., None]
    total = covariance + measured
    return (offset * torch.linalg.solve(total, offset)).sum(dim=(1, 2))
