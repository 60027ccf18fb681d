"""Everything known about a batch after solving."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gasnet3.machine.typing import Floats

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
