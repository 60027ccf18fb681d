"""Exported networks, run by onnxruntime."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasnet3.nets.base import Reconstruction
from gasnet3.nets.card import (
    ModelCard,
    ModelError,
    TrunkCard,
    read_card,
    read_trunk_card,
    read_weights,
)
from gasnet3.nets.registry import find_models, weights_file

Singles = NDArray[np.float32]

INSTALL = "install it with: pip install 'gasnet3[onnx]'"

_threads = 0  # as many as onnxruntime likes


@dataclass(frozen=True, eq=False)
class OnnxModel:
    """An exported network with its card, in the place of :class:`gasnet3.nets.model.Model`.

    Parameters
    ----------
    card : ModelCard
        What it is; its hash is that of the ONNX file, or of the eigenspectra where a trunk gives
        the coefficients.
    session : onnxruntime.InferenceSession or None
        The network; None where a trunk is in its place.
    whole : ndarray of float32, shape (m, N), or None
        Eigenspectra over the whole range of the network; None for a U-Net.
    first : int
        First pixel of the network's rest-frame lattice that the card's range of redshifts shows.
    """

    card: ModelCard
    session: Any
    whole: Singles | None
    first: int = 0

    @classmethod
    def read(cls, path: Path) -> OnnxModel:
        """Load the model whose card is ``path``; the network lies beside it.

        ModelError if onnxruntime is not installed, or a file is missing or damaged.
        """
        card, file = read_card(path), weights_file(path)
        content = read_weights(file, card)
        session = _session(content, file) if file.suffix == ".onnx" else None
        return cls(card, session, _eigenspectra(path, card))

    def narrowed(self, card: ModelCard) -> OnnxModel:
        """The model over the range of redshifts of a card (:meth:`ModelCard.narrowed`) of it."""
        return replace(self, card=card, first=self.card.shifts.last - card.shifts.last)

    @property
    def _seen(self) -> slice:
        """Pixels of the network's rest-frame lattice that are looked at."""
        return slice(self.first, self.first + self.card.rest.n)

    @property
    def eigenspectra(self) -> Singles | None:
        """Eigenspectra M, shape (m, N); None for a U-Net."""
        return None if self.whole is None else self.whole[:, self._seen]

    def outputs(self, flux: Singles, ivar: Singles) -> list[Singles]:
        """What the network itself gives: reconstruction, coefficients and amplitude."""
        given = {"flux": flux, "ivar": ivar}
        # A U-Net has no use for the inverse variance.
        wanted = {entry.name: given[entry.name] for entry in self.session.get_inputs()}
        found: list[Singles] = self.session.run(["rest", "coeff", "amplitude"], wanted)
        return found

    def reconstruct(self, flux: Singles, ivar: Singles) -> Reconstruction:
        """Rest-frame reconstruction of prepared spectra (eq. 3-5), shape (rows, N)."""
        rest, coeff, amplitude = self.outputs(flux, ivar)
        return Reconstruction(np.ascontiguousarray(rest[:, self._seen]), coeff, amplitude)


@dataclass(frozen=True, eq=False)
class OnnxTrunk:
    """An exported trunk with its card, in the place of :class:`gasnet3.nets.trunk.TrunkModel`."""

    card: TrunkCard
    session: Any

    @classmethod
    def read(cls, path: Path) -> OnnxTrunk:
        """Load the trunk whose card is ``path``; ModelError as of :meth:`OnnxModel.read`."""
        card, network = read_trunk_card(path), path.with_suffix(".onnx")
        return cls(card, _session(read_weights(network, card), network))

    def coefficients(self, flux: Singles, ivar: Singles) -> list[Singles]:
        """Coefficients times amplitude, (rows, m) each, of the card's classes in their order."""
        given, wanted = {"flux": flux, "ivar": ivar}, list(self.card.classes)
        found: list[Singles] = self.session.run(wanted, given)
        return found


def load_exported(directory: str | Path) -> dict[str, OnnxModel]:
    """One exported model for each class, from a directory that ``gasnet3 export`` wrote.

    ModelError if a model cannot be loaded, or two are for the same class.
    """
    return {key: OnnxModel.read(info.path) for key, info in find_models(directory).items()}


def runtime() -> Any:
    """The onnxruntime package; ModelError if it is not installed."""
    try:
        import onnxruntime
    except ImportError:
        raise ModelError(f"exported networks need onnxruntime; {INSTALL}") from None
    return onnxruntime


def use_threads(threads: int) -> None:
    """Set the number of threads of networks that are loaded from now on."""
    global _threads
    _threads = threads


def _session(content: bytes, path: Path) -> Any:
    """A network ready to run."""
    onnxruntime = runtime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = _threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors have no common base of their own
        raise ModelError(f"{path}: onnxruntime cannot load the network ({error})") from None


def _eigenspectra(path: Path, card: ModelCard) -> Singles | None:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    beside = path.with_suffix(".eigenspectra.safetensors")
    if card.architecture != "encoder":
        return None
    try:
        found: Singles = load_file(beside)["eigenspectra"]
    except (OSError, SafetensorError, KeyError) as error:
        raise ModelError(f"{beside}: cannot read the eigenspectra ({error})") from None
    if found.shape[1] != card.rest.n:
        raise ModelError(f"{beside}: {found.shape[1]} pixels, the card has {card.rest.n}")
    return found
