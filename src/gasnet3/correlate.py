"""Correlations of spectra with fixed templates at every position of the observed window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import pad

FEW = 64
"""Window positions up to which direct products are faster than transforms."""

ROWS = 32
"""Rows of a direct product, always: the last bits of a matrix product depend on their number."""


class Correlator(Protocol):
    """Fixed templates, ready to be correlated with spectra."""

    def __call__(self, data: Tensor) -> Tensor:
        """``Σ_i data_i template_{i + position}`` for all templates and positions.

        Parameters
        ----------
        data : Tensor of float32, shape (rows, d, n)
            Spectra; two rows or more, for FFTs of one have other last bits.

        Returns
        -------
        Tensor of float32, shape (rows, d, templates, positions)
        """


def correlator(templates: Tensor, n: int, positions: int) -> Correlator:
    """The faster correlator for templates of shape (templates, n + positions - 1) or longer."""
    if positions <= FEW:
        return Direct.build(templates, n, positions)
    return Fourier.build(templates, n, positions)


@dataclass(frozen=True, eq=False)
class Fourier:
    """Correlation by FFT.

    Attributes
    ----------
    transform : Tensor of complex64, shape (templates, length/2 + 1)
        Transforms of the templates.
    length, positions : int
        Length of the transforms, number of window positions.
    """

    transform: Tensor
    length: int
    positions: int

    @classmethod
    def build(cls, templates: Tensor, n: int, positions: int) -> Fourier:
        """Transform templates of shape (templates, n + positions - 1) or longer."""
        seen = templates[:, : n + positions - 1]
        length = _fast_length(seen.shape[1])
        return cls(torch.fft.rfft(seen, length), length, positions)

    def __call__(self, data: Tensor) -> Tensor:
        spectrum = torch.fft.rfft(data, self.length).conj()[:, :, None] * self.transform
        return torch.fft.irfft(spectrum, self.length)[..., : self.positions]


@dataclass(frozen=True, eq=False)
class Direct:
    """Correlation as one product with a matrix of shifted templates.

    Attributes
    ----------
    matrix : Tensor of float32, shape (n, templates × positions)
        Templates as seen at every position.
    templates : int
        Number of templates.
    """

    matrix: Tensor
    templates: int

    @classmethod
    def build(cls, templates: Tensor, n: int, positions: int) -> Direct:
        """Shift templates of shape (templates, n + positions - 1) or longer."""
        seen = templates.unfold(1, n, 1)[:, :positions]
        return cls(seen.reshape(-1, n).T.contiguous(), len(templates))

    def __call__(self, data: Tensor) -> Tensor:
        rows, several, n = data.shape
        lines = data.reshape(-1, n)
        lines = pad(lines, (0, 0, 0, -len(lines) % ROWS))
        parts = [lines[at : at + ROWS] @ self.matrix for at in range(0, len(lines), ROWS)]
        found = torch.cat(parts)[: rows * several]
        return found.reshape(rows, several, self.templates, -1)


def _fast_length(least: int) -> int:
    """Length of a fast transform: a power of 2, or 3, 5 or 9 times one."""
    return min(odd << max(0, (-(-least // odd) - 1).bit_length()) for odd in (1, 3, 5, 9))
