"""Sums over pixels that least-squares fits are made of, with the steps of arms marginalised."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gasnet3.solve import batching

if TYPE_CHECKING:
    from jaxtyping import Float, Float64


@dataclass(frozen=True, eq=False)
class Sums:
    """Sums of several fits; all vectors times the root of the inverse variance.

    Where a fit has no steps, what is taken off for those of others is 0 and changes no bit.

    Attributes
    ----------
    design : Tensor, shape (fits, components, n)
        Templates first, then polynomials, then zeros.
    m : int
        Number of templates.
    level : Tensor, shape (fits, joins, n), or None
        :attr:`gasnet3.solve.arms.Arms.level`; None where no fit has any steps.
    """

    design: Float[Tensor, "fits components n"]
    m: int
    level: Float[Tensor, "fits joins n"] | None

    @cached_property
    def _seen(self) -> Tensor:
        """What components have of the steps, shape (fits, components, joins)."""
        assert self.level is not None
        return torch.bmm(self.design, self.level.transpose(1, 2))

    def _steps(self, vectors: Tensor) -> Float64[Tensor, "fits joins"]:
        """What vectors have of the steps."""
        assert self.level is not None
        each = [(self.level[:, j] * vectors).sum(dim=1) for j in range(self.level.shape[1])]
        return torch.stack(each, dim=1).double()

    def products(self, used: int) -> Float[Tensor, "fits components components"]:
        """Normal matrices; components from ``used`` on are zeros."""
        m, design = self.m, self.design
        products = design.new_zeros(len(design), design.shape[1], design.shape[1])
        above = torch.bmm(design[:, :m], design.transpose(1, 2))
        products[:, :m] = above
        products[:, m:, :m] = above[:, :, m:].transpose(1, 2)
        polynomials = design[:, m:used]
        products[:, m:used, m:used] = torch.bmm(polynomials, polynomials.transpose(1, 2))
        if self.level is not None:
            products -= torch.bmm(self._seen, self._seen.transpose(1, 2))
        return products

    def times(self, vectors: Float[Tensor, "fits n"]) -> Float64[Tensor, "fits components"]:
        """Products of all components with one vector a fit."""
        out = _times(self.design, vectors)
        if self.level is not None:
            out = out - (self._seen.double() * self._steps(vectors)[:, None]).sum(dim=2)
        return out

    def product(
        self, first: Float[Tensor, "fits n"], second: Float[Tensor, "fits n"]
    ) -> Float64[Tensor, " fits"]:
        """Product of two vectors a fit."""
        out = (first * second).sum(dim=1).double()
        if self.level is not None:
            out = out - (self._steps(first) * self._steps(second)).sum(dim=1)
        return out


def _times(matrices: Tensor, vectors: Tensor) -> Tensor:
    """One matrix times one vector each, float64, shape (fits, m)."""
    if batching.on_gpu(matrices):
        return torch.bmm(matrices, vectors[..., None])[..., 0].double()
    # A batched product with vectors takes MKL ten times longer.
    out = matrices.new_empty(matrices.shape[:2])
    for row, matrix, vector in zip(out, matrices, vectors, strict=True):
        torch.mv(matrix, vector, out=row)
    return out.double()
