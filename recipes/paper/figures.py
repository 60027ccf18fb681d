"""The paper's figures from our networks and our spectra, and docs/figures.md.

python recipes/paper/figures.py
python recipes/paper/figures.py --only fig8 fig9
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from experiments import (
    PICTURES,
    REAL,
    ROOT,
    SETS,
    Method,
    arguments_of,
    catalog,
    evaluation,
    figure_inputs,
    labelled,
    methods,
    samples,
    write_result,
)
from matplotlib.figure import Figure
from PIL import Image

from gasnet3 import CLASSES
from gasnet3.evaluate import metrics
from gasnet3.evaluate.truth import match, read_truth
from gasnet3.machine.files import replacing
from gasnet3.machine.typing import Floats
from gasnet3.paper import figures as paper
from gasnet3.paper import networks, results
from gasnet3.paper.inputs import EXAMPLE_SN
from gasnet3.paper.spectra import plot_examples
from gasnet3.report.figures import save_figure
from gasnet3.report.history import read_history

HISTORIES = {"Encoder": "encoder", "U-Net": "unet"}
COLORS = 64
"""Of the pictures in the documentation: a quarter of the bytes, and no difference to the eye."""


Arguments = argparse.Namespace
ByMethod = dict[str, Any]
"""What a picture shows, by the title of the method."""


def save(figure: Figure, name: str) -> None:
    """Write a picture of docs/images/paper."""
    save_figure(figure, PICTURES / f"{name}.png")


def of_every_spectrum(number: str, arguments: Arguments) -> None:
    """A figure of all labelled real spectra."""
    inputs = figure_inputs(_encoders(arguments)[-1], arguments)
    figure = paper.FIGURES[number]
    save(figure.of(inputs), figure.file)
    counts = {cls: len(inputs.of_class(cls)) for cls in CLASSES}
    write_result("every", {"n": len(inputs.best), "classes": counts})


def by_method(name: str, plot: Callable[[ByMethod], Figure], shown: dict[str, ByMethod]) -> None:
    """A figure of each set, of what is shown by set and method."""
    for which, found in shown.items():
        save(plot(found), f"{name}-{which}")


def each(
    of: Callable[[Method, str, Arguments], Any], some: list[Method], arguments: Arguments
) -> dict[str, ByMethod]:
    """What a function gives, by set and method."""
    return {which: {m.title: of(m, which, arguments) for m in some} for which in SETS}


def fig5(arguments: Arguments) -> None:
    """Losses of the last trainings in runs/."""
    found = {
        title: {cls: path for cls in CLASSES if (path := _history(kind, cls)).exists()}
        for title, kind in HISTORIES.items()
    }
    found = {title: paths for title, paths in found.items() if paths}
    if not found:
        print("fig5: no training in runs/, the picture stays as it is")
        return
    save(networks.plot_losses(found), "fig5")
    least: dict[str, dict[str, float]] = {}
    for title, paths in found.items():
        losses = {cls: read_history(path)[2] for cls, path in paths.items()}
        least[title] = {cls: float(np.min(loss)) for cls, loss in losses.items()}
    write_result("fig5", least)


def _history(kind: str, cls: str) -> Path:
    name = f"{kind}-{cls.lower()}"
    return ROOT / "runs" / name / f"{name}.history.csv"


def fig6(arguments: Arguments) -> None:
    """One real spectrum of each class with its three χ² curves, by the default solver."""
    data = labelled(REAL, arguments)
    hybrid = _encoders(arguments)[-1]
    labels, sn = np.asarray(data.truth["class"]), data.spectra.sn_median
    shown = []
    for cls in CLASSES:
        rows = np.flatnonzero(labels == cls)
        row = int(rows[np.argmin(np.abs(np.log(np.maximum(sn[rows], 0.01) / EXAMPLE_SN)))])
        shown.append(hybrid.pipeline().inspect(data.spectra, row))
    save(plot_examples(shown), "fig6")


def fig7(arguments: Arguments) -> None:
    """The eigenspectrum of each class that carries most, lines named."""
    drawn = networks.typical_eigenspectra(_encoders(arguments)[0].pipeline())
    save(networks.plot_eigenspectra(drawn), "fig7")


def fig8(arguments: Arguments) -> None:
    """Redshift errors of each class's own model."""
    by_method("fig8", results.plot_redshift_errors, each(samples, methods(arguments), arguments))


