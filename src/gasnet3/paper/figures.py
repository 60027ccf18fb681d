"""Every figure of the paper that shows spectra or results, by its number, from a catalog.

Figs. 3 and 4 are drawings of the networks and of the method. Each function takes
:class:`Inputs` and the picture to write (the ending decides the format), gives its path, and
raises ValueError where there is nothing to draw.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gasnet3.anomaly.ranking import STRANGE
from gasnet3.classes import CLASSES
from gasnet3.paper import networks as paper_networks
from gasnet3.paper import results as paper_results
from gasnet3.paper.inputs import (
    Inputs,
    extreme_rows,
    histories_by_network,
    random_rows,
    read_inputs,
    subclasses_of,
    typical_rows,
)
from gasnet3.report.figures import check_ending

if TYPE_CHECKING:
    from gasnet3.evaluate.evaluation import Evaluation
    from gasnet3.paper.samples import ClassSample

__all__ = [
    "FIGURES",
    "HOW",
    "Inputs",
    "PaperFigure",
    "draw",
    "figure_1",
    "figure_2",
    "figure_5",
    "figure_6",
    "figure_7",
    "figure_8",
    "figure_9",
    "figure_10",
    "figure_11",
    "figure_12",
    "figure_13",
    "figure_14",
    "figure_a1",
    "figure_c1",
    "read_inputs",
]


def figure_1(inputs: Inputs, path: str | Path) -> Path:
    """Draw the distributions of redshift, S/N and least χ² of each class found."""
    from gasnet3.paper.population import Population, plot_population

    z, sn, chi2 = (inputs.column(name) for name in ("z", "sn_median", "rchi2"))
    rows = {cls: inputs.of_class(cls) for cls in CLASSES}
    return plot_population({c: Population(z[r], sn[r], chi2[r]) for c, r in rows.items()}, path)


def figure_2(inputs: Inputs, path: str | Path) -> Path:
    """Draw a spectrum of each class before and after the continuum is taken off."""
    from gasnet3.paper.spectra import Example, plot_preparation

    rows = _some(typical_rows(inputs))
    table = inputs.best[rows]
    subclasses = inputs.text("subclass")[rows]
    numbers = zip(*(inputs.column(k)[rows] for k in ("z", "sn_median", "rchi2")), strict=True)
    examples = [
        Example(
            f"{name}\n{' '.join(part for part in (cls, sub) if part)}   z = {z:.5f}   "
            f"S/N = {sn:.3g}   reduced χ² = {chi2:.3g}",
            str(cls),
            float(z),
        )
        for name, cls, sub, (z, sn, chi2) in zip(
            table["id"], table["class"], subclasses, numbers, strict=True
        )
    ]
    return plot_preparation(inputs.rows_of(rows), examples, path)


def figure_5(inputs: Inputs, path: str | Path) -> Path:
    """Draw training and validation loss by epoch."""
    return paper_networks.plot_losses(histories_by_network(inputs.histories), path)


def figure_6(inputs: Inputs, path: str | Path) -> Path:
    """Draw a spectrum of each class with its reconstruction and χ² curves."""
    from gasnet3.paper.spectra import plot_examples

    return plot_examples(inputs.inspect(_some(typical_rows(inputs))), path)


def figure_7(inputs: Inputs, path: str | Path) -> Path:
    """Draw of each class the eigenspectrum that carries most, lines named."""
    drawn = {}
    for engine in inputs.pipeline.engines:
        eigenspectra, card = engine.model.eigenspectra, engine.model.card
        if eigenspectra is not None:
            coeff = card.population["coeff"]
            rows = eigenspectra.cpu().numpy()
            drawn[engine.cls] = (card.rest, paper_networks.typical_eigenspectrum(rows, coeff))
    return paper_networks.plot_eigenspectra(drawn, path)


def figure_8(inputs: Inputs, path: str | Path) -> Path:
    """Draw the redshift errors of each class's own model."""
    return paper_results.plot_redshift_errors({inputs.title: _samples(inputs)}, path)


def figure_9(inputs: Inputs, path: str | Path) -> Path:
    """Draw the confusion matrix."""
    return paper_results.plot_confusion({inputs.title: _evaluation(inputs).confusion}, path)


