"""Everything known about a batch after solving."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gasnet3.classes import CLASSES
from gasnet3.machine.typing import Floats
from gasnet3.solve.arrays import as_numpy

if TYPE_CHECKING:
    from gasnet3.decide.posterior import Weights
    from gasnet3.decide.rank import Ranked
    from gasnet3.pipeline.fitted import Fitted
    from gasnet3.solve.candidates import Candidates
    from gasnet3.solve.curves import Curves
    from gasnet3.solve.engine import Engine
    from gasnet3.solve.prepare import Prepared
    from gasnet3.spectra.batch import Spectra


@dataclass(frozen=True, eq=False)
class Outcome:
    """Everything known about a batch after solving.

    Attributes
    ----------
    spectra : Spectra
        The batch.
    engines : tuple of Engine
        One a class.
    prepared : list of Prepared
        The batch as each engine's model wants it.
    candidates : list of Candidates
        Solutions of each class.
    ranked : Ranked
        Solutions of all classes, best first.
    probabilities : ndarray of float64, shape (rows, 3)
        Of ``gasnet3.CLASSES``; NaN for classes without a model.
    exact : bool
        Whether coefficients are solved for: only such can be compared with the population's.
    fitted : Fitted
        What probabilities, subclasses and scores of strangeness are made of.
    weights : Weights or None
        The posterior that decided; None where it did not.
    scanned : dict of str to Curves
        The curves that solutions were proposed from, by class; none where they are not kept.
    """

    spectra: Spectra
    engines: tuple[Engine, ...]
    prepared: list[Prepared]
    candidates: list[Candidates]
    ranked: Ranked
    probabilities: NDArray[np.float64]
    exact: bool
    fitted: Fitted
    weights: Weights | None = None
    scanned: dict[str, Curves] = field(default_factory=dict)

    def put(self, rows: NDArray[np.int64], others: Outcome) -> None:
        """Replace what was decided of some rows by ``others``; not their candidates."""
        self.ranked.put(rows, others.ranked)
        self.probabilities[rows] = others.probabilities
        if self.weights is not None:
            assert others.weights is not None
            self.weights.put(rows, others.weights)

    @cached_property
    def n_independent(self) -> NDArray[np.int64]:
        """:attr:`gasnet3.spectra.batch.Spectra.n_independent`, shape (rows,)."""
        return self.spectra.n_independent

    @property
    def p_z(self) -> dict[str, Floats]:
        """The posterior along the curve of each class; none where there is no posterior.

        See :func:`gasnet3.decide.redshifts.on_curves`.
        """
        from gasnet3.decide.redshifts import on_curves

        return {} if self.weights is None else on_curves(self.weights, self.ranked)


def under_priors(
    probabilities: Floats, engines: tuple[Engine, ...], candidates: list[Candidates]
) -> Floats:
    """Probabilities of classes under the priors of the best solutions; NaN for those not tried.

    Of n(z) the frequency of the class alone: that its best solution lies where there are many says
    little, for noise has minima everywhere and the best was chosen so.
    """
    # None for classes that are not tried or have no solution (their probability is 0 already).
    prior = np.full(probabilities.shape, np.nan)
    out = np.full(probabilities.shape, np.nan)
    for engine, found in zip(engines, candidates, strict=True):
        at = CLASSES.index(found.cls)
        out[:, at] = probabilities[:, at]
        known = found.prior[:, 0]
        if engine.expected is not None:
            known = known + engine.expected.of_class - engine.expected.penalty(found.shift[:, 0])
        prior[:, at] = np.minimum(as_numpy(known), 1e300)  # inf - inf is no number
    # The others are to stay as they are, to the bit.
    rows = np.nan_to_num(prior).any(axis=1)
    excess = prior[rows] - np.nanmin(prior[rows], axis=1, keepdims=True)
    weight = out[rows] * np.exp(-0.5 * np.nan_to_num(excess))
    total = np.nansum(weight, axis=1, keepdims=True)
    out[rows] = weight / np.where(total > 0, total, np.nan)
    return out
