"""Trunk: one network that gives the coefficients of all classes (paper, footnote 2)."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from gasnet3.classes import CLASSES
from gasnet3.machine.files import replacing
from gasnet3.nets.card import ModelError, TrunkCard, read_trunk_card, read_weights, write_card
from gasnet3.nets.encoder import HIDDEN, free_coefficients, without_noise

WIDTHS = (24, 48, 64, 64, 64)
"""Channels of the layers."""

STRIDES = (8, 4, 2, 2, 1)
"""Pixels that each layer steps."""


class Trunk(nn.Module):
    """Maps a prepared spectrum to the coefficients of the eigenspectra of several Encoders.

    The convolutions are shared by all classes; each class has a head. Coefficients have either
    sign, as those of a "deep" Encoder.

    Parameters
    ----------
    n : int
        Pixels of the observed lattice.
    m : mapping of str to int
        Number of eigenspectra by class.
    widths : sequence of int
        Channels of the five layers.
    """

    def __init__(self, n: int, m: Mapping[str, int], widths: Sequence[int] = WIDTHS) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs, stride in zip((1, *widths[:-1]), widths, STRIDES, strict=True):
            kernel, padding = (7, 3) if layers else (16, 4)
            layers += [nn.Conv1d(inputs, outputs, kernel, stride, padding), nn.GELU()]
        self.layers = nn.Sequential(*layers, nn.Flatten())
        with torch.no_grad():
            width = self.layers(torch.zeros(1, 1, n)).shape[1]
        self.heads = nn.ModuleDict(
            {
                cls: nn.Sequential(
                    nn.Linear(width, HIDDEN), nn.GELU(), nn.Linear(HIDDEN, m[cls] + 1)
                )
                for cls in CLASSES
                if cls in m
            }
        )

    def see(self, flux: Tensor, ivar: Tensor) -> Tensor:
        """What the convolutions make of prepared spectra, shape (rows, width)."""
        seen: Tensor = self.layers(without_noise(flux, ivar)[:, None])
        return seen

    def scaled(self, seen: Tensor) -> tuple[Tensor, ...]:
        """Coefficients times amplitude (eq. 3-5), (rows, m) each, of the classes in their order."""
        both = (free_coefficients(head(seen)) for head in self.heads.values())
        return tuple(amplitude[:, None] * coeff for coeff, amplitude in both)

    def forward(self, flux: Tensor, ivar: Tensor) -> tuple[Tensor, ...]:
        """:meth:`scaled` of prepared spectra (eq. 2) and their inverse variance, (rows, n)."""
        return self.scaled(self.see(flux, ivar))


@dataclass(frozen=True, eq=False)
class TrunkModel:
    """A trained trunk, in evaluation mode, with its card."""

    card: TrunkCard
    network: Trunk

    @torch.inference_mode()
    def coefficients(self, flux: Tensor, ivar: Tensor) -> tuple[Tensor, ...]:
        """Coefficients times amplitude, (rows, m) each, of the card's classes in their order."""
        found: tuple[Tensor, ...] = self.network(flux, ivar)
        return found

    def to(self, device: torch.device | str) -> TrunkModel:
        """A copy of the trunk on a device; this one stays where it is."""
        return TrunkModel(self.card, copy.deepcopy(self.network).to(device))


def save_trunk(network: Trunk, card: TrunkCard, path: Path) -> None:
    """Write the card to ``path`` with the hash of the weights, which are written beside it."""
    from safetensors.torch import save

    path.parent.mkdir(parents=True, exist_ok=True)
    weights = save({k: v.detach().cpu().contiguous() for k, v in network.state_dict().items()})
    with replacing(path.with_suffix(".safetensors")) as temporary:
        temporary.write_bytes(weights)
    write_card(path, replace(card, sha256=hashlib.sha256(weights).hexdigest()))


def read_trunk(path: Path) -> TrunkModel:
    """Load the trunk whose card is ``path``; the weights lie beside it.

    ModelError if card or weights are missing, damaged or do not fit each other.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    card = read_trunk_card(path)
    weights_path = path.with_suffix(".safetensors")
    weights = read_weights(weights_path, card)
    try:
        network = Trunk(card.n, **card.options)
        network.load_state_dict(load(weights))
    except (TypeError, ValueError, RuntimeError, SafetensorError) as error:
        raise ModelError(f"{weights_path}: weights do not fit the card ({error})") from None
    return TrunkModel(card, network.eval().requires_grad_(False))