def figure_10(inputs: Inputs, path: str | Path) -> Path:
    """Draw the least reduced χ²: as the labelled class where there is a truth, or the found."""
    if inputs.truth is None:
        chi2 = inputs.column("rchi2")
        found = {cls: chi2[inputs.of_class(cls)] for cls in CLASSES}
    else:
        found = {cls: sample.rchi2 for cls, sample in _samples(inputs).items()}
    return paper_results.plot_chi2_distribution({inputs.title: found}, path)


def figure_11(inputs: Inputs, path: str | Path) -> Path:
    """Draw robustness, good fraction and accuracy against S/N."""
    return paper_results.plot_by_sn({inputs.title: _evaluation(inputs)}, path)


def figure_12(inputs: Inputs, path: str | Path) -> Path:
    """Draw completeness, good fraction and accuracy against the least R."""
    return paper_results.plot_by_robustness({inputs.title: _evaluation(inputs)}, path)


def figure_13(inputs: Inputs, path: str | Path) -> Path:
    """Draw the distribution of R, by labelled class where there is a truth, or by the found."""
    values = inputs.column("robustness")
    classes = inputs.text("class") if inputs.truth is None else _labels(inputs)
    found = {cls: values[classes == cls] for cls in CLASSES}
    return paper_results.plot_robustness_distribution({inputs.title: found}, path)


def figure_14(inputs: Inputs, path: str | Path) -> Path:
    """Draw of each class found the spectrum of the largest χ² and that of the least R."""
    from gasnet3.paper.spectra import plot_examples

    shown = extreme_rows(inputs)
    inspections = inputs.inspect(_some(list(shown)))
    return plot_examples(inspections, path, titles=list(shown.values()))


def figure_a1(inputs: Inputs, path: str | Path) -> Path:
    """Draw a t-SNE of the coefficients of each class by subclass, outliers marked."""
    from gasnet3.paper.coefficients import Coefficients, plot_coefficients

    if "coeff" not in inputs.best.colnames:
        raise ValueError("the catalog has no column coeff, of which this is drawn")
    coeff = np.asarray(inputs.best["coeff"], np.float64)
    extreme = inputs.column("anomaly_extreme")
    known = np.isfinite(extreme).any()
    drawn = {}
    for cls in CLASSES:
        rows = inputs.of_class(cls)
        outlier = extreme[rows] >= STRANGE if known else None
        drawn[cls] = Coefficients(coeff[rows], subclasses_of(inputs, cls, rows), outlier)
    return plot_coefficients(drawn, path)


def figure_c1(inputs: Inputs, path: str | Path) -> Path:
    """Draw ordinary spectra of each class, taken by lot, with fits and χ² curves."""
    from gasnet3.paper.spectra import plot_examples

    return plot_examples(inputs.inspect(_some(random_rows(inputs))), path)


@dataclass(frozen=True)
class PaperFigure:
    """One figure of the paper.

    Attributes
    ----------
    number : str
        As in the paper: "1" ... "14", "A1", "C1".
    shows : str
        What it shows, a sentence.
    draw : callable
        Draws it: takes :class:`Inputs` and the path of the picture, gives that path; raises
        ValueError where there is nothing to draw.
    needs : tuple of str
        What it takes beside the catalog: "truth", "spectra", "histories".
    """

    number: str
    shows: str
    draw: Callable[[Inputs, str | Path], Path]
    needs: tuple[str, ...] = ()

    @property
    def file(self) -> str:
        """Name of its picture, without an ending."""
        return f"fig{self.number.lower()}"


NO_LABEL = (
    "the truth has no class and redshift of any spectrum of the catalog: are their identifiers "
    "the same?"
)

_ALL = (
    PaperFigure("1", "Distributions of redshift, S/N and least χ² by class.", figure_1),
    PaperFigure(
        "2", "Spectra before and after continuum and scale are taken off.", figure_2, ("spectra",)
    ),
    PaperFigure("5", "Training and validation loss by epoch.", figure_5, ("histories",)),
    PaperFigure(
        "6", "A spectrum of each class with its fit and the χ² curves.", figure_6, ("spectra",)
    ),
    PaperFigure("7", "One eigenspectrum of each class, lines named.", figure_7),
    PaperFigure("8", "Redshift errors against redshift, by class.", figure_8, ("truth",)),
    PaperFigure("9", "Confusion matrix: labelled class by class found.", figure_9, ("truth",)),
    PaperFigure("10", "Distribution of the least reduced χ² by class.", figure_10),
    PaperFigure("11", "Robustness, good fraction and accuracy against S/N.", figure_11, ("truth",)),
    PaperFigure(
        "12", "Completeness, good fraction and accuracy against the least R.", figure_12, ("truth",)
    ),
    PaperFigure("13", "Distribution of the robustness R by class.", figure_13),
    PaperFigure("14", "The largest χ² and the least R of each class.", figure_14, ("spectra",)),
    PaperFigure("A1", "t-SNE of the coefficients by subclass, outliers marked.", figure_a1),
    PaperFigure("C1", "Ordinary spectra by lot, with fits and χ² curves.", figure_c1, ("spectra",)),
)
FIGURES: dict[str, PaperFigure] = {figure.number: figure for figure in _ALL}
"""The figures by number."""

