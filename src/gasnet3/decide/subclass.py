"""Subclasses from the coefficients of a solution (paper, appendix A).

Spectra of one subclass lie together in the space of the coefficients. A logistic model, quadratic
in the coefficients scaled to unit length, says which subclass a solution is of; the covariance of
the coefficients makes it less sure where the spectrum is noisy, and where it is not sure enough
it says nothing. It is fitted once to labelled spectra (``recipes/subclass.py``) and belongs to
the weights whose coefficients it was fitted to. Quasars get none: in the coefficients their
subclasses overlap, as the paper found too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gasnet3.machine.files import json_contents
from gasnet3.machine.typing import Floats
from gasnet3.solve.coefficients import unit_coefficients

DIRECTORY = Path(__file__).resolve().parents[1] / "models" / "subclass"
"""The fits of the shipped weights."""

SPECTRAL_TYPE = re.compile(r"^(?:sd:?|[gd])?(OB|[OBAFGKML])[\d.IV]*(?![a-ln-z])", re.IGNORECASE)
"""Spectral type of a label, perhaps after that of a subdwarf, giant or dwarf."""

STAR_KINDS = {"WD": "WD", "CV": "CV", "CARBON": "C", "LDWARF": "L"}
"""Stars named otherwise, by a part of their label."""

GALAXY_KINDS = {"AGN", "STARBURST", "STARFORMING"}
UNKNOWN = {"NON", "NULL", "UNKNOWN"}
"""What stands for no label."""


def standard_label(cls: str, label: str) -> str:
    """A survey's subclass in the words of :class:`SubclassModel`; '' where there is none.

    Stars by their spectral type, whatever the luminosity: "G5III+... (157910)" is "G", "dM1" is
    "M", O and B are "OB"; "WD", "CV" and "C" (carbon) beside them. Galaxies as SDSS has them,
    without its BROADLINE, and "QUIESCENT" where SDSS finds no lines to tell the kind by; a
    missing label must be told from that by the caller.

    Parameters
    ----------
    cls : str
        STAR, GALAXY or QSO.
    label : str
        As SDSS, LAMOST or a template library writes it.
    """
    if cls == "STAR":
        for part, kind in STAR_KINDS.items():
            if part in label.upper():
                return kind
        if found := SPECTRAL_TYPE.match(label):
            kind = found[1].upper()
            return "OB" if kind in ("O", "B") else kind
    elif cls == "GALAXY":
        kind = label.replace("BROADLINE", "").strip()
        if kind in GALAXY_KINDS:
            return kind
        return "" if kind.upper() in UNKNOWN else "QUIESCENT"
    return ""


def quadratic_features(unit: Floats) -> Floats:
    """The coefficients and their products, shape (rows, m + m(m + 1)/2).

    Parameters
    ----------
    unit : ndarray of float64, shape (rows, m)
        Coefficients of unit length.
    """
    i, j = np.triu_indices(unit.shape[1])
    return np.concatenate([unit, unit[:, i] * unit[:, j]], axis=1)


@dataclass(frozen=True, eq=False)
class SubclassModel:
    """The fit of one network.

    Attributes
    ----------
    labels : tuple of str
        Subclasses, k of them.
    weight : ndarray of float64, shape (k, features + 1)
        Of :func:`quadratic_features`, the constant last.
    threshold : float
        Least probability with which a subclass is said.
    """

    labels: tuple[str, ...]
    weight: Floats
    threshold: float

    def probabilities(self, coeff: Floats, covariance: Floats) -> Floats:
        """Probability of each subclass, shape (rows, k); NaN for rows without coefficients.

        The score of each subclass is compared with the best one. Its lag is divided by
        sqrt(1 + πσ²/8), where σ² is its variance from the noise (MacKay 1992): that is the
        logistic model averaged over what the coefficients may be.

        Parameters
        ----------
        coeff, covariance : ndarray of float64, shapes (rows, m) and (rows, m, m)
            Exact coefficients, with amplitude, and their covariance.

        Raises
        ------
        ValueError
            If m is not that of the fit.
        """
        m = coeff.shape[1]
        if self.weight.shape[1] != m + m * (m + 1) // 2 + 1:
            raise ValueError(
                f"{m} coefficients do not fit weights of shape {self.weight.shape}: "
                "the subclass model belongs to another network"
            )
        unit, spread = unit_coefficients(coeff, covariance)
        # Row by row: the last bits of a matrix product depend on the number of rows.
        features = quadratic_features(unit)[:, None, :]
        score = (features * self.weight[:, :-1]).sum(axis=2) + self.weight[:, -1]
        best = np.argmax(score, axis=1)
        slope = self._slope(unit)
        rows = np.arange(len(unit))
        against = slope - slope[rows, best][:, None]
        variance = np.einsum("nki,nij,nkj->nk", against, spread, against)
        lag = score - score[rows, best][:, None]
        weight = np.exp(lag / np.sqrt(1.0 + np.pi / 8.0 * np.maximum(variance, 0.0)))
        return np.asarray(weight / weight.sum(axis=1, keepdims=True))

    def _slope(self, unit: Floats) -> Floats:
        """Derivative of the scores along the coefficients, shape (rows, k, m)."""
        m = unit.shape[1]
        i, j = np.triu_indices(m)
        products = np.zeros((len(self.labels), m, m))
        products[:, i, j] = self.weight[:, m:-1]
        products = products + products.transpose(0, 2, 1)
        return self.weight[:, :m] + np.einsum("kij,nj->nki", products, unit)

    def predict(self, coeff: Floats, covariance: Floats) -> tuple[NDArray[np.str_], Floats]:
        """The most probable subclass of each row, '' where it is not sure, and its probability.

        Parameters
        ----------
        coeff, covariance
            See :meth:`probabilities`. Where the reduced χ² is above 1 the covariance is to be
            multiplied by it.
        """
        p = self.probabilities(coeff, covariance)
        best = np.nan_to_num(p).argmax(axis=1)
        probability = p[np.arange(len(p)), best]
        sure = probability >= self.threshold  # NaN is not
        return np.where(sure, np.array(self.labels)[best], ""), probability


def find_subclass(sha256: str, directories: Sequence[Path] = (DIRECTORY,)) -> SubclassModel | None:
    """The fit that belongs to a network, or None.

    Parameters
    ----------
    sha256 : str
        Hash of the network's weights.
    directories : sequence of Path
        Where fits are looked for, in files ``*.json``.
    """
    for content in json_contents(directories):
        for fit in content.values():
            if fit["sha256"] == sha256:
                return SubclassModel(
                    tuple(fit["labels"]), np.array(fit["weight"]), fit["threshold"]
                )
    return None
