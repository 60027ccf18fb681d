"""Training losses (paper, eq. 7-8), with every row's shift applied at once."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

PROJECTION_RIDGE = 1e-3
"""Ridge on the scaled normal matrix: keeps unlearned eigenspectra from fitting noise with noise."""


def seen_window(rest: Tensor, start: Tensor, n: int) -> Tensor:
    """The observed window of rest-frame spectra: F̂_{i+s(z)} of eq. 7-8.

    Parameters
    ----------
    rest : Tensor, shape (rows, N)
        Rest-frame reconstructions.
    start : Tensor of int64, shape (rows,)
        First rest-frame pixel seen, :meth:`gasnet3.spectra.lattice.ShiftRange.start`.
    n : int
        Pixels of the observed lattice.

    Returns
    -------
    Tensor, shape (rows, n)
    """
    index = start[:, None] + torch.arange(n, device=rest.device)
    return torch.gather(rest, 1, index)


def chi2_loss(model: Tensor, flux: Tensor, ivar: Tensor, error_floor: float = 0.0) -> Tensor:
    """Mean χ² a good pixel (eq. 7), averaged over rows; L_E.

    Parameters
    ----------
    model, flux, ivar : Tensor, shape (rows, n)
        Model in the observed window, prepared flux and its inverse variance.
    error_floor : float
        Error added in quadrature, in units of the spectrum's rms (eq. 2). It keeps the few
        spectra of S/N 80 from owning the loss; 0 is the paper's loss.
    """
    weight = ivar / (1.0 + ivar * error_floor**2)
    n_good = (ivar > 0).sum(dim=1).clamp(min=1)
    return (((model - flux) ** 2 * weight).sum(dim=1) / n_good).mean()


def projection_loss(
    eigenspectra: Tensor,
    basis: Tensor,
    flux: Tensor,
    ivar: Tensor,
    start: Tensor,
    error_floor: float = 0.0,
) -> Tensor:
    """χ² a good pixel that the eigenspectra leave when solved exactly (eq. 22-24).

    What the exact solver will do with the eigenspectra, continuum included, at the labelled
    redshift. The best coefficients need no derivative: χ² is stationary in them, so its gradient
    in the eigenspectra is that at fixed coefficients.

    Parameters
    ----------
    eigenspectra : Tensor, shape (m, N)
        M of eq. 5.
    basis : Tensor, shape (degree + 1, n)
        Continuum polynomials.
    flux, ivar, start, error_floor
        See :func:`chi2_loss` and :func:`seen_window`.
    """
    weight = ivar / (1.0 + ivar * error_floor**2)
    n, m = flux.shape[1], len(eigenspectra)
    with torch.no_grad():
        seen = eigenspectra.unfold(1, n, 1)[:, start].transpose(0, 1)
        design = torch.cat([seen, basis.expand(len(flux), -1, -1)], dim=1)
        weighted = design * weight[:, None]
        normal = torch.bmm(weighted, design.transpose(1, 2))
        scale = torch.diagonal(normal, dim1=1, dim2=2).clamp(min=1e-12).sqrt()
        normal = normal / (scale[:, :, None] * scale[:, None])
        ridge = PROJECTION_RIDGE * torch.eye(len(normal[0]), device=flux.device)
        right = torch.bmm(weighted, flux[..., None])[..., 0] / scale
        factor, _ = torch.linalg.cholesky_ex(normal + ridge)
        solution = torch.cholesky_solve(right[..., None], factor)[..., 0] / scale
    model = seen_window(solution[:, :m] @ eigenspectra, start, n) + solution[:, m:] @ basis
    return chi2_loss(model, flux, ivar, error_floor)


def roughness(eigenspectra: Tensor) -> Tensor:
    """Sum of squared second differences along the lattice.

    Of features as broad as a quasar's lines it is next to nothing; of noise from pixel to pixel,
    which ripples χ² on the scale of a pixel, it is a lot.
    """
    return (torch.diff(eigenspectra, n=2, dim=1) ** 2).sum()


def smooth_l1_loss(model: Tensor, flux: Tensor, ivar: Tensor, error_floor: float = 0.0) -> Tensor:
    """Smooth L1 over the good pixels (eq. 8), averaged over rows; L_U.

    The arguments are those of :func:`chi2_loss`; ``error_floor`` plays no part, ``ivar`` only
    tells which pixels are good.
    """
    good = ivar > 0
    each = functional.smooth_l1_loss(model, flux, reduction="none") * good
    return (each.sum(dim=1) / good.sum(dim=1).clamp(min=1)).mean()
