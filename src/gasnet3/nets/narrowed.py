"""A model that is looked at over a part of its redshifts only."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor

from gasnet3.nets.base import Reconstruction
from gasnet3.nets.card import ModelCard
from gasnet3.nets.model import Model


@dataclass(frozen=True, eq=False)
class NarrowedModel(Model):
    """A model whose rest-frame lattice is cut to what a narrower range of redshifts shows.

    Whatever scans or refines it knows no other redshift, and does no work for them. ``whole`` is
    the card of the network; ``card`` is the same with the narrower range.
    """

    whole: ModelCard

    @property
    def _seen(self) -> slice:
        """Pixels of the network's rest-frame lattice that are left."""
        first = self.whole.shifts.last - self.card.shifts.last
        return slice(first, first + self.card.rest.n)

    @property
    def eigenspectra(self) -> Tensor | None:
        """Eigenspectra M, shape (m, N); None for a U-Net."""
        whole = super().eigenspectra
        return None if whole is None else whole[:, self._seen].contiguous()

    @torch.inference_mode()
    def reconstruct(self, flux: Tensor, ivar: Tensor) -> Reconstruction:
        """Rest-frame reconstruction of prepared spectra (eq. 3-5), shape (rows, N)."""
        out = super().reconstruct(flux, ivar)
        return out._replace(flux=out.flux[:, self._seen])

    def to(self, device: torch.device | str) -> NarrowedModel:
        """A copy of the model on a device; this one stays where it is."""
        return NarrowedModel(self.card, copy.deepcopy(self.network).to(device), self.whole)


def narrowed(model: Model, card: ModelCard) -> Model:
    """A model over the range of redshifts of a card (:meth:`ModelCard.narrowed`) of it."""
    return model if card is model.card else NarrowedModel(card, model.network, model.card)
