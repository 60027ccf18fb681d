"""χ² curves, and those of given reconstructions (eq. 9-10)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gasnet3.solve import batching
from gasnet3.solve.arrays import Array, as_numpy, like, namespace, narrow
from gasnet3.solve.batching import fast_length, in_blocks, paired, slices
from gasnet3.solve.minima import Minima
from gasnet3.solve.priors import Prior
from gasnet3.spectra.lattice import ShiftRange, z_from_shift

if TYPE_CHECKING:
    from jaxtyping import Float32, Float64

TOGETHER = 32
"""Reconstructions scanned together on a CPU: they stay in its cache."""


@dataclass(frozen=True, eq=False)
class Curves:
    """χ² curves of one class, for pictures and proposals.

    Attributes
    ----------
    shift : Tensor or ndarray of float64, shape (points,)
        Shifts in pixels, ascending.
    chi2 : Tensor or ndarray, shape (rows, points)
        χ², not reduced.
    """

    shift: Float64[Array, " points"]
    chi2: Float32[Array, "rows points"]

    @classmethod
    def of(cls, shifts: NDArray[np.float64], chi2: Array) -> Curves:
        """Curves at given shifts, which go where the curves are."""
        return cls(like(chi2, shifts), chi2)

    def rows(self, index: Array) -> Curves:
        """The curves of some rows."""
        return Curves(self.shift, self.chi2[index])

    def within(self, shifts: ShiftRange) -> Curves:
        """The part of the curves at some shifts."""
        inside = (self.shift >= shifts.first) & (self.shift <= shifts.last)
        return self if inside.all() else Curves(self.shift[inside], self.chi2[:, inside])

    def under(self, prior: Prior | None, error: float) -> Curves:
        """The curves with what a prior adds to them; ``error`` as in :meth:`Prior.penalty`."""
        if prior is None:
            return self
        # A minimum may be half a step from a point: a narrow prior must not pass it by.
        added = prior.penalty(self.shift, error + self.step)
        return Curves(self.shift, self.chi2 + narrow(added))

    @property
    def step(self) -> Any:
        """Pixels from one point to the next, where the curves are."""
        return self.shift[1] - self.shift[0] if len(self.shift) > 1 else 1.0

    @property
    def z(self) -> NDArray[np.float64]:
        """Redshift of every point."""
        return np.asarray(z_from_shift(as_numpy(self.shift)))

    def position(self, minima: Minima) -> Float64[Array, "rows k"]:
        """Sub-pixel shifts of minima by their parabolas, NaN where there is none."""
        xp = namespace(minima.index)
        place = self.shift[xp.clip(minima.index, 0, None)] + self.step * minima.offset
        return xp.where(minima.index >= 0, place, np.nan)


def scan_amortised(
    rest: Float32[Array, "rows rest"],
    flux: Float32[Array, "rows n"],
    ivar: Float32[Array, "rows n"],
    shifts: ShiftRange,
    *,
    pairs: bool = False,
) -> Float32[Array, "rows points"]:
    """χ² of a given reconstruction at every shift (eq. 9-10), not reduced.

    ``χ²_s = Σ_i σ_i⁻² F̂²_{i+s} - 2 Σ_i F_i σ_i⁻² F̂_{i+s} + C``: two correlations, summed before
    one inverse transform. In float32, and only proposals: at S/N 80 it is off by 10.

    Parameters
    ----------
    rest : Tensor or ndarray of float32, shape (rows, N)
        Rest-frame reconstruction F̂.
    flux, ivar : Tensor or ndarray of float32, shape (rows, n)
        Prepared spectra.
    shifts : ShiftRange
        Shifts the rest lattice covers.
    pairs : bool
        Whether to look at every second shift alone, from the last on, with the mean over two pixels
        of data and reconstruction: half of the work.

    Returns
    -------
    Tensor or ndarray of float32, shape (rows, points)
        χ² by ascending shift; ``points`` is ``len(shifts)``, or half of it, rounded up.
    """
    step = 2 if pairs else 1
    pixels, points = (-(-number // step) for number in (rest.shape[1], len(shifts)))
    if isinstance(rest, np.ndarray):
        import scipy.fft  # here only: it takes long

        length = scipy.fft.next_fast_len(pixels, real=True)
        return in_blocks(
            lambda *rows: [_scan(scipy.fft, length, points, *rows, pairs=pairs)], rest, flux, ivar
        )[0]
    xp, length = namespace(rest), fast_length(pixels)
    model, f, w = paired(rest, flux, ivar)
    cuts = slices(len(model), len(model) if batching.on_gpu(rest) else TOGETHER)
    parts = [_scan(xp.fft, length, points, model[cut], f[cut], w[cut], pairs=pairs) for cut in cuts]
    return xp.concatenate(parts)[: len(flux)]


def _of_pairs(values: Array, share: float = 1.0) -> Array:
    """Sums of two neighbours each, times a share; a last one without a neighbour as it is."""
    total, many = values[:, ::2] + 0.0, values.shape[1] // 2
    total[:, :many] += values[:, 1::2]
    total[:, :many] *= share
    return total


def _scan(
    fft: Any, length: int, points: int, rest: Array, flux: Array, ivar: Array, *, pairs: bool
) -> Array:
    stack, weighted = namespace(rest).stack, flux * ivar
    constant = (weighted * flux).sum(1)[:, None]
    if pairs:
        rest, ivar, weighted = _of_pairs(rest, 0.5), _of_pairs(ivar), _of_pairs(weighted)
    data = fft.rfft(stack([ivar, weighted]), length).conj()
    both = data * fft.rfft(stack([rest**2, -2.0 * rest]), length)
    first, second = both
    first += second
    # The window starts at the red end of the rest lattice for the smallest shift.
    curve = namespace(rest).flip(fft.irfft(first, length)[:, :points], (1,))
    curve += constant
    return curve
