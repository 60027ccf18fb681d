"""The paper's pictures of results: redshift errors, confusion, χ², robustness (Figs. 8-13).

Classes differ by colour, marker and line, so that they are told apart in print and by every eye.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from gasnet3.classes import CLASSES
from gasnet3.evaluate import metrics
from gasnet3.evaluate.evaluation import Evaluation
from gasnet3.evaluate.metrics import Binned, Subsets
from gasnet3.paper.samples import ClassSample
from gasnet3.report.figures import save_figure
from gasnet3.report.style import COLORS, LINE_STYLES, MARKERS

Floats = NDArray[np.floating[Any]]

LEAST_DELTA_Z, MOST_DELTA_Z = 1e-7, 10.0
"""Limits of the errors drawn; what lies outside is drawn at the limit."""

ROOM_ABOVE = 300.0
"""Height over the greatest error, for the text."""

MANY = 2000
"""Points of a panel; more are drawn smaller and lighter, fewer larger."""

LOW_SN = 1.0
"""At and below this median S/N a point is drawn apart, as in the paper's Fig. 8."""

LEAST_R = 0.01
"""Below it the scale of the mean R is linear."""

ASIDE = {"STAR": 0.93, "GALAXY": 1.0, "QSO": 1.07}
"""Classes of one value are drawn this much side by side, so that none hides another."""

LOW_SN_COLOR = "black"
CONFIDENCE = 0.6827
"""Level of the error bars of fractions (Jeffreys interval)."""


def plot_redshift_errors(
    samples: Mapping[str, Mapping[str, ClassSample]], path: str | Path
) -> Path:
    """Draw Δz against the labelled redshift, by method and class (paper, Fig. 8).

    Parameters
    ----------
    samples : mapping of str to mapping of str to ClassSample
        By method (a row of panels, its title), then by class.
    path : str or Path
        Picture to write; the ending decides the format.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    ValueError
        If there is nothing to draw, or the ending is unknown.
    """
    _refuse_nothing(samples)
    figure = Figure(figsize=(11, 2.9 * len(samples)), layout="constrained")
    panels = figure.subplots(len(samples), len(CLASSES), squeeze=False)
    for row, (method, by_class) in zip(panels, samples.items(), strict=True):
        for ax, cls in zip(row, CLASSES, strict=True):
            ax.set_title(f"{method}: {cls}" if method else cls, fontsize=9)
            _draw_errors(ax, by_class[cls])
        row[0].set_ylabel("Δz (eq. 14)")
    for ax in panels[-1]:
        ax.set_xlabel("labelled redshift z")
    return save_figure(figure, path)


