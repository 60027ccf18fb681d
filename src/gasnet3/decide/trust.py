"""How far a redshift of exact solutions is to be trusted: a small network of what is known of it.

The posterior alone is too sure where its assumptions fail: objects that nobody foresaw, errors
that are wrong, sky lines, steps between arms. What tells these from ordinary spectra depends on
the S/N and on how much is explained, so it is a network with a hidden layer and not a straight
line; it has few numbers, and saturates, so that it says nothing wild of what it has not seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gasnet3.decide.features import NEAR_POPULATION, SN_RANGE, linear
from gasnet3.machine.typing import Floats

if TYPE_CHECKING:
    from gasnet3.decide.posterior import Weights

FEATURES = 11
"""How many numbers :func:`trust_features` has."""

REACH = 4.0
"""Spreads from the centre beyond which a feature tells no more."""

DOUBT = 0.2
"""Share of the doubt about a redshift that the shape of the continuum cannot take away."""

ORDINARY = 1.7
"""``structure`` of the residuals that ordinary spectra have."""


def trust_features(
    z: Floats, rchi2: Floats, sn: Floats, weights: Weights, cls: NDArray[np.int64],
    which: NDArray[np.int64],
) -> Floats:  # fmt: skip
    """Numbers that tell a right redshift from a wrong one, shape (rows, 11).

    The first two are the odds that it is right by the posterior, and without what the shape of
    the continuum says.

    Parameters
    ----------
    z, rchi2, sn : ndarray of float64, shape (rows,)
        The redshift, reduced χ² of its solution, and median S/N a pixel.
    weights : Weights
        Of the batch.
    cls, which : ndarray of int64, shape (rows,)
        Place of its class in ``weights.classes``, and its number there.
    """
    name = np.array(weights.classes)[cls]
    height, distance = (weights.of_solution(n, cls, which) for n in ("height", "distance"))
    size = np.clip(np.nan_to_num(sn), *SN_RANGE)
    alone = np.clip(weights.alone, 0.01, 0.99)
    misfit = np.log(np.clip(np.nan_to_num(rchi2, nan=1.0) / (2.0 + (0.1 * size) ** 2), 1, 1e3))
    return np.column_stack(
        [
            np.arcsinh(weights.odds(z, name)), np.arcsinh(weights.odds(z, name, shaped=False)),
            misfit, np.arcsinh(np.maximum(height, 0.0)), np.log(size),
            np.log(weights.temperature), np.log(np.maximum(weights.structure / ORDINARY, 1.0)),
            np.log(distance + NEAR_POPULATION), np.log(alone / (1.0 - alone)),
            (name == "STAR").astype(np.float64), (name == "QSO").astype(np.float64),
        ]
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Trust:
    """What tells right redshifts from wrong ones: a straight line and a few hidden units.

    Attributes
    ----------
    centre, spread : ndarray of float64, shape (11,)
        Of the features it was fitted to.
    hidden : ndarray of float64, shape (units, 11 + 1)
        Weights of the hidden units, which are hyperbolic tangents; the last column is the constant.
    out : ndarray of float64, shape (11 + units + 1,)
        Weights of the features and of the hidden units, and a constant.
    """

    centre: Floats
    spread: Floats
    hidden: Floats
    out: Floats

    @classmethod
    def undecided(cls) -> Trust:
        """One that says a half of everything."""
        nothing = np.zeros(FEATURES)
        return cls(nothing, nothing + 1.0, np.zeros((0, FEATURES + 1)), np.zeros(FEATURES + 1))

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Trust:
        """From what :meth:`to_json` gave."""
        return cls(*(np.array(content[part.name], np.float64) for part in fields(cls)))

    def to_json(self) -> dict[str, Any]:
        """Plain lists, for a file."""
        return {part.name: getattr(self, part.name).tolist() for part in fields(self)}

    def probability(self, features: Floats) -> Floats:
        """Probability that redshifts are right, shape (rows,), from :func:`trust_features`.

        The shape of the continuum leaves at least a fifth of the doubt that there is without it:
        no redshift is to be believed for a colour.
        """
        x = np.clip((features - self.centre) / self.spread, -REACH, REACH)
        units = np.tanh(linear(x, self.hidden.T)) if len(self.hidden) else x[:, :0]
        score = linear(np.column_stack([x, units]), self.out)
        believed = 1.0 / (1.0 + np.exp(-score))
        unshaped = 1.0 / (1.0 + np.exp(-np.clip(np.sinh(features[:, 1]), -700.0, 700.0)))
        return np.asarray(np.minimum(believed, 1.0 - DOUBT * (1.0 - unshaped)))
