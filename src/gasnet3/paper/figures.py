"""Every figure of the paper that shows spectra or results, by its number, from a catalog.

Figs. 3 and 4 are drawings of the networks and of the method. The functions that draw
(:mod:`~gasnet3.paper.results`, :mod:`~gasnet3.paper.networks`, :mod:`~gasnet3.paper.spectra`,
:mod:`~gasnet3.paper.coefficients`) give a matplotlib figure and raise ValueError where there is
nothing to draw; :func:`gasnet3.report.figures.save_figure` writes it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gasnet3.anomaly.ranking import STRANGE
from gasnet3.classes import CLASSES
from gasnet3.paper import networks, results
from gasnet3.paper.coefficients import Coefficients, plot_coefficients
from gasnet3.paper.inputs import (
    HOW,
    Inputs,
    extreme_rows,
    histories_by_network,
    random_rows,
    read_inputs,
    subclasses_of,
    typical_rows,
)
from gasnet3.paper.spectra import Example, plot_examples, plot_preparation
from gasnet3.report.figures import check_ending, save_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FIGURES", "HOW", "Inputs", "PaperFigure", "draw", "read_inputs"]


@dataclass(frozen=True)
class PaperFigure:
    """One figure of the paper.

    Attributes
    ----------
    number : str
        As in the paper: "1" ... "14", "A1", "C1".
    shows : str
        What it shows, a sentence.
    of : callable
        The figure of :class:`Inputs`; raises ValueError where there is nothing to draw.
    needs : tuple of str
        What it takes beside the catalog: "truth", "spectra", "histories".
    """

    number: str
    shows: str
    of: Callable[[Inputs], Figure]
    needs: tuple[str, ...] = ()

    @property
    def file(self) -> str:
        """Name of its picture, without an ending."""
        return f"fig{self.number.lower()}"

    def draw(self, inputs: Inputs, path: str | Path) -> Path:
        """Draw it to a file, whose ending decides the format; gives that path.

        ValueError if the inputs lack what it needs, there is nothing to draw, or the ending is
        unknown.
        """
        if lacking := [HOW[need] for need in self.needs if not getattr(inputs, need)]:
            raise ValueError(f"give {' and '.join(lacking)}")
        return save_figure(self.of(inputs), path)


def _before_and_after(inputs: Inputs) -> Figure:
    rows = typical_rows(inputs)
    words = (inputs.text(name)[rows] for name in ("id", "class", "subclass"))
    numbers = (inputs.column(name)[rows] for name in ("z", "sn_median", "rchi2"))
    examples = [
        Example(
            f"{name}\n{' '.join(part for part in (cls, sub) if part)}   z = {z:.5f}   "
            f"S/N = {sn:.3g}   reduced χ² = {chi2:.3g}",
            str(cls),
            float(z),
        )
        for name, cls, sub, z, sn, chi2 in zip(*words, *numbers, strict=True)
    ]
    return plot_preparation(inputs.rows_of(rows), examples)


def _typical_eigenspectra(inputs: Inputs) -> Figure:
    return networks.plot_eigenspectra(networks.typical_eigenspectra(inputs.pipeline))


def _chi2(inputs: Inputs) -> Figure:
    """As the labelled class where there is a truth, or as the class found."""
    if inputs.truth is None:
        found = inputs.by_class("rchi2")
    else:
        found = {cls: sample.rchi2 for cls, sample in inputs.samples.items()}
    return results.plot_chi2_distribution({inputs.title: found})


def _robustness(inputs: Inputs) -> Figure:
    found = inputs.by_class("robustness", labelled=True)
    return results.plot_robustness_distribution({inputs.title: found})


def _extremes(inputs: Inputs) -> Figure:
    shown = extreme_rows(inputs)
    return plot_examples(inputs.inspect(list(shown)), titles=list(shown.values()))


def _coefficients(inputs: Inputs) -> Figure:
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
    return plot_coefficients(drawn)


_ALL = (
    PaperFigure(
        "1",
        "Distributions of redshift, S/N and least χ² by class.",
        lambda of: results.plot_population(
            *(of.by_class(name) for name in ("z", "sn_median", "rchi2"))
        ),
    ),
    PaperFigure(
        "2",
        "Spectra before and after continuum and scale are taken off.",
        _before_and_after,
        ("spectra",),
    ),
    PaperFigure(
        "5",
        "Training and validation loss by epoch.",
        lambda of: networks.plot_losses(histories_by_network(of.histories)),
        ("histories",),
    ),
    PaperFigure(
        "6",
        "A spectrum of each class with its fit and the χ² curves.",
        lambda of: plot_examples(of.inspect(typical_rows(of))),
        ("spectra",),
    ),
    PaperFigure("7", "One eigenspectrum of each class, lines named.", _typical_eigenspectra),
    PaperFigure(
        "8",
        "Redshift errors against redshift, by class.",
        lambda of: results.plot_redshift_errors({of.title: of.samples}),
        ("truth",),
    ),
    PaperFigure(
        "9",
        "Confusion matrix: labelled class by class found.",
        lambda of: results.plot_confusion({of.title: of.evaluation.confusion}),
        ("truth",),
    ),
    PaperFigure("10", "Distribution of the least reduced χ² by class.", _chi2),
    PaperFigure(
        "11",
        "Robustness, good fraction and accuracy against S/N.",
        lambda of: results.plot_by_sn({of.title: of.evaluation}),
        ("truth",),
    ),
    PaperFigure(
        "12",
        "Completeness, good fraction and accuracy against the least R.",
        lambda of: results.plot_by_robustness({of.title: of.evaluation}),
        ("truth",),
    ),
    PaperFigure("13", "Distribution of the robustness R by class.", _robustness),
    PaperFigure("14", "The largest χ² and the least R of each class.", _extremes, ("spectra",)),
    PaperFigure("A1", "t-SNE of the coefficients by subclass, outliers marked.", _coefficients),
    PaperFigure(
        "C1",
        "Ordinary spectra by lot, with fits and χ² curves.",
        lambda of: plot_examples(of.inspect(random_rows(of))),
        ("spectra",),
    ),
)
FIGURES: dict[str, PaperFigure] = {figure.number: figure for figure in _ALL}
"""The figures by number."""


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
        try:
            drawn[number] = figure.draw(inputs, Path(directory) / f"{figure.file}{ending}")
        except (ValueError, ModuleNotFoundError) as error:
            left_out[number] = str(error)
        if on_figure:
            on_figure(done, len(only))
    return drawn, left_out
