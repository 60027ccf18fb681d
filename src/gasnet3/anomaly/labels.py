"""What a person finds interesting: read from a file, and carried over to alike spectra.

Active learning in the manner of astronomaly (Lochner & Bassett 2021, Astronomy and Computing 36,
100481): a regression of the marks over features of the spectra, whose say fades with the distance
from what was marked, so that spectra unlike any marked one keep the algorithm's score. Their
random forest with a weight by distance is here one Gaussian process, which knows its distance.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gasnet3.catalog import read_table
from gasnet3.catalog.schema import ANOMALY_KINDS, identifiers
from gasnet3.classes import CLASSES
from gasnet3.errors import GasnetError
from gasnet3.machine.typing import Floats

if TYPE_CHECKING:
    from astropy.table import Table

MARK_NAMES = ("interesting", "mark", "label")
"""Columns that may hold the marks."""

MARKS = {"yes": 1.0, "y": 1.0, "true": 1.0, "1": 1.0, "no": 0.0, "n": 0.0, "false": 0.0, "0": 0.0}

COMMENT, WORD = "vi_comment", "interesting"
"""Column of judgements (:mod:`gasnet3.evaluate.judgements`), and what marks a spectrum in it."""

UNKNOWN = 0.5
"""Expected mark of a spectrum unlike any marked one: its score then stays what it is."""

NOISE = 0.05
"""Variance of a mark about what the person means: people contradict themselves."""

LENGTH = 0.6
"""Distance over which marks carry, in units of the root mean square distance of two rows."""

LARGEST_SCORE = 6.0
"""Scores of kinds count up to here: beyond, all are equally strange."""


class LabelsError(GasnetError, ValueError):
    """A file of marks cannot be used; the message says which, where, and what to do."""


@dataclass(frozen=True, eq=False)
class Labels:
    """Marks of a person; a spectrum may have several.

    Parameters
    ----------
    ids : ndarray of str, shape (marks,)
        Identifiers of the spectra.
    marks : ndarray of float64, shape (marks,)
        1 interesting, 0 not.
    """

    ids: NDArray[np.str_]
    marks: Floats

    @classmethod
    def read(cls, path: str | Path) -> Labels:
        """Read marks from a table with ``id`` and ``interesting`` (or ``mark``, or ``label``).

        A file of judgements is read too: a spectrum that was judged is interesting if its
        ``VI_COMMENT`` says "interesting", and is not otherwise.

        Parameters
        ----------
        path : str or Path
            A .csv, .parquet, .fits or .ecsv file. Marks are yes or no, true or false, 1 or 0;
            rows without a mark are left out. Other columns do not matter.

        Raises
        ------
        LabelsError
            If a column is missing, or a mark is none of these.
        CatalogError
            If the file cannot be read.
        """
        table = read_table(path)
        names = {name.lower(): name for name in table.colnames}
        column = next((names[name] for name in (*MARK_NAMES, COMMENT) if name in names), None)
        if "id" not in names or column is None:
            raise LabelsError(
                f"{path}: has the columns {', '.join(table.colnames[:12])}; it needs id and "
                f"{MARK_NAMES[0]} (yes or no)"
            )
        marks = [_mark(path, row, column, cell) for row, cell in enumerate(table[column], 1)]
        told = [i for i, mark in enumerate(marks) if mark is not None]
        ids = identifiers("id", table[names["id"]])[told]
        return cls(ids, np.array([marks[i] for i in told], np.float64))

    @cached_property
    def by_id(self) -> dict[str, float]:
        """Mean mark of each spectrum."""
        all_marks: dict[str, list[float]] = {}
        for name, mark in zip(self.ids, self.marks, strict=True):
            all_marks.setdefault(str(name), []).append(float(mark))
        return {name: float(np.mean(marks)) for name, marks in all_marks.items()}

    def of(self, ids: NDArray[np.str_]) -> NDArray[np.str_]:
        """Marks of spectra as text: 'yes', 'no', 'both', or '' for none."""
        words = {1.0: "yes", 0.0: "no"}
        marks = [self.by_id.get(str(name)) for name in ids]
        return np.array(["" if m is None else words.get(m, "both") for m in marks], np.str_)

    def unknown(self, ids: NDArray[np.str_]) -> list[str]:
        """Marked spectra that are not among the given ones, in their order."""
        known = {str(name) for name in ids}
        return [name for name in self.by_id if name not in known]


def interest(rows: Table, labels: Labels) -> Floats:
    """How interesting rows of a catalog are to the person who marked some of them.

    The anomaly score times twice the expected mark: about 0 for rows like those marked no, twice
    the score for those like the ones marked yes, and the score itself for rows unlike any
    marked one.

    Parameters
    ----------
    rows : astropy.table.Table
        Rows of a catalog, the marked ones among them.
    labels : Labels
        The marks; those of spectra that are not among the rows have no say.

    Returns
    -------
    ndarray of float64, shape (rows,)

    Raises
    ------
    ModuleNotFoundError
        If scikit-learn is missing.
    """
    score = np.asarray(rows["anomaly_score"], np.float64)
    return score * 2 * expected_marks(rows, labels)


def expected_marks(rows: Table, labels: Labels) -> Floats:
    """The mark that a person is expected to give each row, 0 to 1; 0.5 where nothing tells.

    A Gaussian process over :func:`features`, of mean 0.5, without free parameters: the same
    marks give the same answer. Parameters and errors as :func:`interest`.
    """
    try:
        from sklearn.gaussian_process import GaussianProcessRegressor
        from sklearn.gaussian_process.kernels import RBF
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "learning from labels needs scikit-learn: pip install 'gasnet3[anomalies]'"
        ) from None
    place: dict[str, list[int]] = {}
    for row, name in enumerate(np.asarray(rows["id"], np.str_)):
        place.setdefault(str(name), []).append(row)
    told = [(row, mark) for name, mark in zip(labels.ids, labels.marks, strict=True)
            for row in place.get(str(name), [])]  # fmt: skip
    if not told:
        return np.full(len(rows), UNKNOWN)
    x = features(rows)
    where, marks = np.array([row for row, _ in told]), np.array([mark for _, mark in told])
    kernel = RBF(LENGTH, length_scale_bounds="fixed")
    # The prior's variance is 1: marks are put to ±1.
    process = GaussianProcessRegressor(kernel, alpha=4 * NOISE, optimizer=None)
    process.fit(x[where], 2 * marks - 1)
    return np.asarray(np.clip(0.5 * (1 + process.predict(x)), 0.0, 1.0))


def features(rows: Table) -> Floats:
    """What tells alike rows of a catalog, scaled so that two of them are about 1 apart.

    Parameters
    ----------
    rows : astropy.table.Table
        Rows of a catalog. Columns that it lacks, and values that are not known, tell nothing.

    Returns
    -------
    ndarray of float64, shape (rows, features)
        Score and name of each kind, class, S/N, reduced χ², robustness, coefficients by class.
    """
    one, cls = np.ones(len(rows)), _column(rows, "class", "")
    kind = _column(rows, "anomaly_kind", "")
    parts = [
        *(np.clip(_column(rows, f"anomaly_{k}", np.nan), 0, LARGEST_SCORE) for k in ANOMALY_KINDS),
        *(3.0 * (kind == value) for value in ANOMALY_KINDS.values()),
        *(1.0 * (cls == c) for c in CLASSES),
        *(np.log10(np.clip(_column(rows, name, np.nan), low, high)) for name, low, high in (
            ("sn_median", 0.3, 300.0), ("rchi2", 0.3, 100.0), ("robustness", 1e-3, 10.0))),
    ]  # fmt: skip
    x = np.stack([one * part for part in parts], axis=1)
    x = np.where(np.isfinite(x), x, _medians(x))
    distance = np.sqrt(2 * x.var(axis=0).sum())
    return np.asarray(x / distance if distance > 0 else x)


def _column(rows: Table, name: str, missing: Any) -> NDArray[Any]:
    return np.asarray(rows[name]) if name in rows.colnames else np.full(len(rows), missing)


def _medians(x: Floats) -> Floats:
    """Median of what is finite in each column, 0 where nothing is."""
    return np.array([np.median(c[np.isfinite(c)]) if np.isfinite(c).any() else 0.0 for c in x.T])


def _mark(path: str | Path, row: int, column: str, cell: Any) -> float | None:
    """The mark in a cell; None where there is none."""
    text = _text(cell)
    if column.lower() == COMMENT:
        return float(bool(re.search(rf"(?<!not )\b{WORD}\b", text)))
    if text and text not in MARKS:
        raise LabelsError(
            f"{path}, row {row}, column {column}: {cell!s} is no mark; write yes or no"
        )
    return MARKS.get(text)


def _text(mark: Any) -> str:
    """A mark as lower-case text; '' for none."""
    if np.ma.is_masked(mark) or (isinstance(mark, float | np.floating) and not np.isfinite(mark)):
        return ""
    if isinstance(mark, float | np.floating) and mark == int(mark):
        mark = int(mark)
    return str(mark).strip().lower()
