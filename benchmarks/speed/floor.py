"""The two bounds of the amortised scan: the bare transforms, and the paper's direct form."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from gasnet3.solve.batching import fast_length, slices
from gasnet3.spectra.lattice import ShiftRange

TOGETHER = (16, 32, 64)
"""Rows transformed together; the fastest of these is the floor."""


def bare_transforms(rest: Tensor, flux: Tensor, ivar: Tensor, together: int) -> Callable[[], None]:
    """The transforms the amortised scan cannot do without, ready to be run.

    Two of the data (weights, and weights times flux), two of the model (it and its square), one
    back; float32, at the scan's lengths, all inputs made beforehand and no result kept.

    Parameters
    ----------
    rest : Tensor of float32, shape (rows, N)
        Rest-frame reconstructions.
    flux, ivar : Tensor of float32, shape (rows, n)
        Prepared spectra.
    together : int
        Rows transformed at once.
    """
    length = fast_length(rest.shape[1])
    parts = []
    for cut in slices(len(rest), together):
        data = torch.stack([ivar[cut], flux[cut] * ivar[cut]])
        model = torch.stack([rest[cut] ** 2, rest[cut]])
        parts.append((data, model, torch.fft.rfft(model[1], length)))

    def run() -> None:
        for data, model, product in parts:
            torch.fft.rfft(data, length)
            torch.fft.rfft(model, length)
            torch.fft.irfft(product, length)

    return run


def scan_direct(rest: Tensor, flux: Tensor, ivar: Tensor, shifts: ShiftRange) -> Tensor:
    """The amortised scan as two direct convolutions (eq. 10 as the paper writes it).

    Parameters and result are those of :func:`gasnet3.solve.curves.scan_amortised`.
    """
    kernels = torch.stack([ivar, -2.0 * flux * ivar], dim=1)
    signal = torch.stack([rest**2, rest], dim=1)
    curve = torch.stack(
        [functional.conv1d(s[None], k[None])[0, 0] for s, k in zip(signal, kernels, strict=True)]
    )
    curve = curve[:, : len(shifts)]
    return torch.flip(curve, (1,)) + (flux**2 * ivar).sum(dim=1, keepdim=True)
