"""The paper's figures from our networks and our spectra, and docs/figures.md.

python recipes/paper/figures.py
python recipes/paper/figures.py --only fig8 fig9
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path

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
from PIL import Image

from gasnet3 import CLASSES
from gasnet3.evaluate import metrics
from gasnet3.evaluate.truth import match, read_truth
from gasnet3.machine.files import replacing
from gasnet3.paper import figures as paper
from gasnet3.paper import networks as paper_networks
from gasnet3.paper import results as paper_results
from gasnet3.paper.inputs import EXAMPLE_SN
from gasnet3.paper.spectra import plot_examples
from gasnet3.report.history import read_history

HISTORIES = {"Encoder": "encoder", "U-Net": "unet"}
COLORS = 64
"""Of the pictures in the documentation: a quarter of the bytes, and no difference to the eye."""


def fig1(arguments: argparse.Namespace) -> None:
    """Distributions of the labelled real spectra."""
    _of_every_spectrum("1", arguments)


def fig2(arguments: argparse.Namespace) -> None:
    """Preparation."""
    _of_every_spectrum("2", arguments)


def fig14(arguments: argparse.Namespace) -> None:
    """Largest χ² and least R."""
    _of_every_spectrum("14", arguments)


def figa1(arguments: argparse.Namespace) -> None:
    """t-SNE of the coefficients."""
    _of_every_spectrum("A1", arguments)


def figc1(arguments: argparse.Namespace) -> None:
    """Ordinary spectra."""
    _of_every_spectrum("C1", arguments)


def _of_every_spectrum(number: str, arguments: argparse.Namespace) -> None:
    inputs = figure_inputs(_encoders(arguments)[-1], arguments)
    figure = paper.FIGURES[number]
    figure.draw(inputs, PICTURES / f"{figure.file}.png")
    counts = {cls: len(inputs.of_class(cls)) for cls in CLASSES}
    write_result("every", {"n": len(inputs.best), "classes": counts})


def fig5(arguments: argparse.Namespace) -> None:
    """Losses of the last trainings in runs/."""
    found = {
        title: {cls: path for cls in CLASSES if (path := _history(kind, cls)).exists()}
        for title, kind in HISTORIES.items()
    }
    found = {title: paths for title, paths in found.items() if paths}
    if not found:
        print("fig5: no training in runs/, the picture stays as it is")
        return
    paper_networks.plot_losses(found, PICTURES / "fig5.png")
    least: dict[str, dict[str, float]] = {}
    for title, paths in found.items():
        losses = {cls: read_history(path)[2] for cls, path in paths.items()}
        least[title] = {cls: float(np.min(loss)) for cls, loss in losses.items()}
    write_result("fig5", least)


def _history(kind: str, cls: str) -> Path:
    name = f"{kind}-{cls.lower()}"
    return ROOT / "runs" / name / f"{name}.history.csv"


def fig6(arguments: argparse.Namespace) -> None:
    """One real spectrum of each class with its three χ² curves, by the default solver."""
    data = labelled(REAL, arguments)
    hybrid = _encoders(arguments)[-1]
    labels, sn = np.asarray(data.truth["class"]), data.spectra.sn_median
    shown = []
    for cls in CLASSES:
        rows = np.flatnonzero(labels == cls)
        row = int(rows[np.argmin(np.abs(np.log(np.maximum(sn[rows], 0.01) / EXAMPLE_SN)))])
        shown.append(hybrid.pipeline().inspect(data.spectra, row))
    plot_examples(shown, PICTURES / "fig6.png")


def fig7(arguments: argparse.Namespace) -> None:
    """The eigenspectrum of each class that carries most, lines named."""
    drawn = {}
    for engine in _encoders(arguments)[0].pipeline().engines:
        cls, model = engine.cls, engine.model
        eigenspectra = model.eigenspectra
        if eigenspectra is not None:
            coeff = model.card.population["coeff"]
            typical = paper_networks.typical_eigenspectrum(eigenspectra.numpy(), coeff)
            drawn[cls] = (model.card.rest, typical)
    paper_networks.plot_eigenspectra(drawn, PICTURES / "fig7.png")


def fig8(arguments: argparse.Namespace) -> None:
    """Redshift errors of each class's own model."""
    for which in SETS:
        found = {m.title: samples(m, which, arguments) for m in methods(arguments)}
        paper_results.plot_redshift_errors(found, PICTURES / f"fig8-{which}.png")


