"""Answers beside labels, and what is counted of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from gasnet3.classes import CLASSES
from gasnet3.decide.posterior import RIGHT
from gasnet3.evaluate.reliability import Reliability, reliability
from gasnet3.machine.typing import Bools, Floats
from gasnet3.spectra.batch import Spectra

NEAR = {"STAR": 1e-3, "GALAXY": 1e-3, "QSO": 1e-2}
"""A redshift is right within these |Δ ln(1 + z)|, here."""

Kind = Literal["class", "z"]
"""Of what a probability is."""

KINDS: dict[Kind, str] = {
    "class": "The class, the largest of `p_star`, `p_galaxy` and `p_qso`:",
    "z": "The redshift, `p_z`:",
}

WRONG = 0.01
"""Share of wrong ones that a sample may have, for its completeness."""

HEAD = (
    "spectra", "n", "class right", "right", "unflagged", "wrong among unflagged", "p_z > 0.9",
    "wrong among these", "ECE class", "ECE redshift", "complete at 1 % wrong",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Said:
    """Answers beside labels; all (rows,).

    ``true`` and ``true_z`` are the label; ``right`` is of class and redshift, GALAXY and QSO for
    each other; ``z_right`` is what ``p_z`` promises, of the redshift alone. ``clean``: no warning.
    """

    ids: NDArray[np.str_]
    true: NDArray[np.str_]
    true_z: Floats
    cls: NDArray[np.str_]
    z: Floats
    class_right: Bools
    right: Bools
    z_right: Bools
    clean: Bools
    p_class: Floats
    p_z: Floats
    delta_chi2: Floats

    @classmethod
    def of(cls, found: Table, spectra: Spectra) -> Said:
        """A catalog beside the labels of its spectra; of a class that is none of ours any is right.

        What a catalog lacks or does not know, of probabilities and Δχ², is 0.
        """
        name, z = np.asarray(found["class"]), np.asarray(found["z"], np.float64)
        true = np.asarray(spectra.classes)
        strict = np.asarray((name == true) | ~np.isin(true, CLASSES))
        either = strict | (np.isin(name, CLASSES[1:]) & np.isin(true, CLASSES[1:]))
        limits = [np.array([NEAR.get(str(c), 0.0) for c in names]) for names in (name, true)]
        off = np.abs(np.log1p(z) - np.log1p(spectra.z))
        of_true = np.array([RIGHT.get(str(c), RIGHT["GALAXY"]) for c in true])
        by_class = [_known(found, f"p_{c.lower()}") for c in CLASSES]
        return cls(
            ids=np.asarray(spectra.ids), true=true, true_z=np.asarray(spectra.z, np.float64),
            cls=name, z=z, class_right=strict, right=either & (off < np.maximum(*limits)),
            z_right=off < of_true, clean=np.asarray(found["zwarn"]) == 0,
            p_class=np.max(by_class, axis=0), p_z=_known(found, "p_z"),
            delta_chi2=_known(found, "delta_chi2"),
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> Said:
        """Some of the answers."""
        return Said(**{name: values[rows] for name, values in vars(self).items()})

    @classmethod
    def joined(cls, parts: Iterable[Said]) -> Said:
        """Several in one."""
        each = [vars(part) for part in parts]
        return cls(**{name: np.concatenate([part[name] for part in each]) for name in each[0]})


def _known(found: Table, name: str) -> Floats:
    """A column of numbers, 0 where it is NaN or the catalog has none."""
    if name not in found.colnames:
        return np.zeros(len(found))
    return np.nan_to_num(np.asarray(found[name], np.float64))


def complete(right: Bools, sureness: Floats) -> float:
    """Largest share of the rows that a cut on their sureness keeps with at most 1 % of them wrong.

    Parameters
    ----------
    right : ndarray of bool, shape (rows,)
    sureness : ndarray, shape (rows,)
        The larger the surer: p_z or Δχ².
    """
    order = np.argsort(-sureness, kind="stable")
    wrong = np.cumsum(~right[order]) / np.arange(1, len(order) + 1)
    # Rows of one sureness are kept together.
    last = np.append(np.diff(sureness[order]) != 0, True)
    return float(max(np.flatnonzero(last & (wrong <= WRONG)) + 1, default=0) / len(order))


def wrong_among(right: Bools) -> str:
    """Share and number of the wrong ones."""
    return f"{1.0 - right.mean():.3f} ({(~right).sum()})" if len(right) else "none kept"


def worth(name: str, said: Said) -> tuple[str, ...]:
    """One row of :data:`HEAD`."""
    kept = said.p_z > 0.9
    error = [reliable(said, kind).expected_calibration_error for kind in KINDS]
    return (
        name, str(len(said)), f"{said.class_right.mean():.3f}", f"{said.right.mean():.3f}",
        f"{said.clean.mean():.3f}", wrong_among(said.right[said.clean]), f"{kept.mean():.3f}",
        wrong_among(said.right[kept]), f"{error[0]:.3f}", f"{error[1]:.3f}",
        f"{complete(said.right, said.p_z):.3f}",
    )  # fmt: skip


def reliable(said: Said, kind: Kind) -> Reliability:
    """Reliability of the probability of the class, or of the redshift."""
    if kind == "class":
        return reliability(said.p_class, said.class_right)
    return reliability(said.p_z, said.z_right)


def by_bin(parts: Mapping[str, Said], kind: Kind) -> list[tuple[str, ...]]:
    """Rows of a reliability table: a bin of probability with answers, and a cell for each part.

    A cell has the mean probability, the share of right ones and their n; '' where n is 0.
    """
    measured = [reliable(said, kind) for said in parts.values()]
    edges = measured[0].edges
    return [
        (f"{edges[at]:.1f} to {edges[at + 1]:.1f}", *(_cell(one, at) for one in measured))
        for at in range(len(edges) - 1)
        if any(one.n[at] for one in measured)
    ]


def _cell(one: Reliability, at: int) -> str:
    return f"{one.confidence[at]:.3f}: {one.accuracy[at]:.3f} ({one.n[at]})" if one.n[at] else ""