def plot_confusion(matrices: Mapping[str, ArrayLike], path: str | Path) -> Path:
    """Draw confusion matrices side by side (paper, Fig. 9).

    Parameters
    ----------
    matrices : mapping of str to array_like, shape (3, 4)
        By method: counts of :func:`gasnet3.evaluate.metrics.confusion_matrix`; the column of
        spectra without a class is drawn where it is not empty.
    path : str or Path
        Picture to write; the ending decides the format.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    ValueError
        If there is nothing to draw, or the ending is unknown.
    """
    _refuse_nothing(matrices)
    counts = {name: np.asarray(matrix, np.int64) for name, matrix in matrices.items()}
    none = any(count[:, len(CLASSES) :].any() for count in counts.values())
    labels = (*CLASSES, "none") if none else CLASSES
    figure = Figure(figsize=(3.7 * len(counts) + 0.3, 3.7), layout="constrained")
    panels = figure.subplots(1, len(counts), squeeze=False)[0]
    for ax, (method, count) in zip(panels, counts.items(), strict=True):
        shown, total = count[:, : len(labels)], count.sum(axis=1, keepdims=True)
        share = shown / np.maximum(total, 1)
        ax.imshow(share, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        for (i, j), n in np.ndenumerate(shown):
            color = "white" if share[i, j] > 0.5 else "black"
            text = f"{n}\n{share[i, j]:.3f}"
            ax.text(j, i, text, ha="center", va="center", color=color, fontsize=9)
        right = np.trace(count) / max(count.sum(), 1)
        ax.set_title(f"{method}\naccuracy {right:.4f} of {count.sum()}", fontsize=9)
        ax.set_xticks(range(len(labels)), labels, fontsize=8)
        ax.set_yticks(range(len(CLASSES)), CLASSES, fontsize=8, rotation=90, va="center")
        ax.set_xlabel("class found")
    panels[0].set_ylabel("labelled class")
    return save_figure(figure, path)


def plot_chi2_distribution(
    values: Mapping[str, Mapping[str, ArrayLike]], path: str | Path, *, most: float = 4.0
) -> Path:
    """Draw the distribution of the least reduced χ² of each class (paper, Fig. 10).

    Parameters
    ----------
    values : mapping of str to mapping of str to array_like
        By method (a panel each), then by class: reduced χ², NaN where there is none.
    path : str or Path
        Picture to write; the ending decides the format.
    most : float
        Right end of the histogram; what is greater counts in the last bin.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    ValueError
        If there is nothing to draw, or the ending is unknown.
    """
    _refuse_nothing(values)
    edges = np.linspace(0.0, most, 41)
    label = f"least reduced χ² (the last bin holds all above {most - edges[1]:g})"
    return _distributions(values, edges, label, path, mark=1.0)


def plot_robustness_distribution(
    values: Mapping[str, Mapping[str, ArrayLike]], path: str | Path
) -> Path:
    """Draw the distribution of the robustness R by class (paper, Fig. 13).

    Parameters
    ----------
    values : mapping of str to mapping of str to array_like
        By method (a panel each), then by class: R (eq. 17), NaN where there is none.
    path : str or Path
        Picture to write; the ending decides the format.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    ValueError
        If there is nothing to draw, or the ending is unknown.
    """
    _refuse_nothing(values)
    label = "robustness R (dimensionless, eq. 17; the end bins hold what lies beyond)"
    return _distributions(values, np.logspace(-3, 3, 43), label, path, log=True)


def plot_by_sn(evaluations: Mapping[str, Evaluation], path: str | Path) -> Path:
    """Draw robustness, good fraction and accuracy in bins of S/N (paper, Fig. 11).

    Parameters
    ----------
    evaluations : mapping of str to Evaluation
        By method, a column of panels each.
    path : str or Path
        Picture to write; the ending decides the format.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    ValueError
        If there is nothing to draw, or the ending is unknown.
    """
    rows = {
        "robustness_by_sn": "mean R (eq. 17)",
        "good_by_sn": "good fraction (eq. 18)",
        "accuracy_by_sn": "accuracy (eq. 13)",
    }
    return _curves(evaluations, rows, "median S/N a pixel", path)


def plot_by_robustness(evaluations: Mapping[str, Evaluation], path: str | Path) -> Path:
    """Draw completeness, good fraction and accuracy of the spectra with R ≥ R_T (paper, Fig. 12).

    Parameters
    ----------
    evaluations : mapping of str to Evaluation
        By method, a column of panels each.
    path : str or Path
        Picture to write; the ending decides the format.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    ValueError
        If there is nothing to draw, or the ending is unknown.
    """
    rows = {
        "completeness": "completeness",
        "good_by_robustness": "good fraction (eq. 18)",
        "accuracy_by_robustness": "accuracy (eq. 13)",
    }
    return _curves(evaluations, rows, "least robustness $R_T$ (dimensionless)", path)


def _refuse_nothing(things: Mapping[str, Any]) -> None:
    if not things:
        raise ValueError("nothing to draw: no method is given")


def _draw_errors(ax: Axes, sample: ClassSample) -> None:
    """Points of one class by one method, its threshold and its figures of merit."""
    error = np.clip(sample.delta_z, LEAST_DELTA_Z, MOST_DELTA_Z)
    low = sample.sn <= LOW_SN
    limit = metrics.THRESHOLDS["paper"][sample.cls]
    thin = float(np.sqrt(MANY / max(len(sample), 1)))
    style: dict[str, Any] = {"marker": MARKERS[sample.cls], "lw": 0, "rasterized": True}
    style |= {
        "s": float(np.clip(6.0 * thin, 1, 20)),
        "alpha": float(np.clip(0.5 * thin, 0.15, 0.8)),
    }
    ax.scatter(sample.z_true[~low], error[~low], color=COLORS[sample.cls], **style)
    if low.any():
        ax.scatter(
            sample.z_true[low], error[low], color=LOW_SN_COLOR, marker="x", s=12, lw=0.7,
            label=f"S/N ≤ {LOW_SN:g}",
        )  # fmt: skip
        ax.legend(
            fontsize=7, framealpha=0.9, edgecolor="none", loc="lower right", handletextpad=0.1
        )
    ax.axhline(float(np.asarray(limit)), color="black", ls="--", lw=0.9)
    ax.set_yscale("log")
    ax.set_ylim(LEAST_DELTA_Z / 2, ROOM_ABOVE * MOST_DELTA_Z)
    ax.set_yticks([tick for tick in ax.get_yticks() if LEAST_DELTA_Z <= tick <= MOST_DELTA_Z])
    ax.grid(alpha=0.15)
    ax.tick_params(labelsize=8)
    ax.locator_params(axis="x", nbins=5)
    if len(sample):
        told = sample.summary()
        text = (
            f"n = {told['n']}   GF = {told['gf']:.4f}\n"
            f"mean Δz {told['delta_z']:.2e}   MAE {told['mae']:.2e}   MAD {told['mad']:.2e}"
        )
        ax.text(0.02, 0.97, text, transform=ax.transAxes, va="top", fontsize=7)


def _distributions(
    values: Mapping[str, Mapping[str, ArrayLike]], edges: Floats, label: str, path: str | Path,
    *, log: bool = False, mark: float | None = None,
) -> Path:  # fmt: skip
    """Normalised histograms by class, a panel a method; nothing is lost beyond the ends."""
    every = [np.asarray(v, np.float64) for by_class in values.values() for v in by_class.values()]
    if not any(np.isfinite(numbers).any() for numbers in every):
        raise ValueError("no spectrum has a number to draw here")
    figure = Figure(figsize=(5.2 * len(values), 3.6), layout="constrained")
    panels = figure.subplots(1, len(values), squeeze=False, sharey=True)[0]
    for ax, (method, by_class) in zip(panels, values.items(), strict=True):
        for cls, numbers in by_class.items():
            finite = np.asarray(numbers, np.float64)
            finite = finite[np.isfinite(finite)]
            if not len(finite):
                continue
            count, _ = np.histogram(np.clip(finite, edges[0], edges[-1]), edges)
            told = f"{cls}: median {np.median(finite):.3g}, n = {len(finite)}"
            ax.stairs(
                count / len(finite),
                edges,
                color=COLORS[cls],
                ls=LINE_STYLES[cls],
                lw=1.6,
                label=told,
            )
        if mark is not None:
            ax.axvline(mark, color="black", lw=0.7, ls=":")
        if log:
            ax.set_xscale("log")
        ax.set_title(method, fontsize=10)
        ax.grid(alpha=0.15)
        if ax.get_legend_handles_labels()[0]:
            ax.legend(fontsize=8, framealpha=0.9, edgecolor="none")
    panels[0].set_ylabel("fraction of the spectra a bin")
    figure.supxlabel(label, fontsize=10)
    return save_figure(figure, path)


def _curves(
    evaluations: Mapping[str, Evaluation], rows: Mapping[str, str], label: str, path: str | Path
) -> Path:
    """Panels of curves by class: a row a figure of merit, a column a method."""
    _refuse_nothing(evaluations)
    figure = Figure(figsize=(5.2 * len(evaluations), 2.5 * len(rows)), layout="constrained")
    panels = figure.subplots(len(rows), len(evaluations), squeeze=False, sharex=True, sharey="row")
    for column, (method, evaluation) in enumerate(evaluations.items()):
        for ax, (name, title) in zip(panels[:, column], rows.items(), strict=True):
            for cls in CLASSES:
                curves = evaluation.classes[cls].curves
                source = "good_by_robustness" if name == "completeness" else name
                if source in curves:
                    _draw_curve(ax, cls, curves[source], name)
            ax.set_ylabel(title if column == 0 else "")
            ax.grid(alpha=0.15)
            if name == "robustness_by_sn":
                ax.set_yscale("symlog", linthresh=LEAST_R)  # below 0 among the faintest
        panels[0, column].set_title(method, fontsize=10)
        panels[-1, column].set_xlabel(label)
        if "completeness" in rows:  # R_T = 0, all spectra, has its place too
            panels[-1, column].set_xscale("symlog", linthresh=0.01)
        else:
            panels[-1, column].set_xscale("log")
    if not any(len(line.get_xdata()) for ax in panels.flat for line in ax.lines):
        raise ValueError("no spectrum has the numbers to draw here")
    key = panels[-1, 0].get_legend_handles_labels()
    if key[0]:
        figure.legend(
            *key, fontsize=9, frameon=False, loc="outside lower center", ncols=len(CLASSES)
        )
    return save_figure(figure, path)


def _draw_curve(ax: Axes, cls: str, curve: Binned | Subsets, name: str) -> None:
    """One class's curve; fractions get the error bar of their number of spectra."""
    if isinstance(curve, Subsets):
        at = curve.thresholds
        n, value = curve.n, curve.completeness if name == "completeness" else curve.mean
        if name == "completeness":
            total = np.divide(n, value, out=np.zeros(len(n)), where=value > 0)
            n = np.full(len(n), int(np.rint(total.max(initial=0.0))))
    else:
        middle = np.sqrt(curve.edges[1:] * np.maximum(curve.edges[:-1], 0.25))
        at, n, value = middle, curve.n, curve.mean
    seen = (n > 0) & np.isfinite(value)
    error = None if name == "robustness_by_sn" else _interval(value[seen], n[seen])
    ax.errorbar(
        at[seen] * ASIDE[cls], value[seen], yerr=error, color=COLORS[cls], marker=MARKERS[cls],
        ls=LINE_STYLES[cls], ms=4, lw=1.2, elinewidth=0.7, label=cls,
    )  # fmt: skip


def _interval(fraction: Floats, n: NDArray[np.int64]) -> Floats:
    """Distances to the ends of the Jeffreys interval of fractions, shape (2, points)."""
    from astropy.stats import binom_conf_interval

    if not len(n):
        return np.zeros((2, 0))
    k = np.rint(fraction * n).astype(np.int64)
    low, high = binom_conf_interval(k, n, confidence_level=CONFIDENCE, interval="jeffreys")
    return np.maximum([fraction - low, high - fraction], 0.0)
