"""What a network's training population looked like, for its card."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gasnet3.decide.domain import domain_distance
from gasnet3.nets.card import ModelCard
from gasnet3.nets.encoder import Encoder
from gasnet3.solve.fits import Fits
from gasnet3.solve.prepare import legendre_basis
from gasnet3.solve.refine import fit_at
from gasnet3.solve.templates import Templates
from gasnet3.spectra.coverage import good_span
from gasnet3.spectra.lattice import shift_from_z
from gasnet3.train.data import TrainingSet

DOMAIN_ROWS = 3000
"""Training spectra whose exact coefficients describe the domain."""

MOCK_ROWS = 200
"""Exact solutions kept in the card to draw mock spectra from."""

WHOLE, WIDEST = 0.97, 0.85
"""Such a share of what one row in seven sees, or more, must be seen of those."""

DOMAIN_QUANTILE = 0.999
Z_BINS = 60


def describe_population(
    network: nn.Module, card: ModelCard, train: TrainingSet, seed: int
) -> dict[str, Any]:
    """Redshift histogram, coefficient domain and sample solutions of the training spectra.

    Returns
    -------
    dict
        The ``population`` entry of :class:`~gasnet3.nets.card.ModelCard`.
    """
    edges = np.linspace(np.log1p(card.z_min), np.log1p(card.z_max), Z_BINS + 1)
    count, _ = np.histogram(np.log1p(train.z.numpy()), edges)
    out: dict[str, Any] = {"z_edges": _rounded(np.expm1(edges)), "z_count": count.tolist()}
    if not isinstance(network, Encoder):
        return out
    rows = torch.randperm(len(train), generator=torch.Generator().manual_seed(seed))[:DOMAIN_ROWS]
    basis = legendre_basis(card.observed, card.degree)
    templates = Templates.build(network.eigenspectra, card.shifts, basis)
    shift = torch.from_numpy(shift_from_z(train.z[rows].numpy()))
    fits = fit_at(templates, train.flux, train.ivar, rows, shift)
    mean, covariance = _robust_moments(fits)
    distance = domain_distance(fits.coeff, fits.covariance, mean, covariance)
    chosen = _well_measured(fits)
    chosen = chosen[_seen_whole(train.ivar[rows][chosen])][:MOCK_ROWS]
    return out | {
        "mean": _rounded(mean.numpy()),
        "covariance": _rounded(covariance.numpy()),
        "limit": float(torch.quantile(distance, DOMAIN_QUANTILE)),
        "z": _rounded(train.z[rows][chosen].numpy()),
        "coeff": _rounded(fits.coeff[chosen].numpy()),
        "continuum": _rounded((train.continuum[rows] + fits.continuum)[chosen].numpy()),
    }


def _well_measured(fits: Fits) -> Tensor:
    """Fits whose coefficients are measured better than the population scatters, in order."""
    noise = torch.diagonal(fits.covariance, dim1=1, dim2=2).sum(dim=1)
    size = (fits.coeff**2).sum(dim=1)
    return torch.nonzero(noise < 0.1 * size)[:, 0]


def _seen_whole(ivar: Tensor) -> Tensor:
    """Rows that were observed as far as most are, or nearly: others know no continuum there."""
    first, last = good_span(ivar.numpy() > 0)
    span = torch.from_numpy(last - first)
    return span >= WHOLE * torch.quantile(span.double(), WIDEST)


def _robust_moments(fits: Fits) -> tuple[Tensor, Tensor]:
    """Mean and covariance of well measured coefficients, wild ones (10 σ, MAD) left out."""
    chosen = _well_measured(fits)
    coeff = fits.coeff[chosen] if len(chosen) > fits.coeff.shape[1] else fits.coeff
    median = coeff.median(dim=0).values
    spread = 1.4826 * (coeff - median).abs().median(dim=0).values
    coeff = coeff[((coeff - median).abs() < 10 * spread + 1e-12).all(dim=1)]
    floor = 1e-8 * torch.eye(coeff.shape[1], dtype=coeff.dtype)
    return coeff.mean(dim=0), torch.cov(coeff.T).reshape(floor.shape) + floor


def _rounded(values: NDArray[Any]) -> list[Any]:
    """Nested lists with six significant digits: exact enough, and readable."""
    flat = [float(f"{value:.6g}") for value in np.ravel(values)]
    return np.reshape(flat, np.shape(values)).tolist()
