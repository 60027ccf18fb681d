"""What the paper's figures are drawn from, and which spectra of a catalog they show."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gasnet3.anomaly.ranking import STRANGE
from gasnet3.classes import CLASSES
from gasnet3.flags import ZWarn
from gasnet3.machine.typing import Bools, Floats
from gasnet3.report import columns

if TYPE_CHECKING:
    from astropy.table import Table

    from gasnet3.evaluate.evaluation import Evaluation
    from gasnet3.evaluate.truth import Truth
    from gasnet3.paper.samples import ClassSample
    from gasnet3.pipeline.closeup import Closeup
    from gasnet3.pipeline.pipeline import Pipeline
    from gasnet3.spectra.batch import Spectra

Rows = NDArray[np.intp]

EXAMPLE_SN = 10.0
"""Median S/N of the spectra shown as examples, or the nearest to it."""

NOT_SHOWN = ZWarn.NODATA | ZWarn.LITTLE_COVERAGE | ZWarn.UNPLUGGED | ZWarn.SKY
"""Spectra with one of these flags have no extreme worth a picture."""

NETWORKS = {"encoder": "Encoder", "unet": "U-Net"}
"""Networks as titles name them."""

HOW = {
    "truth": "a table of classes and redshifts (--truth)",
    "spectra": "the spectra that the catalog was made of (--spectra)",
    "histories": "the history.csv of trainings (--history)",
}
"""What to give for a figure that needs it."""

NO_LABEL = (
    "the truth has no class and redshift of any spectrum of the catalog: are their identifiers "
    "the same?"
)


@dataclass(frozen=True, eq=False)
class Inputs:
    """What the figures of the paper are drawn from; only the catalog is needed by most.

    Attributes
    ----------
    catalog : astropy.table.Table
        Catalog with native names; further solutions of a spectrum (``znum`` above 0) are left out.
    truth : Truth, optional
        Labels, of :func:`gasnet3.evaluate.truth.read_truth`.
    spectra : sequence of str or Path
        Files, directories or globs of the catalog's spectra.
    models : str or sequence of str
        See :func:`gasnet3.load_models`; should be those that made the catalog.
    histories : sequence of str or Path
        The CSV files that trainings wrote.
    """

    catalog: Table
    truth: Truth | None = None
    spectra: Sequence[str | Path] = ()
    models: str | Sequence[str] = "encoder"
    histories: Sequence[str | Path] = ()
    _read: dict[str, Any] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def best(self) -> Table:
        """The first solution of every spectrum."""
        return columns.best_solutions(self.catalog)

    @property
    def made(self) -> Mapping[str, Any]:
        """What made the catalog, as it says; empty where it does not."""
        return self.catalog.meta.get("gasnet3") or {}

    @property
    def title(self) -> str:
        """Name of the method, for the titles of panels."""
        names = {str(name).partition("-")[0] for name in self.made.get("models") or ()}
        network = ", ".join(sorted(NETWORKS.get(name, name) for name in names))
        return ", ".join(part for part in (network, str(self.made.get("solver") or "")) if part)

    @property
    def same_models(self) -> bool:
        """Whether the models are those that made the catalog; True where it does not say."""
        made = self.made.get("models")
        return not made or made == self.pipeline.provenance["models"]

    @cached_property
    def pipeline(self) -> Pipeline:
        """The models, with the solver of the catalog."""
        from gasnet3.pipeline.pipeline import Pipeline

        return Pipeline.load(self.models, str(self.made.get("solver") or "hybrid"))

    @cached_property
    def evaluation(self) -> Evaluation:
        """The catalog against the truth; ValueError where they share no spectrum."""
        from gasnet3.evaluate.evaluation import evaluate

        found = evaluate(self.catalog, self._given_truth())
        if not found.n:
            raise ValueError(NO_LABEL)
        return found

    @cached_property
    def samples(self) -> dict[str, ClassSample]:
        """The labelled spectra of each class by its own model, likewise."""
        from gasnet3.paper.samples import class_samples

        found = class_samples(self.catalog, self._given_truth())
        if not any(map(len, found.values())):
            raise ValueError(NO_LABEL)
        return found

    def _given_truth(self) -> Truth:
        if self.truth is None:
            raise ValueError(f"this figure needs {HOW['truth']}")
        return self.truth

    @cached_property
    def labels(self) -> Rows:
        """Row of the truth for each first solution, -1 where there is none, shape (rows,)."""
        from gasnet3.evaluate.truth import match

        found = np.full(len(self.best), -1, np.intp)
        if self.truth is not None:
            pairs = match(self.truth, self.best)
            found[pairs.catalog_rows] = pairs.truth_rows
        return found

    def column(self, name: str) -> Floats:
        """A column of numbers of the first solutions, NaN where there is none."""
        return columns.numbers(self.best, name)

    def text(self, name: str) -> NDArray[np.str_]:
        """A column of text of the first solutions, '' where there is none."""
        return columns.texts(self.best, name)

    def of_class(self, cls: str) -> Rows:
        """Rows of the first solutions that got a class."""
        return np.flatnonzero(self.text("class") == cls)

    def by_class(self, name: str, *, labelled: bool = False) -> dict[str, Floats]:
        """A column of numbers by the class found; or by the labelled one, if there is a truth."""
        values, classes = self.column(name), self.text("class")
        if labelled and self.truth is not None:
            # One more at the end: what row -1 gets.
            classes = np.append(self.truth.classes.astype(np.str_), "")[self.labels]
        return {cls: values[classes == cls] for cls in CLASSES}

    def rows_of(self, rows: Sequence[int]) -> Spectra:
        """The spectra of rows of the first solutions, in that order.

        Files are read one after the other, those that the catalog's column ``file`` names first,
        until all are found; only these spectra are kept.

        Raises
        ------
        gasnet3.io.ReadError
            If a file cannot be read.
        ValueError
            If a spectrum is in none of the files, or there is no row.
        """
        from gasnet3.io import find_spectra
        from gasnet3.io.options import reading_of
        from gasnet3.nets.registry import lattice_of
        from gasnet3.spectra.batch import Spectra

        if not len(rows):
            raise ValueError("the catalog has no spectrum to show in this figure")
        ids = self.text("id")
        wanted = [str(ids[row]) for row in rows]
        found: dict[str, Spectra] = self._read
        if missing := [name for name in wanted if name not in found]:
            named = {Path(name).name for name in self.text("file")[list(rows)]}
            options = reading_of(self.made)
            found |= find_spectra(
                list(self.spectra), missing, likely=named, options=options,
                lattice=lattice_of(self.models),
            )  # fmt: skip
        if missing := [name for name in wanted if name not in found]:
            raise ValueError(
                f"{len(missing)} of the spectra to draw are not in the files of spectra, the "
                f"first is {missing[0]}; give those that the catalog was made of"
            )
        return Spectra.concatenate([found[name] for name in wanted])

    def inspect(self, rows: Sequence[int]) -> list[Closeup]:
        """Fits and χ² curves of rows of the first solutions."""
        spectra = self.rows_of(rows)
        return [self.pipeline.inspect(spectra, row) for row in range(len(rows))]


def read_inputs(
    catalog: str | Path | Table,
    truth: str | Path | Table | None = None,
    spectra: str | Path | Sequence[str | Path] = (),
    models: str | Sequence[str] = "encoder",
    histories: Sequence[str | Path] = (),
) -> Inputs:
    """Read what the figures are drawn from.

    Parameters
    ----------
    catalog, truth : str, Path or astropy.table.Table
        Catalog and labels, in any format that :func:`gasnet3.catalog.read_catalog` and
        :func:`gasnet3.evaluate.truth.read_truth` know, or as read.
    spectra, models, histories
        See :class:`Inputs`; of the spectra only those shown are kept in memory.

    Raises
    ------
    gasnet3.catalog.CatalogError
        If the catalog or the truth cannot be read.
    gasnet3.evaluate.truth.TruthError
        If the truth lacks columns.
    """
    from astropy.table import Table

    from gasnet3.catalog import read_catalog
    from gasnet3.evaluate.truth import read_truth

    return Inputs(
        catalog if isinstance(catalog, Table) else read_catalog(catalog),
        None if truth is None else read_truth(truth),
        [spectra] if isinstance(spectra, (str, Path)) else list(spectra),
        models,
        list(histories),
    )


def histories_by_network(histories: Sequence[str | Path]) -> dict[str, dict[str, Path]]:
    """Training histories by network and class, as the card beside each or its name tells.

    ValueError if the network and class of a history cannot be told.
    """
    out: dict[str, dict[str, Path]] = {}
    for item in histories:
        path = Path(item)
        name = path.name.partition(".")[0]
        card = path.with_name(f"{name}.json")
        about = json.loads(card.read_text()) if card.exists() else {}
        cls = about.get("cls") or name.rpartition("-")[2].upper()
        network = about.get("architecture") or name.rpartition("-")[0]
        if cls not in CLASSES or not network:
            raise ValueError(
                f"{path}: cannot tell of which network and class this is; call it as training "
                "does, encoder-galaxy.history.csv"
            )
        out.setdefault(NETWORKS.get(network, network), {})[cls] = path
    return out


def typical_rows(inputs: Inputs) -> list[int]:
    """Of each class found, the unflagged spectrum with S/N nearest to 10 (Figs. 2, 6)."""
    sn, unmarked = inputs.column("sn_median"), _unmarked(inputs)
    out = []
    for cls in CLASSES:
        rows = inputs.of_class(cls)
        rows = rows[np.isfinite(sn[rows])]
        clean = rows[unmarked[rows]]
        rows = clean if len(clean) else rows
        if len(rows):
            away = np.abs(np.log(np.maximum(sn[rows], 0.01) / EXAMPLE_SN))
            out.append(int(rows[np.argmin(away)]))
    return out


def _unmarked(inputs: Inputs) -> Bools:
    """Whether each row has neither warning nor note."""
    return (inputs.column("zwarn") == 0) & (columns.notes(inputs.best) == 0)


def random_rows(inputs: Inputs, each: int = 2, seed: int = 0) -> list[int]:
    """Ordinary spectra of each class by lot: unflagged, not strange (Fig. C1)."""
    strange = inputs.column("anomaly_score") >= STRANGE
    ordinary = _unmarked(inputs) & ~strange
    rng = np.random.default_rng(seed)
    out: list[int] = []
    for cls in CLASSES:
        rows = inputs.of_class(cls)
        rows = rows[ordinary[rows]]
        out += sorted(rng.choice(rows, min(each, len(rows)), replace=False).tolist())
    return out


def extreme_rows(inputs: Inputs) -> dict[int, str]:
    """By row, why it is shown in Fig. 14: of each class the greatest χ², and the least R ≥ 0.

    R is below 0 where the class decided is not that of the least χ²: such a spectrum is no case
    of two equal minima, and is shown only where no other has an R.
    """
    chi2, robustness = inputs.column("rchi2"), inputs.column("robustness")
    shown = (columns.zwarn(inputs.best) & int(NOT_SHOWN)) == 0
    out: dict[int, str] = {}
    for cls in CLASSES:
        rows = inputs.of_class(cls)
        rows = rows[shown[rows]]
        by_chi2 = rows[np.isfinite(chi2[rows])]
        if len(by_chi2):
            out[int(by_chi2[np.argmax(chi2[by_chi2])])] = f"largest χ² of {cls}"
        by_r = rows[np.isfinite(robustness[rows])]
        by_r = by_r[robustness[by_r] >= 0] if (robustness[by_r] >= 0).any() else by_r
        by_r = by_r[~np.isin(by_r, list(out))]
        if len(by_r):
            row = int(by_r[np.argmin(robustness[by_r])])
            out[row] = f"least R of {cls}, {robustness[row]:.3g}"
    return out


def subclasses_of(inputs: Inputs, cls: str, rows: Rows) -> NDArray[np.str_]:
    """Subclass of each of the rows: the labelled one where there is a truth, else the catalog's.

    Parameters
    ----------
    inputs : Inputs
        Catalog and perhaps truth.
    cls : str
        Class that the rows got.
    rows : ndarray of int, shape (rows,)
        Of the first solutions.

    Returns
    -------
    ndarray of str, shape (rows,)
        '' where not known; "labelled STAR" where the label is another class.
    """
    from gasnet3.decide.subclass import UNKNOWN, standard_label

    truth = inputs.truth
    if truth is None or not any(truth.subclasses):
        return inputs.text("subclass")[rows]
    named = []
    for row in inputs.labels[rows].tolist():
        labelled = str(truth.classes[row]) if row >= 0 else ""
        label = str(truth.subclasses[row]).strip() if row >= 0 else ""
        if labelled and labelled != cls:
            named.append(f"labelled {labelled}")
        elif cls == "QSO":  # has no standard labels: as the survey has them
            named.append("" if label.upper() in UNKNOWN else label)
        else:
            named.append(standard_label(cls, label) if label else "")
    return np.array(named, np.str_).reshape(len(rows))
