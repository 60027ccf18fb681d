"""Templates in the place of a network: eigenspectra, and nothing that proposes coefficients."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gasnet3.nets.base import Reconstruction
from gasnet3.nets.card import ModelError


class Basis(nn.Module):
    """Rest-frame templates that are solved with as the eigenspectra of an Encoder are.

    Parameters
    ----------
    n, n_rest : int
        Pixels of the observed and of the rest-frame lattice (eq. 6).
    m : int
        Number of templates.
    """

    def __init__(self, n: int, n_rest: int, m: int) -> None:
        super().__init__()
        if m < 1:
            raise ValueError(f"at least one template is needed, got m = {m}")
        self.n, self.m = n, m
        self.eigenspectra = nn.Parameter(torch.zeros(m, n_rest))

    def forward(self, flux: Tensor, ivar: Tensor) -> Reconstruction:
        """ModelError: nothing was trained to reconstruct spectra."""
        raise ModelError(
            "templates reconstruct no spectra by themselves: use the hybrid or exact solver"
        )
