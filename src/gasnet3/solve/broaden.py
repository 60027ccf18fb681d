"""Models as spectrographs of lower resolution than their own see them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from gasnet3.nets.card import ModelCard
from gasnet3.solve.arrays import Array, narrow, wide

if TYPE_CHECKING:
    from gasnet3.nets.base import Reconstruction

REACH = 4.0
"""Where the Gaussian ends, in its σ."""


def smooth(flux: Array, sigma: float) -> Array:
    """Convolve rows of pixels with a Gaussian; beyond their ends they go on as they end.

    Parameters
    ----------
    flux : Tensor or ndarray of float32, shape (rows, N)
        What is made broader.
    sigma : float
        Pixels.

    Returns
    -------
    Tensor or ndarray of float32, shape (rows, N)
    """
    half = int(np.ceil(REACH * sigma))
    offset = np.arange(-half, half + 1)
    weight = np.exp(-0.5 * (offset / sigma) ** 2)
    weight /= weight.sum()
    n, source = flux.shape[1], wide(flux)
    index = np.clip(np.arange(-half, n + half), 0, n - 1)
    padded = source[:, index]
    out = float(weight[0]) * padded[:, :n]
    # Term by term: the last bits of a matrix product depend on the number of rows.
    for at in range(1, len(weight)):
        out = out + float(weight[at]) * padded[:, at : at + n]
    return narrow(out)


@dataclass(frozen=True, eq=False)
class BroadenedModel:
    """A model, in its place, whose rest-frame spectra are convolved with a Gaussian.

    Parameters
    ----------
    model : gasnet3.nets.model.Model or gasnet3.onnx.runtime.OnnxModel
        As it was trained.
    sigma : float
        Of the Gaussian, in pixels.
    """

    model: Any
    sigma: float

    @property
    def card(self) -> ModelCard:
        """That of the model."""
        card: ModelCard = self.model.card
        return card

    @cached_property
    def eigenspectra(self) -> Array | None:
        """Eigenspectra, broader, shape (m, N); None for a U-Net."""
        sharp = self.model.eigenspectra
        return None if sharp is None else smooth(sharp, self.sigma)

    def reconstruct(self, flux: Array, ivar: Array) -> Reconstruction:
        """Rest-frame reconstruction of prepared spectra, broader, shape (rows, N)."""
        found: Reconstruction = self.model.reconstruct(flux, ivar)
        return found._replace(flux=smooth(found.flux, self.sigma))
