"""Training losses (paper, eq. 7-8), with every row's shift applied at once."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def seen_window(rest: Tensor, start: Tensor, n: int) -> Tensor:
    """The observed window of rest-frame spectra: F̂_{i+s(z)} of eq. 7-8.

    Parameters
    ----------
    rest : Tensor, shape (rows, N)
        Rest-frame reconstructions.
    start : Tensor of int64, shape (rows,)
        First rest-frame pixel seen, :meth:`gasnet3.lattice.ShiftRange.start`.
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


def smooth_l1_loss(model: Tensor, flux: Tensor, ivar: Tensor, error_floor: float = 0.0) -> Tensor:
    """Smooth L1 over the good pixels (eq. 8), averaged over rows; L_U.

    The arguments are those of :func:`chi2_loss`; ``error_floor`` plays no part, ``ivar`` only
    tells which pixels are good.
    """
    good = ivar > 0
    each = functional.smooth_l1_loss(model, flux, reduction="none") * good
    return (each.sum(dim=1) / good.sum(dim=1).clamp(min=1)).mean()