def fig9(arguments: Arguments) -> None:
    """Confusion matrices."""
    counts = {}
    for which, found in each(evaluation, methods(arguments), arguments).items():
        save(
            results.plot_confusion({title: e.confusion for title, e in found.items()}),
            f"fig9-{which}",
        )
        least_chi2 = {m.title: _by_least_chi2(m, which, arguments) for m in methods(arguments)}
        counts[which] = {
            title: {
                "confusion": e.confusion,
                "accuracy": e.accuracy,
                "least_chi2": least_chi2[title],
                "either_way": e.accuracy_agn_either_way,
                "by_class": {cls: e.classes[cls].accuracy for cls in CLASSES},
            }
            for title, e in found.items()
        }
    write_result("fig9", counts)


def _by_least_chi2(method: Method, which: str, arguments: Arguments) -> float:
    """Accuracy of the paper's rule: the class of the least χ² (section 3.5)."""
    table = catalog(method, which, arguments)
    chi2 = np.stack([np.asarray(table[f"chi2_{cls.lower()}"]) for cls in CLASSES], axis=1)
    found = np.array(CLASSES)[np.argmin(np.nan_to_num(chi2, nan=np.inf), axis=1)]
    return metrics.accuracy(found, np.asarray(labelled(which, arguments).truth["class"]))


def fig10(arguments: Arguments) -> None:
    """Least reduced χ² of each class's own model."""
    shown = each(_own_chi2, _encoders(arguments), arguments)
    by_method("fig10", results.plot_chi2_distribution, shown)


def _own_chi2(method: Method, which: str, arguments: Arguments) -> dict[str, Floats]:
    return {cls: sample.rchi2 for cls, sample in samples(method, which, arguments).items()}


def fig11(arguments: Arguments) -> None:
    """R, good fraction and accuracy against S/N."""
    by_method("fig11", results.plot_by_sn, each(evaluation, _encoders(arguments), arguments))


def fig12(arguments: Arguments) -> None:
    """Completeness, good fraction and accuracy against the threshold in R."""
    shown = each(evaluation, _encoders(arguments), arguments)
    by_method("fig12", results.plot_by_robustness, shown)
    told = {
        which: {
            title: {cls: vars(e.classes[cls].curves["good_by_robustness"]) for cls in CLASSES}
            for title, e in found.items()
        }
        for which, found in shown.items()
    }
    write_result("fig12", told)


def fig13(arguments: Arguments) -> None:
    """R of the decided solution over the minima of all classes."""
    shown = each(_robustness, _encoders(arguments), arguments)
    by_method("fig13", results.plot_robustness_distribution, shown)
    medians = {
        which: {
            title: {cls: float(np.nanmedian(r)) for cls, r in by_class.items()}
            for title, by_class in found.items()
        }
        for which, found in shown.items()
    }
    write_result("fig13", medians)


def _robustness(method: Method, which: str, arguments: Arguments) -> dict[str, Floats]:
    truth = read_truth(labelled(which, arguments).truth)
    table = catalog(method, which, arguments)
    pairs = match(truth, table)
    values = np.asarray(table["robustness"], np.float64)[pairs.catalog_rows]
    classes = truth.classes[pairs.truth_rows]
    return {cls: values[classes == cls] for cls in CLASSES}


def _encoders(arguments: Arguments) -> list[Method]:
    return [m for m in methods(arguments) if m.key.startswith("encoder")]


FIGURES: dict[str, Callable[[Arguments], None]] = {
    **{
        paper.FIGURES[number].file: partial(of_every_spectrum, number)
        for number in ("1", "2", "14", "A1", "C1")
    },
    **{
        function.__name__: function
        for function in (fig5, fig6, fig7, fig8, fig9, fig10, fig11, fig12, fig13)
    },
}


def run(arguments: Arguments, only: Iterable[str] = tuple(FIGURES)) -> None:
    """Draw the figures asked for."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    for name in only:
        FIGURES[name](arguments)
        print(f"drew {name}", flush=True)
    for path in PICTURES.glob("*.png"):
        make_small(path)


def make_small(path: Path) -> None:
    """Give a picture a palette, if it has none yet."""
    with Image.open(path) as picture:
        if picture.mode == "P":
            return
        # No rare colour may be lost: the few points of a class have theirs.
        small = picture.convert("RGB").quantize(
            COLORS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE
        )
    with replacing(path) as temporary:
        small.save(temporary, format="png", optimize=True)


if __name__ == "__main__":
    parser = arguments_of(__doc__)
    parser.add_argument("--only", nargs="+", choices=list(FIGURES), default=list(FIGURES))
    given = parser.parse_args()
    run(given, given.only)
