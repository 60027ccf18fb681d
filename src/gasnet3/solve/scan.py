"""The least χ² at every whole shift at once, over all coefficients (eq. 22-26).

It is float32 and only proposes minima: at S/N 80 a float32 FFT is off by 10 in χ². What is
reported is always re-evaluated in float64 (:mod:`gasnet3.solve.refine`). Only shifts whose whole
observed window lies on the rest lattice are scanned, so no edge needs correcting.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import pad

from gasnet3.kernels import explain as kernel
from gasnet3.kernels.library import compiled
from gasnet3.solve import batching
from gasnet3.solve.arms import without_steps
from gasnet3.solve.arrays import contiguous
from gasnet3.solve.batching import paired, slices
from gasnet3.solve.correlate import Correlator, correlator
from gasnet3.solve.curves import Curves
from gasnet3.solve.prepare import Prepared
from gasnet3.spectra.lattice import ShiftRange

if TYPE_CHECKING:
    from jaxtyping import Float32

RIDGE = 1e-5
"""Added to the scaled diagonal of the float32 normal equations, far above their rounding."""

DARK = 1e-6
"""Likewise, as a share of what it would be if templates were everywhere as bright as in the mean:
where they are dark all else is rounding."""

ROWS = 32
"""Spectra prepared for the scan together on a CPU."""

POINTS = 2048
"""Normal matrices factorised together, of several spectra: more would leave the processor's
cache, fewer would not pay for the calls."""

GPU_ROWS = 512
"""Spectra scanned together on a GPU: enough to fill it, and a few gigabytes."""


@dataclass(frozen=True)
class Frugality:
    """What a scan saves.

    Attributes
    ----------
    step : int
        Pixels from one point of the curve to the next.
    share : int
        Shifts that share a factorised normal matrix; a multiple of ``step``.
        It is amid those two that are computed, on straight lines between them.
    average : int
        Pixels averaged for the normal matrices; ``share`` is a multiple.
    """

    step: int = 1
    share: int = 1
    average: int = 1

    @property
    def between(self) -> float:
        """How far a matrix lies from a computed one to the next: amid the shifts that share it."""
        return (self.share - self.step) / 2 / self.share


EXACT = Frugality()

FRUGAL = {
    "STAR": Frugality(step=1, share=8, average=8),
    "GALAXY": Frugality(step=4, share=8, average=8),
    "QSO": Frugality(step=4, share=4, average=4),
}
"""What the hybrid saves in its scan."""


@dataclass(frozen=True, eq=False)
class ExactScan:
    """The least χ² over all coefficients and the continuum, at every shift (eq. 22-26).

    What depends on the eigenspectra alone is computed once.

    The right hand side B (eq. 26) changes from one shift to the next as fast as the lines are
    narrow. The normal matrices A (eq. 25) change only where lines cross steps in the inverse
    variance, and nearly all of the cost is in them: a frugal scan computes them for a few shifts
    and interpolates.

    Attributes
    ----------
    single : Correlator
        Of the eigenspectra, at every shift of the curve.
    averaged, product : Correlator
        Of averages of the eigenspectra and of their products (lower triangle by columns), at
        the shifts whose normal matrices are computed.
    power : float
        Mean square of the eigenspectra.
    shifts : ShiftRange
        Shifts the eigenspectra cover.
    m, blocks, points : int
        Number of eigenspectra; of normal matrices that are factorised; of points of the curve.
    frugality : Frugality
        What is saved.
    bound : bool
        Whether the eigenspectra are those of a unit population, which binds the coefficients
        (:mod:`gasnet3.solve.population`); the curve is then -2 ln p(F | s, c).
    """

    single: Correlator
    averaged: Correlator
    product: Correlator
    power: float
    shifts: ShiftRange
    m: int
    blocks: int
    points: int
    frugality: Frugality
    bound: bool = False

    @classmethod
    def build(
        cls,
        eigenspectra: Tensor,
        n: int,
        shifts: ShiftRange,
        frugality: Frugality = EXACT,
        *,
        bound: bool = False,
    ) -> ExactScan:
        """Transform eigenspectra of shape (m, N)."""
        m, step, share = len(eigenspectra), frugality.step, frugality.share
        average = frugality.average
        # The last windows may reach beyond the lattice; so may the last averages.
        rest = pad(eigenspectra.float()[None], (0, 2 * share + average), mode="replicate")[0]
        j, i = torch.triu_indices(m, m)
        bins = -(-n // average)
        blocks = -(-len(shifts) // share)
        matrices, every = blocks + (frugality.between > 0), share // average
        return cls(
            single=correlator(rest, n, blocks * share // step, step),
            averaged=correlator(_means(rest, average), bins, matrices, every),
            product=correlator(_means(rest[i] * rest[j], average), bins, matrices, every),
            power=float((eigenspectra.double() ** 2).mean()),
            shifts=shifts,
            m=m,
            blocks=blocks,
            points=-(-len(shifts) // step),
            frugality=frugality,
            bound=bound,
        )

    @property
    def scanned(self) -> Tensor:
        """Shift of every point of the curve in pixels, ascending, float64."""
        last = self.shifts.last
        return last - self.frugality.step * torch.arange(
            self.points - 1, -1, -1, dtype=torch.float64
        )

    def curves(self, prepared: Prepared) -> Curves:
        """The least χ² at every shift that is scanned."""
        chi2 = self.scan(prepared)
        return Curves(self.scanned.to(chi2.device), chi2)

    def scan(self, prepared: Prepared) -> Float32[Tensor, "rows points"]:
        """χ² curves of prepared spectra, not reduced, float32, shape (rows, points)."""
        levels = () if prepared.arms is None else (prepared.arms.level,)
        weights = prepared.weights(self.frugality.average)
        known = prepared.flux, prepared.ivar, weights, prepared.size.float(), *levels
        arrays = paired(*known)
        together = GPU_ROWS if batching.on_gpu(prepared.flux) else ROWS
        cuts = slices(len(arrays[0]), together)
        parts = [self._scan_rows(*(a[cut] for a in arrays)) for cut in cuts]
        return torch.cat(parts)[: len(prepared)]

    def _scan_rows(
        self,
        flux: Float32[Tensor, "rows n"],
        ivar: Float32[Tensor, "rows n"],
        weights: Float32[Tensor, "rows weights bins"],
        size: Float32[Tensor, " rows"],
        level: Float32[Tensor, "rows joins n"] | None = None,
    ) -> Float32[Tensor, "rows points"]:
        weighted = ivar * flux
        if level is not None:
            weighted = without_steps(weighted, level, level * ivar[:, None])
        constant = (weighted * flux).sum(dim=1, keepdim=True)
        bind = 1.0 / size if self.bound else DARK * self.power * ivar.sum(dim=1)
        begun = (
            self.product.begun(weights[:, :1]), self.averaged.begun(weights[:, 1:]),
            self.single.begun(weighted[:, None]), bind,
        )  # fmt: skip
        together = len(flux) if batching.on_gpu(flux) else max(2, POINTS // self.blocks)
        cuts = slices(len(flux), together)
        gain = torch.cat([self._gain(*(part[cut] for part in begun)) for cut in cuts])
        if self.bound:
            gain = gain - self.m * torch.log(size)[:, None]
        return torch.flip(constant - gain[:, : self.points], (1,))

    def _gain(self, product: Tensor, averaged: Tensor, single: Tensor, bind: Tensor) -> Tensor:
        """What the best coefficients explain of χ², less ln det S if they are bound."""
        normal, cross = self.product.ended(product)[:, 0], self.averaged.ended(averaged)
        right, frugality = self.single.ended(single)[:, 0], self.frugality
        if compiled(right):
            arrays = contiguous(normal, cross, right, bind)
            return torch.from_numpy(
                kernel.explain(
                    *arrays, blocks=self.blocks, shared=frugality.share // frugality.step,
                    between=frugality.between, ridge=RIDGE, volumes=self.bound,
                )
            )  # fmt: skip
        matrices = self.blocks + (frugality.between > 0)
        columns = []
        reduced = _without_continuum(
            _columns(normal[..., :matrices], self.m), cross[..., :matrices]
        )
        for column in reduced:
            if frugality.between > 0:
                column = torch.lerp(column[..., :-1], column[..., 1:], frugality.between)
            column[:, :1] += bind[:, None, None]
            columns.append(column)
        shifts = self.blocks * frugality.share // frugality.step
        gain, volume = _explained(columns, right[..., :shifts])
        return gain - volume if self.bound else gain


def _means(values: Tensor, width: int) -> Tensor:
    """Means over ``width`` pixels, counted from the start; what is left over is dropped."""
    whole = values.shape[-1] // width * width
    return values[..., :whole].reshape(*values.shape[:-1], -1, width).mean(dim=-1)


def _columns(packed: Tensor, m: int) -> list[Tensor]:
    """Columns of the lower triangle: entry i has shape (rows, m - i, blocks)."""
    edges = [i * m - i * (i - 1) // 2 for i in range(m + 1)]
    return [packed[:, edges[i] : edges[i + 1]] for i in range(m)]


def _without_continuum(normal: list[Tensor], cross: Tensor) -> list[Tensor]:
    """S = A - Σ_p c_p c_pᵀ with a ridge: the normal matrices once the continuum is solved for.

    Parameters
    ----------
    normal : list of Tensor, entry i of shape (rows, m - i, matrices)
        Columns of A of eq. 25, from the diagonal down.
    cross : Tensor, shape (rows, degree + 1, m, matrices)
        Correlations with the orthonormal continuum polynomials.
    """
    out = []
    for i, column in enumerate(normal):
        ridge = RIDGE * column[:, :1]
        column = column.clone()
        for p in range(cross.shape[1]):
            column.addcmul_(cross[:, p, i:], cross[:, p, i : i + 1], value=-1.0)
        column[:, :1] = torch.maximum(column[:, :1] + ridge, ridge)
        out.append(column)
    return out


def _explained(
    normal: list[Tensor], right: Float32[Tensor, "rows m shifts"]
) -> tuple[Float32[Tensor, "rows shifts"], Float32[Tensor, "rows shifts"]]:
    """bᵀ S⁻¹ b at every shift, what the best coefficients explain of χ²; and ln det S.

    A Cholesky factorisation and a forward substitution written out over the columns, each step
    for all shifts of all rows at once: LAPACK on thousands of 10 × 10 matrices is ten times
    slower.

    Parameters
    ----------
    normal : list of Tensor, entry i of shape (rows, m - i, blocks)
        Columns of S, from the diagonal down.
    right : Tensor, shape (rows, m, blocks × shared)
        B of eq. 26.

    Returns
    -------
    gain, volume : Tensor, shape (rows, blocks × shared)
    """
    rows, m, blocks = len(right), len(normal), normal[0].shape[2]
    # Shifts of one block in a dimension of their own: they share a factor.
    b = right.reshape(rows, m, blocks, -1).transpose(2, 3).contiguous()
    gain, volume = torch.zeros_like(b[:, 0]), torch.zeros_like(normal[0][:, 0])
    factor: list[Tensor] = []
    for i in range(m):
        column, least = normal[i].clone(), RIDGE * normal[i][:, :1]
        for known in factor:
            below = known[:, i - m :]
            column.addcmul_(below, below[:, :1], value=-1.0)
        diagonal = torch.maximum(column[:, :1], least)
        diagonal = diagonal.clamp(min=1e-20)
        volume += torch.log(diagonal[:, 0])
        scale = torch.rsqrt(diagonal)
        column = column * scale
        factor.append(column)
        y = b[:, i] * scale
        gain.addcmul_(y, y)
        if i + 1 < m:
            b[:, i + 1 :].addcmul_(column[:, 1:, None], y[:, None], value=-1.0)
    shared = right.shape[2] // blocks
    return gain.transpose(1, 2).reshape(rows, -1), volume.repeat_interleave(shared, dim=1)
