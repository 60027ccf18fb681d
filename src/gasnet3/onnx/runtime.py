"""Exported networks, run by onnxruntime."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasnet3.nets.card import ModelCard, ModelError, read_card, read_weights
from gasnet3.nets.registry import find_models
from gasnet3.onnx.blocks import in_blocks
from gasnet3.onnx.slide import Models, spline_coefficients
from gasnet3.solve.limits import SYSTEMATIC_KM_S
from gasnet3.spectra.lattice import C_KM_S, LN10_STEP

Singles = NDArray[np.float32]

INSTALL = "install it with: pip install 'gasnet3[onnx]'"

_threads = 0  # as many as onnxruntime likes


@dataclass(frozen=True, eq=False)
class OnnxModel:
    """An exported network with its card, and what is computed from it once.

    Parameters
    ----------
    card : ModelCard
        What it is; its hash is that of the ONNX file.
    session : onnxruntime.InferenceSession
        The network.
    eigenspectra : ndarray of float32, shape (m, N), or None
        Of the whole range of the network; None for a U-Net.
    first : int
        First pixel of the network's rest-frame lattice that the card's range of redshifts shows.
    """

    card: ModelCard
    session: Any
    eigenspectra: Singles | None
    first: int = 0

    @classmethod
    def read(cls, path: Path) -> OnnxModel:
        """Load the model whose card is ``path``; the network lies beside it.

        Raises
        ------
        ModelError
            If onnxruntime is not installed, or a file is missing or damaged.
        """
        card, network = read_card(path), path.with_suffix(".onnx")
        session = _session(read_weights(network, card), network)
        return cls(card, session, _eigenspectra(path, card))

    def narrowed(self, card: ModelCard) -> OnnxModel:
        """The model over the range of redshifts of a card (:meth:`ModelCard.narrowed`) of it."""
        return replace(self, card=card, first=self.card.shifts.last - card.shifts.last)

    @property
    def cls(self) -> str:
        """Class of the model."""
        return self.card.cls

    @property
    def model(self) -> OnnxModel:
        """Itself: what makes solutions of it is the model alone."""
        return self

    @property
    def dof(self) -> int:
        """Parameters fitted: eigenspectra and continuum."""
        m = 0 if self.eigenspectra is None else len(self.eigenspectra)
        return m + self.card.degree + 1

    @property
    def systematic(self) -> float:
        """:data:`~gasnet3.solve.limits.SYSTEMATIC_KM_S` in pixels."""
        return SYSTEMATIC_KM_S[self.cls] / C_KM_S / LN10_STEP

    @cached_property
    def splines(self) -> NDArray[np.float64] | None:
        """The eigenspectra as splines, shape (m, N + 2·PAD)."""
        if self.eigenspectra is None:
            return None
        seen = slice(self.first, self.first + self.card.rest.n)
        return spline_coefficients(self.eigenspectra[:, seen])

    def outputs(self, flux: Singles, ivar: Singles) -> list[Singles]:
        """What the network itself gives: reconstruction, coefficients and amplitude."""
        given = {"flux": flux, "ivar": ivar}
        # A U-Net has no use for the inverse variance.
        wanted = {entry.name: given[entry.name] for entry in self.session.get_inputs()}
        found: list[Singles] = self.session.run(["rest", "coeff", "amplitude"], wanted)
        return found

    def reconstruct(self, flux: Singles, ivar: Singles) -> tuple[Singles, Singles, Models]:
        """Reconstructions of prepared spectra (eq. 3-5).

        Parameters
        ----------
        flux, ivar : ndarray of float32, shape (rows, n)
            Prepared spectra.

        Returns
        -------
        rest : ndarray of float32, shape (rows, N)
            In the rest frame.
        coeff : ndarray of float32, shape (rows, m)
            Coefficients times amplitude.
        models : Models
            The reconstructions as splines.
        """

        def network(f: Singles, w: Singles) -> list[NDArray[Any]]:
            rest, coeff, amplitude = self.outputs(f, w)
            rest = np.ascontiguousarray(rest[:, self.first : self.first + self.card.rest.n])
            scaled = amplitude[:, None] * coeff
            if self.splines is None:
                return [rest, scaled, spline_coefficients(rest)]
            # The spline of a sum is the sum of the splines.
            return [rest, scaled, scaled.astype(np.float64) @ self.splines]

        rest, coeff, spline = in_blocks(network, flux, ivar)
        return rest, coeff, Models(spline, self.card.shifts, self.card.n)


def load_exported(directory: str | Path) -> dict[str, OnnxModel]:
    """One exported model for each class, from a directory that ``gasnet3 export`` wrote.

    Raises
    ------
    ModelError
        If a model cannot be loaded, or two are for the same class.
    """
    return {cls: OnnxModel.read(info.path) for cls, info in find_models(directory).items()}


def runtime() -> Any:
    """The onnxruntime package.

    Raises
    ------
    ModelError
        If it is not installed.
    """
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
