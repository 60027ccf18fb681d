"""Model cards: what a network is, what it was trained on, how well it did, and its weights."""

from __future__ import annotations

import copy
import hashlib
import json
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gasnet3.files import replacing
from gasnet3.lattice import OBSERVED, LogLattice, ShiftRange
from gasnet3.nets.base import Reconstruction
from gasnet3.nets.encoder import Encoder
from gasnet3.nets.unet import UNet

FORMAT = 1
"""Version of the card's layout."""

ARCHITECTURES: dict[str, type[Encoder] | type[UNet]] = {"encoder": Encoder, "unet": UNet}


class ModelError(Exception):
    """A model that cannot be found or loaded; the message says which, why and what to do."""


@dataclass(frozen=True)
class ModelCard:
    """Everything but the weights.

    Parameters
    ----------
    name, cls : str
        Name in the registry, and the class the network reconstructs.
    architecture : str
        "encoder" or "unet".
    options : dict
        Arguments of the network beside the lattice sizes (m, variant, width, flip, ...).
    z_min, z_max : float
        Redshift range scanned; sets the rest-frame lattice (eq. 6).
    degree : int
        Degree of the continuum polynomial the network was trained with.
    training, metrics : dict
        Data, limits, seeds, epochs and time; loss and scores on the validation set, with n.
    population : dict
        ``z``, ``coeff``, ``continuum``: rows of exact solutions of training spectra, from
        which mock spectra are drawn; ``z_edges``, ``z_count``: histogram of training redshifts;
        ``mean``, ``covariance``, ``limit``: the domain of the coefficients.
    calibration : dict
        ``z_err``: by kind of solution ("exact", "amortised"), ``scale`` and ``floor`` of the
        redshift's error (:func:`gasnet3.decide.rank`), with the n they were measured on.
    licence, sha256 : str
        Licence of the weights, and hash of the safetensors file.
    """

    name: str
    cls: str
    architecture: str
    options: dict[str, Any]
    z_min: float
    z_max: float
    degree: int
    k_min: int = OBSERVED.k_min
    n: int = OBSERVED.n
    training: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    population: dict[str, Any] = field(default_factory=dict)
    calibration: dict[str, Any] = field(default_factory=dict)
    licence: str = "MIT"
    sha256: str = ""
    format: int = FORMAT

    @property
    def shifts(self) -> ShiftRange:
        """The whole shifts the class is scanned over."""
        return ShiftRange.from_z(self.z_min, self.z_max)

    @property
    def observed(self) -> LogLattice:
        """Observed-frame lattice of the input."""
        return LogLattice(self.k_min, self.n)

    @property
    def rest(self) -> LogLattice:
        """Rest-frame lattice of the reconstruction (eq. 6)."""
        return self.shifts.rest_lattice(self.observed)

    def build(self) -> Encoder | UNet:
        """An untrained network as the card describes it.

        Raises
        ------
        ModelError
            If there is no such architecture, or it does not take the options.
        """
        if self.architecture not in ARCHITECTURES:
            known = ", ".join(ARCHITECTURES)
            raise ModelError(f"{self.name}: unknown architecture {self.architecture!r} ({known})")
        try:
            return ARCHITECTURES[self.architecture](self.n, self.rest.n, **self.options)
        except (TypeError, ValueError, RuntimeError) as error:
            raise ModelError(
                f"{self.name}: options {self.options} do not fit the {self.architecture} ({error})"
            ) from None


@dataclass(frozen=True, eq=False)
class Model:
    """A trained network with its card.

    Parameters
    ----------
    card : ModelCard
        What it is.
    network : Encoder or UNet
        The weights, in evaluation mode.
    """

    card: ModelCard
    network: Encoder | UNet

    @property
    def eigenspectra(self) -> Tensor | None:
        """Eigenspectra M, shape (m, N); None for a U-Net."""
        return self.network.eigenspectra.detach() if isinstance(self.network, Encoder) else None

    @torch.inference_mode()
    def reconstruct(self, flux: Tensor, ivar: Tensor) -> Reconstruction:
        """Rest-frame reconstruction of prepared spectra (eq. 3-5), shape (rows, N)."""
        return self.network(flux, ivar)

    def to(self, device: torch.device | str) -> Model:
        """A copy of the model on a device; this one stays where it is."""
        return Model(self.card, copy.deepcopy(self.network).to(device))


def save_model(network: nn.Module, card: ModelCard, directory: Path) -> Path:
    """Write ``<name>.safetensors`` and ``<name>.json``; the card gets the weights' hash.

    Returns
    -------
    Path
        The card's path.
    """
    from safetensors.torch import save

    directory.mkdir(parents=True, exist_ok=True)
    weights = save({k: v.detach().cpu().contiguous() for k, v in network.state_dict().items()})
    path = directory / f"{card.name}.json"
    with replacing(path.with_suffix(".safetensors")) as temporary:
        temporary.write_bytes(weights)
    write_card(path, replace(card, sha256=hashlib.sha256(weights).hexdigest()))
    return path


def write_card(path: Path, card: ModelCard) -> None:
    """Write a card, in place of the one that is there."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(asdict(card), indent=1, allow_nan=False) + "\n")


def read_card(path: Path) -> ModelCard:
    """Read a card.

    Raises
    ------
    ModelError
        If the file is missing, not JSON, of another format, or has unknown or missing entries.
    """
    try:
        content = json.loads(path.read_text())
    except OSError as error:
        raise ModelError(f"{path}: cannot read the model card ({error.strerror})") from None
    except ValueError as error:
        raise ModelError(f"{path}: the model card is not valid JSON ({error})") from None
    known = {f.name for f in fields(ModelCard)}
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ModelError(f"{path}: not a gasnet3 model card of format {FORMAT}")
    if unknown := sorted(set(content) - known):
        raise ModelError(f"{path}: unknown entries {', '.join(unknown)}; a newer gasnet3 wrote it?")
    try:
        return ModelCard(**content)
    except TypeError as error:
        raise ModelError(f"{path}: incomplete model card ({error})") from None


def read_model(path: Path) -> Model:
    """Load the model whose card is ``path``; the weights lie beside it.

    Raises
    ------
    ModelError
        If card or weights are missing, damaged or do not fit each other.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    card = read_card(path)
    weights_path = path.with_suffix(".safetensors")
    try:
        weights = weights_path.read_bytes()
    except OSError as error:
        raise ModelError(f"{weights_path}: cannot read the weights ({error.strerror})") from None
    if hashlib.sha256(weights).hexdigest() != card.sha256:
        raise ModelError(
            f"{weights_path}: the weights differ from the card's sha256; copy both again"
        )
    network = card.build()
    try:
        network.load_state_dict(load(weights))
    except (RuntimeError, KeyError, SafetensorError) as error:
        raise ModelError(f"{weights_path}: weights do not fit the card ({error})") from None
    return Model(card, network.eval().requires_grad_(False))
