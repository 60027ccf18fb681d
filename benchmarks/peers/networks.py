"""The two published architectures (Zhong et al.; paper, section 3.2, Fig. 3), rebuilt.

Written from the shapes of the published weights and checked against published outputs
(``tests/unit/test_peers.py``). Attributes bear the names of the weights, so that a state
dictionary loads as it is.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

PIXELS = 4076
"""Observed pixels n, of both networks."""

PADDED = 4096
"""Pixels of the U-Net's input, zeros at the red end: a multiple of 2⁵."""

KERNEL = 8
"""Taps of the fixed resampling filters."""

HEAD_CHANNELS = 32
"""Channels of one attention head."""


class PublishedEncoder(nn.Module):
    """F̂ = |A|·ω·M (eq. 3-5), with three strided convolutions.

    Parameters
    ----------
    m, n_rest : int
        Eigenspectra and their pixels N.
    """

    def __init__(self, m: int, n_rest: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs in ((1, 8), (8, 16), (16, 32)):
            layers += [nn.Conv1d(inputs, outputs, 9, 5, padding=1), nn.ReLU(), nn.MaxPool1d(2)]
        self.encoder = nn.Sequential(*layers, nn.Flatten(), nn.Linear(96, m + 1))
        self.eigenvectors = nn.Parameter(torch.zeros(m, n_rest))

    def forward(self, flux: Tensor) -> Tensor:
        """Rest-frame spectra, shape (rows, N), of prepared ones, shape (rows, n)."""
        out = self.encoder(flux[:, None])
        squared, amplitude = out[:, :-1] ** 2, out[:, -1:].abs()
        return amplitude * (squared / squared.sum(dim=1, keepdim=True)) @ self.eigenvectors


class PublishedUNet(nn.Module):
    """Residual U-Net with attention at its bottom; N pixels out of several output channels.

    Parameters
    ----------
    n_rest : int
        Rest-frame pixels N: the output channels, laid end to end, are cut to these.
    outputs : int
        Output channels.
    flip : bool
        Whether the spectrum is reversed first (paper, section 4.1: for STAR).
    """

    def __init__(self, n_rest: int, outputs: int, flip: bool) -> None:
        super().__init__()
        self.n_rest, self.flip = n_rest, flip
        self.UNet = _Body(outputs)

    def forward(self, flux: Tensor) -> Tensor:
        """Rest-frame spectra, shape (rows, N), of prepared ones, shape (rows, n)."""
        seen = torch.flip(flux, (1,)) if self.flip else flux
        padded = functional.pad(seen, (0, PADDED - flux.shape[1]))[:, None]
        out: Tensor = self.UNet(padded)
        return out.flatten(1)[:, : self.n_rest]


class _Body(nn.Module):
    """Four blocks down, one at the bottom, four up with the skip connections (Fig. 3)."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        down = [(1, 8, 8), (8, 16, 16), (16, 32, 32), (32, 64, 64)]
        up = [(128, 32, 32), (64, 32, 16), (32, 16, 8), (16, 8, outputs)]
        self.down_blocks = nn.ModuleList(
            _Block(sizes, 3, attention=i == 3, down=True) for i, sizes in enumerate(down)
        )
        self.mid_block = _Block((64, 64, 64), 6, attention=True, down=True, up=True)
        self.up_blocks = nn.ModuleList(
            _Block(sizes, 3, attention=i == 0, up=True) for i, sizes in enumerate(up)
        )

    def forward(self, h: Tensor) -> Tensor:
        skips = []
        for block in self.down_blocks:
            h = block(h)
            skips.append(h)
        h = self.mid_block(h)
        for block in self.up_blocks:
            h = block(torch.cat([h, skips.pop()], dim=1))
        return h


class _Block(nn.Module):
    """Residual layers, each followed by attention where there is any, between resamplings."""

    def __init__(
        self,
        sizes: tuple[int, int, int],
        layers: int,
        attention: bool,
        down: bool = False,
        up: bool = False,
    ) -> None:
        super().__init__()
        inputs, middle, outputs = sizes
        ends = [inputs] + [middle] * (layers - 1)
        self.resnets = nn.ModuleList(
            _Residual(first, middle, outputs if i == layers - 1 else middle)
            for i, first in enumerate(ends)
        )
        heads = [_Attention(middle) for _ in range(layers)] if attention else []
        self.attentions = nn.ModuleList(heads)
        self.down = _Resampling() if down else None
        self.up = _Resampling() if up else None

    def forward(self, h: Tensor) -> Tensor:
        if self.down is not None:
            h = self.down.halved(h)
        for i, layer in enumerate(self.resnets):
            h = layer(h)
            if len(self.attentions):
                h = self.attentions[i](h)
        return h if self.up is None else self.up.doubled(h)


class _Residual(nn.Module):
    """Two convolutions, each with a group norm and GELU, beside the identity or a projection."""

    def __init__(self, inputs: int, middle: int, outputs: int) -> None:
        super().__init__()
        same = inputs == outputs
        self.conv_skip = None if same else nn.Conv1d(inputs, outputs, 1, bias=False)
        self.conv_1 = nn.Conv1d(inputs, middle, 5, padding=2)
        self.group_norm_1 = nn.GroupNorm(1, middle)
        self.conv_2 = nn.Conv1d(middle, outputs, 5, padding=2)
        self.group_norm_2 = nn.GroupNorm(1, outputs)

    def forward(self, x: Tensor) -> Tensor:
        h = functional.gelu(self.group_norm_1(self.conv_1(x)))
        h = functional.gelu(self.group_norm_2(self.conv_2(h)))
        return h + (x if self.conv_skip is None else self.conv_skip(x))


class _Attention(nn.Module):
    """Self-attention over the pixels, beside the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.group_norm = nn.GroupNorm(1, channels)
        self.query, self.key, self.value, self.proj_attn = (
            nn.Linear(channels, channels) for _ in range(4)
        )

    def forward(self, x: Tensor) -> Tensor:
        rows, channels, pixels = x.shape
        seen = self.group_norm(x).transpose(1, 2)
        q, k, v = (
            part(seen).view(rows, pixels, channels // HEAD_CHANNELS, HEAD_CHANNELS).transpose(1, 2)
            for part in (self.query, self.key, self.value)
        )
        mixed = functional.scaled_dot_product_attention(q, k, v).transpose(1, 2)
        return x + self.proj_attn(mixed.reshape(rows, pixels, channels)).transpose(1, 2)


class _Resampling(nn.Module):
    """Half or twice the pixels, every channel by the same fixed filter (part of the weights)."""

    kernel: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("kernel", torch.zeros(KERNEL))

    def halved(self, x: Tensor) -> Tensor:
        channels = x.shape[1]
        padded = functional.pad(x, (3, 3), mode="reflect")
        return functional.conv1d(padded, self._each(channels), stride=2, groups=channels)

    def doubled(self, x: Tensor) -> Tensor:
        channels = x.shape[1]
        padded = functional.pad(x, (2, 2), mode="reflect")
        return functional.conv_transpose1d(
            padded, self._each(channels), stride=2, padding=7, groups=channels
        )

    def _each(self, channels: int) -> Tensor:
        return self.kernel.expand(channels, 1, -1)


def build(state: Mapping[str, Tensor], flip: bool) -> PublishedEncoder | PublishedUNet:
    """The network a state dictionary is of, with its weights, ready to evaluate.

    Parameters
    ----------
    state : mapping of str to Tensor
        Published weights.
    flip : bool
        See :class:`PublishedUNet`.

    Raises
    ------
    ValueError
        If these are the weights of neither network.
    """
    last = "UNet.up_blocks.3.resnets.2.conv_2.bias"
    network: PublishedEncoder | PublishedUNet
    if "eigenvectors" not in state or not (last in state or "encoder.0.weight" in state):
        names = ", ".join(list(state)[:3])
        raise ValueError(f"these are no weights of a published network: {names}, ...")
    m, n_rest = state["eigenvectors"].shape
    if last in state:
        # The file of a U-Net carries eigenspectra too, which it does not use.
        network = PublishedUNet(n_rest, len(state[last]), flip)
        state = {name: value for name, value in state.items() if name != "eigenvectors"}
    else:
        network = PublishedEncoder(m, n_rest)
    network.load_state_dict(dict(state))
    return network.eval()
