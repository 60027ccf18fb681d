"""Networks with their weights and cards, read and written."""

from __future__ import annotations

import copy
import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from gasnet3.machine.files import replacing
from gasnet3.nets.base import Reconstruction
from gasnet3.nets.basis import Basis
from gasnet3.nets.card import ModelCard, ModelError, read_card, read_weights, write_card
from gasnet3.nets.encoder import Encoder
from gasnet3.nets.unet import UNet

Network = Encoder | UNet | Basis

ARCHITECTURES: dict[str, type[Encoder] | type[UNet] | type[Basis]] = {
    "encoder": Encoder, "unet": UNet, "templates": Basis,
}  # fmt: skip


def build(card: ModelCard) -> Network:
    """An untrained network as a card describes it.

    ModelError if there is no such architecture, or it does not take the options.
    """
    if card.architecture not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES)
        raise ModelError(f"{card.name}: unknown architecture {card.architecture!r} ({known})")
    try:
        return ARCHITECTURES[card.architecture](card.n, card.rest.n, **card.options)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ModelError(
            f"{card.name}: options {card.options} do not fit the {card.architecture} ({error})"
        ) from None


@dataclass(frozen=True, eq=False)
class Model:
    """A trained network, in evaluation mode, or templates, with their card."""

    card: ModelCard
    network: Network

    @property
    def eigenspectra(self) -> Tensor | None:
        """Eigenspectra M, shape (m, N); None for a U-Net."""
        return None if isinstance(self.network, UNet) else self.network.eigenspectra.detach()

    @torch.inference_mode()
    def reconstruct(self, flux: Tensor, ivar: Tensor) -> Reconstruction:
        """Rest-frame reconstruction of prepared spectra (eq. 3-5), shape (rows, N)."""
        out: Reconstruction = self.network(flux, ivar)
        return out

    def to(self, device: torch.device | str) -> Model:
        """A copy of the model on a device; this one stays where it is."""
        return Model(self.card, copy.deepcopy(self.network).to(device))


def save_model(network: nn.Module, card: ModelCard, directory: Path) -> Path:
    """Write ``<name>.safetensors`` and ``<name>.json`` with its hash; gives the latter's path."""
    from safetensors.torch import save

    directory.mkdir(parents=True, exist_ok=True)
    weights = save({k: v.detach().cpu().contiguous() for k, v in network.state_dict().items()})
    path = directory / f"{card.name}.json"
    with replacing(path.with_suffix(".safetensors")) as temporary:
        temporary.write_bytes(weights)
    write_card(path, replace(card, sha256=hashlib.sha256(weights).hexdigest()))
    return path


def read_model(path: Path) -> Model:
    """Load the model whose card is ``path``; the weights lie beside it.

    ModelError if card or weights are missing, damaged or do not fit each other.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    card = read_card(path)
    weights_path = path.with_suffix(".safetensors")
    weights = read_weights(weights_path, card)
    network = build(card)
    try:
        network.load_state_dict(load(weights))
    except (RuntimeError, KeyError, SafetensorError) as error:
        raise ModelError(f"{weights_path}: weights do not fit the card ({error})") from None
    return Model(card, network.eval().requires_grad_(False))
