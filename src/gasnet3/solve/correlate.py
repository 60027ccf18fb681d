"""Correlations of spectra with fixed templates at every position of the observed window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.nn.functional import pad

from gasnet3.kernels import correlate as kernel
from gasnet3.kernels.library import compiled
from gasnet3.solve.arrays import contiguous
from gasnet3.solve.batching import fast_length

if TYPE_CHECKING:
    from jaxtyping import Float32

FEW = 64
"""Window positions up to which direct products are faster than transforms."""

ROWS = 32
"""Rows of a direct product, always: the last bits of a matrix product depend on their number."""


@runtime_checkable
class Correlator(Protocol):
    """Fixed templates, ready to be correlated with spectra: in two steps.

    The first, :meth:`begun`, is done for many spectra at once, the second, :meth:`ended`, which
    takes the room, for a few: they stay in a processor's cache.
    """

    def begun(self, data: Float32[Tensor, "rows d n"]) -> Tensor:
        """What :meth:`ended` takes, of any of the rows.

        Parameters
        ----------
        data : Tensor of float32, shape (rows, d, n)
            Spectra; two rows or more, for FFTs of one have other last bits.
        """

    def ended(self, begun: Tensor) -> Float32[Tensor, "rows d templates _"]:
        """``Σ_i data_i template_{i + every·position}`` for all templates and positions.

        Returns
        -------
        Tensor of float32, shape (rows, d, templates, positions or more)
            What there is beyond the positions means nothing.
        """


def correlator(templates: Tensor, n: int, positions: int, every: int = 1) -> Correlator:
    """The faster correlator for templates of n + every·(positions - 1) pixels or more.

    Parameters
    ----------
    templates : Tensor, shape (templates, pixels)
        What is correlated with spectra of ``n`` pixels.
    n, positions, every : int
        Pixels of the spectra, number of window positions, and pixels from one to the next.
    """
    if positions <= FEW:
        return Direct.build(templates, n, positions, every)
    return Fourier.build(templates, n, positions, every)


@dataclass(frozen=True, eq=False)
class Fourier:
    """Correlation by FFT.

    Where not every position is wanted, the spectrum of the product is folded before the way
    back: a sum over its ``every`` aliases, and an inverse transform that much shorter.

    Attributes
    ----------
    aliases : Tensor of complex64, shape (every, templates, length / every / 2 + 1)
        Transforms of the templates, folded.
    length, every : int
        Length of the transforms, and pixels from one window position to the next.
    """

    aliases: Tensor
    length: int
    every: int

    @classmethod
    def build(cls, templates: Tensor, n: int, positions: int, every: int = 1) -> Fourier:
        """Transform templates of n + every·(positions - 1) pixels or more."""
        seen = templates[:, : n + every * (positions - 1)]
        length = every * fast_length(-(-seen.shape[1] // every))
        folded = _aliases(torch.fft.rfft(seen, length), length, every)
        return cls(folded.transpose(0, 1).contiguous() / every, length, every)

    def begun(self, data: Float32[Tensor, "rows d n"]) -> Tensor:
        return torch.fft.rfft(data, self.length)

    def ended(self, begun: Tensor) -> Float32[Tensor, "rows d templates _"]:
        if compiled(begun):
            lines, aliases = contiguous(begun.flatten(0, 1), self.aliases)
            found = torch.from_numpy(kernel.correlate(lines, aliases, self.length))
            spectrum = found.reshape(*begun.shape[:2], *found.shape[1:])
        else:
            folded = _aliases(begun.conj(), self.length, self.every)
            spectrum = folded[:, :, 0, None] * self.aliases[0]
            for alias in range(1, self.every):
                spectrum.addcmul_(folded[:, :, alias, None], self.aliases[alias])
        return torch.fft.irfft(spectrum, self.length // self.every)


def _aliases(transform: Tensor, length: int, every: int) -> Tensor:
    """Frequencies q + j·length/every of real transforms, shape (..., every, length/every/2 + 1)."""
    short = length // every
    q = torch.arange(short // 2 + 1, device=transform.device)
    at = q + short * torch.arange(every, device=transform.device)[:, None]
    negative = at > length // 2
    found = transform[..., torch.where(negative, length - at, at)]
    return torch.where(negative, found.conj(), found)


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
    def build(cls, templates: Tensor, n: int, positions: int, every: int = 1) -> Direct:
        """Shift templates of n + every·(positions - 1) pixels or more."""
        seen = templates.unfold(1, n, every)[:, :positions]
        return cls(seen.reshape(-1, n).T.contiguous(), len(templates))

    def begun(self, data: Float32[Tensor, "rows d n"]) -> Tensor:
        rows, several, n = data.shape
        lines = data.reshape(-1, n)
        lines = pad(lines, (0, 0, 0, -len(lines) % ROWS))
        parts = [lines[at : at + ROWS] @ self.matrix for at in range(0, len(lines), ROWS)]
        found = torch.cat(parts)[: rows * several]
        return found.reshape(rows, several, self.templates, -1)

    def ended(self, begun: Tensor) -> Float32[Tensor, "rows d templates _"]:
        return begun