def fig9(arguments: argparse.Namespace) -> None:
    """Confusion matrices."""
    counts = {}
    for which in SETS:
        found = {m.title: evaluation(m, which, arguments) for m in methods(arguments)}
        least_chi2 = {m.title: _by_least_chi2(m, which, arguments) for m in methods(arguments)}
        matrices = {title: e.confusion for title, e in found.items()}
        paper_results.plot_confusion(matrices, PICTURES / f"fig9-{which}.png")
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


def _by_least_chi2(method: Method, which: str, arguments: argparse.Namespace) -> float:
    """Accuracy of the paper's rule: the class of the least χ² (section 3.5)."""
    table = catalog(method, which, arguments)
    chi2 = np.stack([np.asarray(table[f"chi2_{cls.lower()}"]) for cls in CLASSES], axis=1)
    found = np.array(CLASSES)[np.argmin(np.nan_to_num(chi2, nan=np.inf), axis=1)]
    return metrics.accuracy(found, np.asarray(labelled(which, arguments).truth["class"]))


def fig10(arguments: argparse.Namespace) -> None:
    """Least reduced χ² of each class's own model."""
    for which in SETS:
        found = {
            m.title: {cls: s.rchi2 for cls, s in samples(m, which, arguments).items()}
            for m in _encoders(arguments)
        }
        paper_results.plot_chi2_distribution(found, PICTURES / f"fig10-{which}.png")


def fig11(arguments: argparse.Namespace) -> None:
    """R, good fraction and accuracy against S/N."""
    for which in SETS:
        found = {m.title: evaluation(m, which, arguments) for m in _encoders(arguments)}
        paper_results.plot_by_sn(found, PICTURES / f"fig11-{which}.png")


def fig12(arguments: argparse.Namespace) -> None:
    """Completeness, good fraction and accuracy against the threshold in R."""
    told = {}
    for which in SETS:
        found = {m.title: evaluation(m, which, arguments) for m in _encoders(arguments)}
        paper_results.plot_by_robustness(found, PICTURES / f"fig12-{which}.png")
        told[which] = {
            title: {cls: e.classes[cls].curves["good_by_robustness"] for cls in CLASSES}
            for title, e in found.items()
        }
    plain = {
        which: {t: {c: vars(curve) for c, curve in v.items()} for t, v in by_title.items()}
        for which, by_title in told.items()
    }
    write_result("fig12", plain)


def fig13(arguments: argparse.Namespace) -> None:
    """R of the decided solution over the minima of all classes."""
    medians: dict[str, dict[str, dict[str, float]]] = {}
    for which in SETS:
        found = {m.title: _robustness(m, which, arguments) for m in _encoders(arguments)}
        paper_results.plot_robustness_distribution(found, PICTURES / f"fig13-{which}.png")
        medians[which] = {
            title: {cls: float(np.nanmedian(r)) for cls, r in by_class.items()}
            for title, by_class in found.items()
        }
    write_result("fig13", medians)


def _robustness(
    method: Method, which: str, arguments: argparse.Namespace
) -> dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]]:
    truth = read_truth(labelled(which, arguments).truth)
    table = catalog(method, which, arguments)
    pairs = match(truth, table)
    values = np.asarray(table["robustness"], np.float64)[pairs.catalog_rows]
    classes = truth.classes[pairs.truth_rows]
    return {cls: values[classes == cls] for cls in CLASSES}


def _encoders(arguments: argparse.Namespace) -> list[Method]:
    return [m for m in methods(arguments) if m.key.startswith("encoder")]


FIGURES: dict[str, Callable[[argparse.Namespace], None]] = {
    function.__name__: function
    for function in (
        *(fig1, fig2, fig5, fig6, fig7, fig8, fig9, fig10, fig11, fig12, fig13, fig14),
        *(figa1, figc1),
    )
}


def run(arguments: argparse.Namespace, only: Iterable[str] = tuple(FIGURES)) -> None:
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
