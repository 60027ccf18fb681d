"""A model, whatever runs its network, with what its solvers compute once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from gasnet3.nets.card import ModelCard
from gasnet3.solve.arrays import Array, like, narrow, wide
from gasnet3.solve.batching import in_blocks
from gasnet3.solve.broaden import BroadenedModel
from gasnet3.solve.curves import Curves, scan_amortised
from gasnet3.solve.limits import SYSTEMATIC_KM_S
from gasnet3.solve.population import Population
from gasnet3.solve.prepare import NO_POLYNOMIAL, Prepared, legendre_basis
from gasnet3.solve.splines import spline_coefficients
from gasnet3.spectra.lattice import C_KM_S, LN10_STEP

if TYPE_CHECKING:
    from gasnet3.solve.numbers import Expected
    from gasnet3.solve.priors import Prior
    from gasnet3.solve.scan import ExactScan, Frugality
    from gasnet3.solve.templates import Templates


@dataclass(frozen=True, eq=False)
class Engine:
    """A model with what its solvers compute once.

    Parameters
    ----------
    model : gasnet3.nets.model.Model or gasnet3.onnx.runtime.OnnxModel
        Where torch runs the network, templates can be fitted to spectra; elsewhere only its own
        reconstructions.
    expected : Expected or None
        How many objects there are of the class at each shift, where that is known beforehand.
    trunk : gasnet3.nets.trunk.TrunkModel, gasnet3.onnx.runtime.OnnxTrunk or None
        What gives the coefficients of all classes, in the place of the network of the model.
    """

    model: Any
    expected: Expected | None = None
    trunk: Any = None

    @property
    def card(self) -> ModelCard:
        """Card of the model."""
        card: ModelCard = self.model.card
        return card

    @property
    def cls(self) -> str:
        """Class of the model."""
        return self.card.cls

    def errors(self, kind: str) -> dict[str, float]:
        """Scale and floor of the redshift errors of a kind of solution, where they are known."""
        if self.trunk is None:
            found: dict[str, float] = self.card.calibration.get("z_err", {}).get(kind, {})
        else:
            found = self.trunk.card.calibration.get(self.cls, {})
        return found

    @property
    def key(self) -> str:
        """Class of the model, and name where several may compete in it."""
        return self.card.key

    def broadened(self, sigma: float) -> Engine:
        """The engine for spectra whose line spread has this σ in pixels, where it is broader."""
        more = sigma**2 - self.card.sigma**2
        return self if more <= 0 else replace(self, model=BroadenedModel(self.model, more**0.5))

    @property
    def systematic(self) -> float:
        """:data:`~gasnet3.solve.limits.SYSTEMATIC_KM_S` in pixels."""
        return SYSTEMATIC_KM_S[self.cls] / C_KM_S / LN10_STEP

    def under(self, curves: Curves, prior: Prior | None) -> Curves:
        """Curves of the class with what is known beforehand added to them."""
        curves = curves.under(prior, self.systematic)
        if self.expected is None:
            return curves
        return Curves(curves.shift, curves.chi2 + narrow(self.expected.penalty(curves.shift)))

    def penalty(self, prepared: Prepared, rows: Array, shift: Array, reach: float = 0.0) -> Array:
        """What is known beforehand adds to the χ² of fits of rows at shifts, all (fits,).

        No prior of a spectrum is taken to be narrower than ``reach`` pixels.
        """
        added = prepared.penalty(rows, shift, self.systematic + reach)
        return added if self.expected is None else added + self.expected.penalty(shift)

    @property
    def dof(self) -> int:
        """Parameters fitted: eigenspectra and continuum (16 by default, as in the paper)."""
        spectra = self.model.eigenspectra
        return (0 if spectra is None else len(spectra)) + self.card.degree + 1

    @property
    def eigenspectra(self) -> Array:
        """Eigenspectra, shape (m, N).

        Raises
        ------
        ModelError
            If the network has none.
        """
        self.card.need_eigenspectra()
        spectra = self.model.eigenspectra
        assert spectra is not None
        return spectra

    @cached_property
    def spline(self) -> Array:
        """Eigenspectra as splines, float64, shape (m, N + 2·PAD)."""
        return spline_coefficients(self.eigenspectra)

    @cached_property
    def templates(self) -> Templates:
        """Eigenspectra as splines, with a free continuum."""
        from gasnet3.solve.templates import Templates  # loads torch

        basis = legendre_basis(self.card.observed, self.card.degree, self.eigenspectra.device)
        bound = self.population
        precision = None if bound is None else like(basis, bound.precision)
        return Templates(self.spline, basis, self.card.shifts, precision=precision)

    @cached_property
    def population(self) -> Population | None:
        """What binds the coefficients, where the card knows it."""
        return Population.of(self.card.population)

    @cached_property
    def full_scan(self) -> ExactScan:
        """Exact scan of every shift."""
        from gasnet3.solve.scan import EXACT  # loads torch

        return self._scan(EXACT)

    @cached_property
    def frugal_scan(self) -> ExactScan:
        """Exact scan whose normal matrices serve for several shifts."""
        from gasnet3.solve.scan import FRUGAL  # loads torch

        frugality = FRUGAL[self.cls]
        if self.card.degree == NO_POLYNOMIAL:
            # What continua add to normal matrices changes from shift to shift.
            step = frugality.step
            frugality = replace(frugality, share=step, average=step)
        return self._scan(frugality)

    def _scan(self, frugality: Frugality) -> ExactScan:
        from gasnet3.solve.scan import ExactScan  # loads torch

        card, bound, spectra = self.card, self.population, self.eigenspectra
        if bound is not None:
            # Of unit population: what binds the coefficients is then a number on the diagonal.
            spectra = like(spectra, bound.root.T) @ wide(spectra)
        return ExactScan.build(spectra, card.n, card.shifts, frugality, bound=bound is not None)

    def reconstruct(self, prepared: Prepared) -> tuple[Array, Array]:
        """Rest-frame reconstruction (rows, N), and coefficients times amplitude (rows, m)."""
        spectra = prepared.flux, prepared.ivar
        if self.trunk is not None:
            of_all = prepared.once(self.trunk, lambda: in_blocks(self.trunk.coefficients, *spectra))
            coeff = of_all[self.trunk.card.classes.index(self.cls)]
            return in_blocks(lambda some: [some @ self.eigenspectra], coeff)[0], coeff

        def network(flux: Array, ivar: Array) -> tuple[Array, Array]:
            out = self.model.reconstruct(flux, ivar)
            return out.flux, out.amplitude[:, None] * out.coeff

        rest, coeff = in_blocks(network, *spectra)
        return rest, coeff

    def splines(self, rest: Array, coeff: Array) -> Array:
        """Cubic splines through reconstructions, float64, shape (rows, N + 2·PAD)."""
        if self.model.eigenspectra is None:
            return spline_coefficients(rest)
        # The spline of a sum is the sum of the splines.
        return in_blocks(lambda some: [wide(some) @ self.spline], coeff)[0]

    def amortised_curves(self, rest: Array, prepared: Prepared, *, pairs: bool = False) -> Curves:
        """χ² of the network's reconstruction at every shift, or at every second one."""
        card, step = self.card, 2 if pairs else 1
        chi2 = scan_amortised(rest, prepared.flux, prepared.ivar, card.shifts, pairs=pairs)
        back = step * np.arange(chi2.shape[1] - 1, -1, -1, dtype=np.float64)
        return Curves.of(card.shifts.last - back, chi2)

    def proposing_curves(self, rest: Array, prepared: Prepared) -> Curves:
        """The same as minima are proposed from: stars differ by too few pixels for pairs."""
        return self.amortised_curves(rest, prepared, pairs=self.cls != "STAR")
