"""Stars as kinematic templates: the eigenspectra of the STAR network, as broad as is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from gasnet3.machine.typing import Floats
from gasnet3.nets.card import ModelError, read_weights
from gasnet3.nets.registry import ModelNames, find_models
from gasnet3.spectra.lattice import C_KM_S, LN10_STEP, STEP, LogLattice

PIXEL_KM_S = C_KM_S * LN10_STEP
"""A pixel of the lattice as a velocity, km/s."""

OWN_WIDTH = 48.0
"""By how much (σ, km/s) the shipped eigenspectra are broader than stars seen by the SDSS.

Fitted by ``recipes/measure.py`` so that the dispersions of the training galaxies have SDSS's median
ratio of 1.
"""

PHASES = 4
"""Places between two pixels at which the templates are ready."""

GRID_STEP, GRID_END = 25.0, 850.0
"""Widths (σ, km/s) that the templates are ready in: from 0 on, and the last."""

GRID: Floats = np.arange(0.0, GRID_END + 0.5 * GRID_STEP, GRID_STEP)

SHARPEST = 12.0
"""No frequency is made stronger by more than this where templates are made sharper."""

PAD = 512


@dataclass(frozen=True, eq=False)
class Templates:
    """Rest-frame spectra of stars, with a velocity dispersion put on.

    Parameters
    ----------
    flux : ndarray of float64, shape (m, N)
        As the network has them.
    lattice : LogLattice
        Their rest-frame pixels, vacuum.
    sigma : float
        Line spread of the spectra that they were learned from, σ in pixels.
    own_width : float
        What they are broader by than that, σ in km/s.
    digest : str
        Hash of the weights.
    """

    flux: Floats
    lattice: LogLattice
    sigma: float
    own_width: float = OWN_WIDTH
    digest: str = ""

    @cached_property
    def _transform(self) -> tuple[NDArray[np.complex128], Floats]:
        size = 1 << (self.lattice.n + 2 * PAD - 1).bit_length()
        ends = (PAD, size - PAD - self.lattice.n)
        padded = np.pad(self.flux, ((0, 0), ends), mode="edge")
        return np.fft.rfft(padded), np.asarray(np.fft.rfftfreq(size), np.float64)

    @cached_property
    def _ready(self) -> dict[tuple[int, int], Floats]:
        return {}

    def at(self, width: int, phase: int) -> Floats:
        """The templates as a galaxy of dispersion ``GRID[width]`` shows them, shape (m, N).

        They are moved to the red by ``phase / PHASES`` of a pixel. Kept for the next call.
        """
        key = (width, phase)
        if key not in self._ready:
            spectrum, frequency = self._transform
            variance = (GRID[width] ** 2 - self.own_width**2) / PIXEL_KM_S**2
            turn = 2.0 * np.pi * frequency
            factor = np.minimum(np.exp(-0.5 * variance * turn**2), SHARPEST)
            moved = spectrum * factor * np.exp(-1j * turn * phase / PHASES)
            whole = np.fft.irfft(moved, 2 * (len(frequency) - 1))
            self._ready[key] = np.ascontiguousarray(whole[:, PAD : PAD + self.lattice.n])
        return self._ready[key]

    def index(self, wave: float) -> int:
        """The pixel nearest to a wavelength in Å; may lie outside."""
        return int(np.rint(np.log10(wave) / STEP)) - self.lattice.k_min


def load_templates(models: ModelNames = "encoder") -> Templates:
    """The templates of a set of models: the eigenspectra of its STAR network.

    Raises
    ------
    ModelError
        If there is no STAR network with eigenspectra, or its weights are not those of its card.
    """
    info = find_models(models).get("STAR")
    if info is None or info.card.architecture != "encoder" or info.weights.suffix == ".onnx":
        raise ModelError(
            f"{models} has no STAR network with eigenspectra, which are the templates of "
            "velocity dispersions: use --models encoder, or a set with an Encoder for STAR"
        )
    content = read_weights(info.weights, info.card)
    return _of_weights(content, info.card.sha256, info.card.rest, info.card.sigma)


@cache
def _of_weights(content: bytes, digest: str, rest: LogLattice, sigma: float) -> Templates:
    """Templates of the contents of a file, made once: those that are ready are kept with them."""
    from safetensors.numpy import load

    return Templates(load(content)["eigenspectra"].astype(np.float64), rest, sigma, digest=digest)
