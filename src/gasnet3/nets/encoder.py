"""Encoder: coefficients from the spectrum, learned eigenspectra (paper, eq. 3-6, Fig. 3)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from gasnet3.nets.base import Reconstruction

Variant = Literal["paper", "deep"]

HIDDEN = 128
"""Width of the hidden layer before the coefficients."""

INITIAL_SCALE = 0.02
"""Standard deviation of untrained eigenspectra: small, so no pixel owns the first steps."""


class Encoder(nn.Module):
    """Maps a prepared spectrum to m coefficients of m learned rest-frame eigenspectra.

    Parameters
    ----------
    n : int
        Pixels of the observed lattice.
    n_rest : int
        Pixels N of the rest-frame lattice (eq. 6).
    m : int
        Number of eigenspectra.
    variant : {"paper", "deep"}
        "paper": four blocks of convolution and pooling, squared and normalised coefficients
        (eq. 4): a convex mix of eigenspectra times an amplitude. "deep": strided convolutions,
        more of them, a hidden layer, noisy pixels shrunk before the first layer, and
        coefficients of either sign.
    """

    def __init__(self, n: int, n_rest: int, m: int = 10, variant: Variant = "paper") -> None:
        super().__init__()
        if variant not in ("paper", "deep"):
            raise ValueError(f"unknown Encoder variant {variant!r}: choose 'paper' or 'deep'")
        if m < 1:
            raise ValueError(f"an Encoder needs at least one eigenspectrum, got m = {m}")
        self.variant = variant
        self.m = m
        layers = _deep_layers() if variant == "deep" else _paper_layers()
        self.features = nn.Sequential(*layers, nn.Flatten())
        with torch.no_grad():
            width = self.features(torch.zeros(1, 1, n)).shape[1]
        hidden = [nn.Linear(width, HIDDEN), nn.GELU()] if variant == "deep" else []
        self.head = nn.Sequential(*hidden, nn.Linear(HIDDEN if hidden else width, m + 1))
        self.eigenspectra = nn.Parameter(torch.randn(m, n_rest) * INITIAL_SCALE)

    def forward(self, flux: Tensor, ivar: Tensor) -> Reconstruction:
        """Reconstruct the rest-frame spectrum: F̂ = A·ω·M (eq. 3-5).

        Parameters
        ----------
        flux, ivar : Tensor of float32, shape (rows, n)
            Prepared spectra (eq. 2) and their inverse variance.
        """
        coeff, amplitude = self.encode(flux, ivar)
        return Reconstruction((amplitude[:, None] * coeff) @ self.eigenspectra, coeff, amplitude)

    def encode(self, flux: Tensor, ivar: Tensor) -> tuple[Tensor, Tensor]:
        """Coefficients ω, shape (rows, m), and amplitude A, shape (rows,) (eq. 3-4)."""
        return self.coefficients(self.see(flux, ivar))

    def see(self, flux: Tensor, ivar: Tensor) -> Tensor:
        """What the convolutions make of prepared spectra, shape (rows, width)."""
        if self.variant == "deep":
            flux = without_noise(flux, ivar)
        return self.features(flux[:, None])

    def coefficients(self, seen: Tensor) -> tuple[Tensor, Tensor]:
        """ω and A (eq. 3-4) from what :meth:`see` gives."""
        out = self.head(seen)
        if self.variant == "deep":
            return free_coefficients(out)
        raw, scale = out[:, : self.m], out[:, self.m]
        squared = raw**2
        return squared / squared.sum(dim=1, keepdim=True).clamp(min=1e-12), scale


def without_noise(flux: Tensor, ivar: Tensor) -> Tensor:
    """The posterior mean of pixels whose signal has unit variance, as eq. 2 makes it.

    A pixel of pure noise says nothing instead of shouting.
    """
    return flux * (ivar / (ivar + 1.0))


def free_coefficients(out: Tensor) -> tuple[Tensor, Tensor]:
    """ω of either sign, (rows, m), and A, (rows,), from what a head gives, (rows, m + 1)."""
    raw, scale = out[:, :-1], out[:, -1]
    size = torch.linalg.vector_norm(raw, dim=1).clamp(min=1e-12)
    # The scale multiplies, so that the direction and the size are learned apart.
    return raw / size[:, None], size * torch.exp(scale.clamp(-5.0, 5.0))


def _paper_layers() -> list[nn.Module]:
    layers: list[nn.Module] = []
    for inputs, outputs in ((1, 16), (16, 32), (32, 32), (32, 64)):
        layers += [nn.Conv1d(inputs, outputs, 5, padding=2), nn.ReLU(), nn.MaxPool1d(4)]
    return layers


def _deep_layers() -> list[nn.Module]:
    layers: list[nn.Module] = [nn.Conv1d(1, 32, 16, stride=4, padding=6), nn.GELU()]
    for inputs, outputs, stride in ((32, 64, 4), (64, 64, 2), (64, 64, 2), (64, 64, 2)):
        layers += [nn.Conv1d(inputs, outputs, 7, stride=stride, padding=3), nn.GELU()]
    return layers