HOW = {
    "truth": "a table of classes and redshifts (--truth)",
    "spectra": "the spectra that the catalog was made of (--spectra)",
    "histories": "the history.csv of trainings (--history)",
}
"""What to give for a figure that needs it."""


def draw(
    inputs: Inputs,
    directory: str | Path,
    only: Sequence[str] = tuple(FIGURES),
    *,
    ending: str = ".png",
    on_figure: Callable[[int, int], None] | None = None,
) -> tuple[dict[str, Path], dict[str, str]]:
    """Draw all figures that the inputs allow.

    Parameters
    ----------
    inputs : Inputs
        See :func:`read_inputs`.
    directory : str or Path
        Where the pictures go: ``fig1.png`` ... ``figc1.png``. Those there are replaced.
    only : sequence of str
        Numbers of the figures wanted.
    ending : str
        Kind of the pictures.
    on_figure : callable, optional
        Called after every figure with the number done and their total.

    Returns
    -------
    drawn : dict of str to Path
        Pictures by number of the figure.
    left_out : dict of str to str
        Of every other figure wanted, why it was not drawn, and what to give.

    Raises
    ------
    ValueError
        If a number or the ending is unknown.
    """
    if unknown := [number for number in only if number not in FIGURES]:
        raise ValueError(f"no figure {', '.join(unknown)}: choose among {', '.join(FIGURES)}")
    check_ending(f"figures{ending}")
    drawn: dict[str, Path] = {}
    left_out: dict[str, str] = {}
    for done, number in enumerate(only, start=1):
        figure = FIGURES[number]
        if lacking := _lacking(inputs, figure):
            left_out[number] = f"give {' and '.join(lacking)}"
        else:
            try:
                drawn[number] = figure.draw(inputs, Path(directory) / f"{figure.file}{ending}")
            except (ValueError, ModuleNotFoundError) as error:
                left_out[number] = str(error)
        if on_figure:
            on_figure(done, len(only))
    return drawn, left_out


def _lacking(inputs: Inputs, figure: PaperFigure) -> list[str]:
    """What to give for a figure."""
    given = {
        "truth": inputs.truth is not None,
        "spectra": bool(inputs.spectra),
        "histories": bool(inputs.histories),
    }
    return [HOW[need] for need in figure.needs if not given[need]]


def _some(rows: list[int]) -> list[int]:
    """The rows, if there are any."""
    if not rows:
        raise ValueError("the catalog has no spectrum to show in this figure")
    return rows


def _samples(inputs: Inputs) -> dict[str, ClassSample]:
    from gasnet3.paper.samples import class_samples

    if inputs.truth is None:
        raise ValueError(f"this figure needs {HOW['truth']}")
    samples = class_samples(inputs.catalog, inputs.truth)
    if not any(len(sample) for sample in samples.values()):
        raise ValueError(NO_LABEL)
    return samples


def _evaluation(inputs: Inputs) -> Evaluation:
    from gasnet3.evaluate.evaluation import evaluate

    if inputs.truth is None:
        raise ValueError(f"this figure needs {HOW['truth']}")
    evaluation = evaluate(inputs.catalog, inputs.truth)
    if not evaluation.n:
        raise ValueError(NO_LABEL)
    return evaluation


def _labels(inputs: Inputs) -> np.ndarray[tuple[int], np.dtype[np.str_]]:
    """Labelled class of the first solutions, '' where there is none."""
    from gasnet3.evaluate.truth import match

    labels = np.full(len(inputs.best), "", np.dtype("U10"))
    if inputs.truth is not None:
        pairs = match(inputs.truth, inputs.best)
        labels[pairs.catalog_rows] = inputs.truth.classes[pairs.truth_rows]
    return labels
