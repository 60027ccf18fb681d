"""What a reconstruction leaves: how significant it is, at every place and width."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from gasnet3.solve.arrays import (
    Array,
    blank,
    clipped,
    inverse_root,
    namespace,
    narrow,
    repeated,
    wide,
    widened,
)

MODEL_ERROR = 0.10
"""Error of a model, as a share of the flux, that is no misfit: every model is wrong at S/N 100."""

PIXEL_ERROR, WIDE_ERROR = 0.01, 0.03
"""Errors of a model, as shares of the flux, that are no feature: of each pixel for itself, added
to the noise, and of neighbouring pixels alike."""

NARROW = (5, 11, 31)
"""Widths, in pixels, of features that may be lines."""

NOISE_BLOCK = 204
"""Pixels over which the noise is compared with what ``ivar`` says; 20 blocks a spectrum."""

MOST_OF = 0.9
"""Share of a wide surrounding that must have data."""

CLIP = 4.0
"""Pulls beyond it count as this much in the comparison: a line is not noise."""


MARGIN = 150
"""Widest reach of a window on either side of its middle, pixels."""


@dataclass(frozen=True, eq=False)
class Residual:
    """Data less reconstruction of a batch, with the noise it is to be compared with.

    Attributes
    ----------
    flux, ivar, model, total : Tensor or ndarray, shape (rows, n)
        Prepared flux, its inverse variance, the model, and the model with the continuum, all in
        units of the row's norm. NaN models count as no data.
    """

    flux: Array
    ivar: Array
    model: Array
    total: Array

    def __getitem__(self, cut: slice) -> Residual:
        """Some of the rows."""
        return Residual(self.flux[cut], self.ivar[cut], self.model[cut], self.total[cut])

    @cached_property
    def good(self) -> Array:
        """Pixels with data and a model, shape (rows, n)."""
        return (self.ivar > 0) & namespace(self.model).isfinite(self.model)

    @cached_property
    def difference(self) -> Array:
        """Data less model, float64; 0 where there is none."""
        xp = namespace(self.flux)
        return xp.where(self.good, wide(self.flux) - wide(self.model), 0.0)

    @cached_property
    def weight(self) -> Array:
        """Inverse variance of the difference: noise, model error, and noise that ivar hides."""
        xp, ivar, total = namespace(self.ivar), wide(self.ivar), wide(self.total)
        weight = ivar / (1.0 + ivar * (PIXEL_ERROR * total) ** 2)
        weight = xp.where(self.good, weight, 0.0)
        pulls = clipped(self.difference**2 * weight, high=CLIP**2)
        count = _by_block(wide(self.good))
        mean = _by_block(pulls) / clipped(count, 1.0)
        scale = clipped(xp.where(count > NOISE_BLOCK // 4, mean, 1.0), 1.0)
        return weight / repeated(scale, NOISE_BLOCK)[:, : weight.shape[1]]

    @cached_property
    def pull(self) -> Array:
        """Difference in units of its error, pixel by pixel, float32, shape (rows, n)."""
        return narrow(self.difference) * narrow(self.weight) ** 0.5

    @cached_property
    def counts(self) -> Array:
        """Running sums of the number of good pixels, see :func:`running`."""
        return running(self.good)

    @cached_property
    def _levels(self) -> Array:
        return running(abs(namespace(self.total).where(self.good, self.total, 0.0)))

    @cached_property
    def _sums(self) -> tuple[Array, Array]:
        return running(self.difference * self.weight), running(self.weight)

    @cached_property
    def narrowest(self) -> Array:
        """Significance of the narrowest features, which more than one question is about."""
        return self.significance(NARROW[0])

    def significance(self, width: int, *, alike: bool = False) -> Array:
        """Mean difference over ``width`` pixels, in units of its error.

        Parameters
        ----------
        width : int
            Odd number of pixels, at most ``2 * MARGIN + 1``.
        alike : bool
            Whether the model may be wrong by ``WIDE_ERROR`` in all these pixels alike.

        Returns
        -------
        Tensor or ndarray of float32, shape (rows, n)
            At the middle pixel; 0 where fewer than half of the pixels have data.
        """
        weighted, weight = (narrow(window(sums, width)) for sums in self._sums)
        # Differences of running sums: where there are no data, rounding is left.
        count = narrow(window(self.counts, width))
        enough = (count > width / 2) & (weight > 0)
        if alike:
            level = narrow(window(self._levels, width)) / clipped(count, 1.0)
            weight = weight * (1.0 + weight * (WIDE_ERROR * level) ** 2)
        return namespace(weight).where(enough, weighted * inverse_root(weight), 0.0)

    def contrast(self, width: int, surroundings: int) -> Array:
        """Mean difference over ``width`` pixels less that of its surroundings, in its error.

        Parameters
        ----------
        width, surroundings : int
            Odd numbers of pixels, at most ``2 * MARGIN + 1``.

        Returns
        -------
        Tensor or ndarray of float32, shape (rows, n)
            At the middle pixel; 0 where fewer than half of the pixels, or less than nine tenths
            of the surroundings, have data.
        """
        weighted, weight = (narrow(window(sums, width)) for sums in self._sums)
        around, total = (narrow(window(sums, surroundings)) for sums in self._sums)
        enough = (window(self.counts, width) > width / 2) & (weight > 0)
        enough &= window(self.counts, surroundings) > MOST_OF * surroundings
        xp = namespace(weight)
        mean = around / xp.where(total > 0, total, 1.0)
        return xp.where(enough, weighted * inverse_root(weight) - mean * xp.sqrt(weight), 0.0)

    def step(self, reach: int, start: int, stop: int) -> tuple[Array, Array]:
        """Mean difference right of pixels less that left of them.

        The flux counts as uncertain by ``WIDE_ERROR`` on both sides, as one: neighbouring
        pixels of a wrong model are wrong alike.

        Parameters
        ----------
        reach : int
            Pixels on each side.
        start, stop : int
            Pixels looked at.

        Returns
        -------
        tuple of Tensor or ndarray of float64, each of shape (rows, stop - start)
            In units of its error, and as a share of the flux; 0 where data are missing.
        """
        width = stop - start
        sides = [
            (part[:, reach : reach + width] - part[:, :width],
             part[:, 2 * reach : 2 * reach + width] - part[:, reach : reach + width])
            for sums in (*self._sums, self.counts, self._levels)
            for part in (sums[:, MARGIN + start - reach :],)
        ]  # fmt: skip
        (left, right), (w_left, w_right), (n_left, n_right), (f_left, f_right) = sides
        xp = namespace(left)
        full = (xp.minimum(n_left, n_right) > reach / 2) & (xp.minimum(w_left, w_right) > 0)
        w_left, w_right = xp.where(full, w_left, 1.0), xp.where(full, w_right, 1.0)
        change = xp.where(full, right / w_right - left / w_left, 0.0)
        mean = (f_left + f_right) / clipped(n_left + n_right, 1.0)
        error = xp.sqrt(1.0 / w_left + 1.0 / w_right + (WIDE_ERROR * mean) ** 2)
        return change / error, change / clipped(mean, 1e-30)


def running(values: Array) -> Array:
    """Sums up to each pixel, float64, with room for windows that reach over the ends.

    Returns
    -------
    Tensor or ndarray, shape (rows, n + 2·MARGIN + 1)
        The sum of the pixels before pixel i is at i + ``MARGIN``.
    """
    rows, n = values.shape
    xp, last = namespace(values), MARGIN + n
    out = blank(values, (rows, n + 2 * MARGIN + 1))
    out[:, : MARGIN + 1] = 0.0
    xp.cumsum(values, 1, dtype=xp.float64, out=out[:, MARGIN + 1 : last + 1])
    out[:, last + 1 :] = out[:, last : last + 1]
    return out


def window(sums: Array, width: int) -> Array:
    """Sums over ``width`` pixels (odd) about each one, from running sums; less at the ends."""
    n, half = sums.shape[1] - 2 * MARGIN - 1, width // 2
    high, low = MARGIN + half + 1, MARGIN - half
    return sums[:, high : high + n] - sums[:, low : low + n]


def _by_block(values: Array) -> Array:
    """Sums over blocks of pixels, shape (rows, blocks)."""
    whole = widened(values, 0, -values.shape[1] % NOISE_BLOCK)
    return whole.reshape(len(values), -1, NOISE_BLOCK).sum(2)
