"""U-Net: the rest-frame spectrum end to end, without eigenspectra (paper, section 3.2, Fig. 3)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from gasnet3.nets.base import Reconstruction

BLOCKS = 4
"""Down-sampling blocks, and as many up-sampling ones (Fig. 3)."""


class UNet(nn.Module):
    """Reconstructs N > n rest-frame pixels with skip connections from the observed ones.

    The bottleneck is widened from n to N by a learned map along the wavelength axis: what a
    spectrum shows at one redshift must be able to land anywhere in the rest frame.

    Parameters
    ----------
    n, n_rest : int
        Pixels of the observed and of the rest-frame lattice (eq. 6).
    width : int
        Channels of the first block; they double at each of the next ones.
    stem : int
        Stride of a first convolution before the blocks; 1 works at full resolution (the
        paper's), 4 is several times faster on a CPU.
    flip : bool
        Reverse the input (paper, section 4.1). For stars the shift is nearly zero, and a
        network that sees the spectrum unflipped learns to copy it, noise and all.
    """

    def __init__(
        self, n: int, n_rest: int, width: int = 16, stem: int = 1, flip: bool = False
    ) -> None:
        super().__init__()
        self.n_rest = n_rest
        self.flip = flip
        self.factor = stem * 2**BLOCKS
        self.padded = -(-n // self.factor) * self.factor
        self.padded_rest = -(-n_rest // self.factor) * self.factor
        channels = [width * 2**i for i in range(BLOCKS + 1)]
        self.stem = nn.Conv1d(1, width, 3 * stem, stride=stem, padding=stem)
        self.down = nn.ModuleList(_block(channels[i], channels[i + 1]) for i in range(BLOCKS))
        self.widen = nn.Linear(self.padded // self.factor, self.padded_rest // self.factor)
        self.up = nn.ModuleList(
            nn.ConvTranspose1d(channels[i + 1], channels[i], 2, stride=2)
            for i in reversed(range(BLOCKS))
        )
        self.merge = nn.ModuleList(
            _block(2 * channels[i], channels[i]) for i in reversed(range(BLOCKS))
        )
        self.out = nn.ConvTranspose1d(width, 1, stem, stride=stem)

    def forward(self, flux: Tensor, ivar: Tensor) -> Reconstruction:
        """Reconstruct the rest-frame spectrum.

        Parameters
        ----------
        flux, ivar : Tensor of float32, shape (rows, n)
            Prepared spectra (eq. 2); ``ivar`` is taken for the common call, and not used.
        """
        del ivar
        seen = torch.flip(flux, (1,)) if self.flip else flux
        h = functional.pad(seen, (0, self.padded - flux.shape[1]))[:, None]
        h = functional.relu(self.stem(h))
        skips = []
        for block in self.down:
            skips.append(h)
            h = functional.max_pool1d(block(h), 2)
        h = functional.relu(self.widen(h))
        for up, merge, skip in zip(self.up, self.merge, reversed(skips), strict=True):
            h = up(h)
            # The observed window at shift 0 is the red end of the rest frame: align it there.
            skip = functional.pad(skip, (h.shape[-1] - skip.shape[-1], 0))
            h = merge(torch.cat([h, skip], dim=1))
        rest = self.out(h)[:, 0, : self.n_rest]
        rows = flux.shape[0]  # its len would be a constant of an exported network
        return Reconstruction(rest, flux.new_zeros(rows, 0), flux.new_ones(rows))


def _block(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv1d(inputs, outputs, 3, padding=1),
        nn.ReLU(),
        nn.Conv1d(outputs, outputs, 3, padding=1),
        nn.ReLU(),
    )
