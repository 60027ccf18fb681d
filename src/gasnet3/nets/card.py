"""Model cards: what a network is, what it was trained on, how well it did."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from gasnet3.classes import CLASSES
from gasnet3.errors import GasnetError
from gasnet3.machine.files import replacing
from gasnet3.spectra.lattice import OBSERVED, LogLattice, ShiftRange

FORMAT = 1
"""Version of the card's layout."""


class ModelError(GasnetError):
    """A model that cannot be found or loaded; the message says which, why and what to do."""


@dataclass(frozen=True)
class ModelCard:
    """Everything but the weights.

    Parameters
    ----------
    name, cls : str
        Name in the registry, and the class the network reconstructs.
    architecture : str
        "encoder", "unet", or "templates": eigenspectra alone, without a network.
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
        redshift's error (:func:`gasnet3.decide.rank.rank`), with the n they were measured on.
    subclass : str
        What the model is of within its class, where several compete in it; '' for the whole class.
    sigma : float
        Resolution of what the network was trained on: σ of the line spread in pixels. 0.9 is the
        median of SDSS's ``wdisp`` (41 spectra, 0.81 to 1.08).
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
    subclass: str = ""
    sigma: float = 0.9
    licence: str = "MIT"
    sha256: str = ""
    format: int = FORMAT

    @property
    def key(self) -> str:
        """Class, and name where several models may compete: no two models of a set share it."""
        return f"{self.cls} {self.name}" if self.architecture == "templates" else self.cls

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

    def need_eigenspectra(self) -> None:
        """Refuse a network without eigenspectra, for solvers that solve with them.

        ModelError says what to do.
        """
        if self.architecture == "unet":
            raise ModelError(
                f"{self.name} has no eigenspectra to solve with: "
                "use the amortised solver, or Encoder models"
            )

    def need_network(self) -> None:
        """Refuse templates, for what needs a network to reconstruct spectra with.

        ModelError says what to do.
        """
        if self.architecture == "templates":
            raise ModelError(
                f"{self.name} is made of templates and has no network, which the amortised "
                "solver, ONNX and fits of confidence need: use --solver hybrid or exact, or train "
                "a network (gasnet3 train)"
            )

    def narrowed(self, z_min: float, z_max: float) -> ModelCard:
        """The card of the same model looked at from ``z_min`` to ``z_max`` only.

        ValueError if its range does not hold this one.
        """
        if not self.z_min <= z_min < z_max <= self.z_max:
            raise ValueError(
                f"{self.cls} from z = {z_min:g} to {z_max:g}: {self.name} knows {self.z_min:g} to "
                f"{self.z_max:g}; give a range within it"
            )
        return replace(self, z_min=z_min, z_max=z_max)


@dataclass(frozen=True)
class TrunkCard:
    """Everything but the weights of a network that gives the coefficients of several Encoders.

    Parameters
    ----------
    models : dict of str to str
        By class, the hash of the weights of the Encoder whose eigenspectra the coefficients are of.
    options : dict
        Arguments of the network (m: number of eigenspectra by class, widths).
    degree, k_min, n : int
        Of the continuum and the observed lattice: those of the Encoders.
    training, metrics : dict
        Data, seeds, epochs and time; losses on the validation set, with n.
    calibration : dict
        As that of the Encoders' cards for amortised solutions, by class.
    licence, sha256 : str
        Licence of the weights, and hash of the safetensors file.
    """

    models: dict[str, str]
    options: dict[str, Any]
    degree: int
    k_min: int
    n: int
    training: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    calibration: dict[str, Any] = field(default_factory=dict)
    licence: str = "MIT"
    sha256: str = ""
    format: int = FORMAT

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes, in the order in which the network gives their coefficients."""
        return tuple(cls for cls in CLASSES if cls in self.models)

    @property
    def observed(self) -> LogLattice:
        """Observed-frame lattice of the input."""
        return LogLattice(self.k_min, self.n)

    def serves(self, cards: Iterable[ModelCard]) -> bool:
        """Whether the coefficients are those of all these models."""
        return all(self.models.get(card.cls) == card.sha256 for card in cards)


Card = TypeVar("Card", ModelCard, TrunkCard)


def common_lattice(cards: Iterable[ModelCard]) -> LogLattice:
    """The observed lattice of models that work together; ModelError if they differ in it."""
    first, *others = cards
    for card in others:
        if card.observed != first.observed:
            raise ModelError(
                f"{first.name} and {card.name} are on different lattices ({_range(first)} and "
                f"{_range(card)}): use models that were trained on one"
            )
    return first.observed


def _range(card: ModelCard) -> str:
    ends = card.observed.wave[[0, -1]]
    return f"{ends[0]:.0f} to {ends[1]:.0f} Å"


def read_weights(path: Path, card: ModelCard | TrunkCard) -> bytes:
    """Contents of the file of a network, if they are those of its card.

    ModelError if the file is missing, or another one.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot read the weights ({error.strerror})") from None
    if hashlib.sha256(content).hexdigest() != card.sha256:
        raise ModelError(f"{path}: differs from the card's sha256; copy both again")
    return content


def write_card(path: Path, card: ModelCard | TrunkCard) -> None:
    """Write a card, in place of the one that is there."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(asdict(card), indent=1, allow_nan=False) + "\n")


def read_card(path: Path) -> ModelCard:
    """Read the card of a model.

    Raises
    ------
    ModelError
        If the file is missing, not JSON, of another format, or has unknown or missing entries.
    """
    return _read(path, ModelCard)


def read_trunk_card(path: Path) -> TrunkCard:
    """Read the card of a trunk; ModelError as of :func:`read_card`."""
    return _read(path, TrunkCard)


def _read(path: Path, kind: type[Card]) -> Card:
    try:
        content = json.loads(path.read_text())
    except OSError as error:
        raise ModelError(f"{path}: cannot read the model card ({error.strerror})") from None
    except ValueError as error:
        raise ModelError(f"{path}: the model card is not valid JSON ({error})") from None
    known = {f.name for f in fields(kind)}
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ModelError(f"{path}: not a gasnet3 model card of format {FORMAT}")
    if unknown := sorted(set(content) - known):
        raise ModelError(f"{path}: unknown entries {', '.join(unknown)}; a newer gasnet3 wrote it?")
    try:
        return kind(**content)
    except TypeError as error:
        raise ModelError(f"{path}: incomplete model card ({error})") from None
