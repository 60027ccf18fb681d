"""One network for all classes: one trunk, a head a class, frozen eigenspectra (paper, note 2)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from gasnet3.machine.files import replacing
from gasnet3.nets.card import ModelError
from gasnet3.nets.encoder import Encoder
from gasnet3.nets.model import Model

REMEMBERED = 8
"""Inputs whose features the trunk keeps: the blocks of a batch, which each class asks for."""


class Trunk(nn.Module):
    """Convolutions that all classes share, and that see a block of spectra once for all of them.

    Without gradients the features of the last inputs are kept, so that three views over one
    network, asked in turn, cost one pass.
    """

    def __init__(self, layers: nn.Module) -> None:
        super().__init__()
        self.layers = layers
        self._known: list[tuple[Tensor, Tensor]] = []

    def forward(self, flux: Tensor) -> Tensor:
        """Features of spectra of shape (rows, 1, n), shape (rows, width)."""
        if torch.is_grad_enabled():
            self.forget()
            return self.layers(flux)
        for known, features in self._known:
            if known.device == flux.device and torch.equal(known, flux):
                return features
        features = self.layers(flux)
        self._known = [*self._known[1 - REMEMBERED :], (flux, features)]
        return features

    def forget(self) -> None:
        """Drop what is kept: the weights are about to change, or time is taken."""
        self._known = []


class MergedEncoder(nn.Module):
    """The "deep" Encoders of all classes with one trunk between them.

    Parameters
    ----------
    models : mapping of str to Model
        Trained Encoders by class. Their eigenspectra are taken over and frozen. The heads, and
        the trunk of the last of them, are where training starts; of "paper" Encoders, whose
        layers are others, it starts untrained.

    Raises
    ------
    ModelError
        If a model has no eigenspectra, or they are not on one observed lattice.
    """

    def __init__(self, models: Mapping[str, Model]) -> None:
        super().__init__()
        lattices = {(m.card.k_min, m.card.n, m.card.degree) for m in models.values()}
        if len(lattices) != 1:
            raise ModelError(
                f"models of {len(lattices)} lattices or continuum degrees cannot share a trunk: "
                "merge models trained with the same k_min, n and degree"
            )
        built = {cls: _start(model) for cls, model in models.items()}
        self.trunk = Trunk(list(built.values())[-1].features)
        for encoder in built.values():
            # Encoder.features is the only part that knows nothing of the class.
            encoder.add_module("features", self.trunk)
        self.encoders = nn.ModuleDict(built)

    def encoder(self, cls: str) -> Encoder:
        """The Encoder of one class; its trunk is that of all others."""
        encoder = self.encoders[cls]
        assert isinstance(encoder, Encoder)
        return encoder

    def see(self, flux: Tensor, ivar: Tensor) -> Tensor:
        """Features of prepared spectra, shape (rows, width), for the heads of all classes."""
        return self.encoder(next(iter(self.encoders))).see(flux, ivar)

    def scaled(self, cls: str, seen: Tensor) -> Tensor:
        """Coefficients times amplitude (eq. 3-5) of one class, shape (rows, m)."""
        coeff, amplitude = self.encoder(cls).coefficients(seen)
        return amplitude[:, None] * coeff

    def views(self, models: Mapping[str, Model]) -> dict[str, Model]:
        """One model a class over this network, with the cards of the separate ones."""
        return {cls: Model(models[cls].card, self.encoder(cls)) for cls in self.encoders}


def _start(model: Model) -> Encoder:
    """A deep Encoder that starts from a trained one; its eigenspectra are frozen."""
    eigenspectra = model.eigenspectra
    if eigenspectra is None:
        raise ModelError(f"{model.card.name} has no eigenspectra to merge: give Encoder models")
    m, pixels = eigenspectra.shape
    encoder = Encoder(model.card.n, pixels, m, "deep")
    if isinstance(model.network, Encoder) and model.network.variant == "deep":
        encoder.load_state_dict(model.network.state_dict())
    encoder.eigenspectra.requires_grad_(False).copy_(eigenspectra)
    return encoder


def write_merged(network: MergedEncoder, path: Path) -> None:
    """Write the weights as safetensors, the trunk once, whole or not at all."""
    from safetensors.torch import save

    state = {k: v.contiguous() for k, v in network.state_dict().items() if not _repeated(k)}
    with replacing(path) as temporary:
        temporary.write_bytes(save(state))


def read_merged(path: Path, models: Mapping[str, Model]) -> MergedEncoder:
    """Read weights written by :func:`write_merged`, in evaluation mode.

    Raises
    ------
    ModelError
        If they cannot be read, do not fit, or were trained with other eigenspectra than these.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    network = MergedEncoder(models)
    try:
        missing, unknown = network.load_state_dict(load(path.read_bytes()), strict=False)
    except (OSError, RuntimeError, SafetensorError) as error:
        raise ModelError(f"{path}: not weights of a merged Encoder ({error})") from None
    wrong = [*(key for key in missing if not _repeated(key)), *unknown]
    if wrong:
        raise ModelError(f"{path}: not weights of a merged Encoder of these classes: {wrong[0]}")
    for cls, model in models.items():
        eigenspectra = model.eigenspectra
        assert eigenspectra is not None  # MergedEncoder has refused it
        if not torch.equal(network.encoder(cls).eigenspectra, eigenspectra):
            raise ModelError(
                f"{path}: trained with other eigenspectra than those of {model.card.name}; "
                "name the models it was trained with, or train it anew"
            )
    return network.eval().requires_grad_(False)


def start_from(network: MergedEncoder, path: Path) -> None:
    """Take over the weights of an earlier merged Encoder, where they fit.

    Its eigenspectra are left, and layers of another size: those of a class with another number
    of eigenspectra.

    Raises
    ------
    ModelError
        If they cannot be read, or nothing fits.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        earlier = load(path.read_bytes())
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path}: not weights of a merged Encoder ({error})") from None
    now = network.state_dict()
    fits = {
        key: value
        for key, value in earlier.items()
        if key in now and now[key].shape == value.shape and not key.endswith("eigenspectra")
    }
    if not fits:
        raise ModelError(f"{path}: nothing in it fits; give weights of a merged Encoder")
    network.load_state_dict(fits, strict=False)


def _repeated(key: str) -> bool:
    """Whether a name of the state is the trunk's, under a second name."""
    return key.startswith("encoders.") and ".features." in key
