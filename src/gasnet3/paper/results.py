"""The paper's pictures of results: sample, redshift errors, confusion, χ², robustness (1, 8-13).

Each takes what it shows by method (a panel or a column of panels each, with that title) and
within by class; Fig. 1 by class alone. Values that are not finite are left out.
Classes differ by colour, marker and line, so that they are told apart in print and by every eye.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from gasnet3.classes import CLASSES
from gasnet3.evaluate import metrics
from gasnet3.evaluate.evaluation import Evaluation
from gasnet3.evaluate.metrics import Binned, Subsets
from gasnet3.machine.typing import Floats
from gasnet3.paper.samples import ClassSample
from gasnet3.report.figures import panels
from gasnet3.report.style import COLORS, LINE_STYLES, MARKERS

BINS = 40
"""Bins of the histograms."""

MOST_CHI2 = 10.0
"""Right end of Fig. 1's panel of χ²; what is greater counts in the last bin."""

LEAST_SN, MOST_SN = 0.1, 300.0
"""Ends of Fig. 1's panel of S/N; what lies beyond counts in the end bins."""

LEAST_Z_MAX = 0.01
"""Fig. 1's panel of z reaches this far at least: stars alone get no axis of a width of zero."""

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


def plot_population(
    z: Mapping[str, ArrayLike], sn: Mapping[str, ArrayLike], rchi2: Mapping[str, ArrayLike]
) -> Figure:
    """Distributions of redshift, median S/N a pixel and least reduced χ² by class (Fig. 1)."""
    columns = [{cls: _finite(v) for cls, v in by_class.items()} for by_class in (z, sn, rchi2)]
    every = np.concatenate([*columns[0].values(), np.empty(0)])
    if not len(every):
        raise ValueError("no spectrum has a class and a redshift: there is nothing to draw")
    edges = (
        np.linspace(min(0.0, float(every.min())), max(float(every.max()), LEAST_Z_MAX), BINS + 1),
        np.geomspace(LEAST_SN, MOST_SN, BINS + 1),
        np.linspace(0.0, MOST_CHI2, BINS + 1),
    )
    labels = ("redshift z", "median S/N a pixel (end bins: all beyond)",
              "reduced χ² (last bin: all beyond)")  # fmt: skip
    figure, [row] = panels(1, 3, (11, 4.2), sharey=True)
    for ax, values, ends, label in zip(row, columns, edges, labels, strict=True):
        _steps(ax, values, ends, lambda v: f"mean {v.mean():.2g}, median {np.median(v):.2g}")
        ax.set_xlim(ends[0], ends[-1])
        ax.set_xlabel(label)
        if ax.get_legend_handles_labels()[0]:
            # Over the panel: within, it would lie on the curves of one catalog or another.
            ax.legend(fontsize=7.5, frameon=False, loc="lower left", bbox_to_anchor=(0.0, 1.0))
    most = max(len(values) for column in columns for values in column.values())
    row[0].set_yscale("log")
    row[0].set_ylim(0.5 / most, 1.5)  # from half a spectrum to all
    row[0].set_ylabel("fraction of the class a bin")
    row[1].set_xscale("log")
    return figure


def plot_redshift_errors(samples: Mapping[str, Mapping[str, ClassSample]]) -> Figure:
    """Δz against the labelled redshift, a row of panels a method (Fig. 8)."""
    figure, grid = panels(len(samples), len(CLASSES), (11, 2.9 * len(samples)))
    for row, (method, by_class) in zip(grid, samples.items(), strict=True):
        for ax, cls in zip(row, CLASSES, strict=True):
            ax.set_title(f"{method}: {cls}" if method else cls, fontsize=9)
            _draw_errors(ax, by_class[cls])
        row[0].set_ylabel("Δz (eq. 14)")
    for ax in grid[-1]:
        ax.set_xlabel("labelled redshift z")
    return figure


def plot_confusion(matrices: Mapping[str, ArrayLike]) -> Figure:
    """Confusion matrices side by side (Fig. 9).

    Parameters
    ----------
    matrices : mapping of str to array_like, shape (3, 4)
        By method: counts of :func:`gasnet3.evaluate.metrics.confusion_matrix`; the column of
        spectra without a class is drawn where it is not empty.
    """
    counts = {name: np.asarray(matrix, np.int64) for name, matrix in matrices.items()}
    none = any(count[:, len(CLASSES) :].any() for count in counts.values())
    labels = (*CLASSES, "none") if none else CLASSES
    figure, grid = panels(1, len(counts), (3.7 * len(counts) + 0.3, 3.7))
    for ax, (method, count) in zip(grid[0], counts.items(), strict=True):
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
    grid[0, 0].set_ylabel("labelled class")
    return figure


def plot_chi2_distribution(
    values: Mapping[str, Mapping[str, ArrayLike]], *, most: float = 4.0
) -> Figure:
    """Distribution of the least reduced χ² (Fig. 10); above ``most`` in the last bin."""
    edges = np.linspace(0.0, most, BINS + 1)
    label = f"least reduced χ² (the last bin holds all above {most - edges[1]:g})"
    figure = _distributions(values, edges, label)
    for ax in figure.axes:
        ax.axvline(1.0, color="black", lw=0.7, ls=":")
    return figure


def plot_robustness_distribution(values: Mapping[str, Mapping[str, ArrayLike]]) -> Figure:
    """Distribution of the robustness R of eq. 17 (Fig. 13)."""
    label = "robustness R (dimensionless, eq. 17; the end bins hold what lies beyond)"
    figure = _distributions(values, np.logspace(-3, 3, 43), label)
    for ax in figure.axes:
        ax.set_xscale("log")
    return figure


def plot_by_sn(evaluations: Mapping[str, Evaluation]) -> Figure:
    """Robustness, good fraction and accuracy in bins of S/N (Fig. 11)."""
    rows = {
        "robustness_by_sn": "mean R (eq. 17)",
        "good_by_sn": "good fraction (eq. 18)",
        "accuracy_by_sn": "accuracy (eq. 13)",
    }
    return _curves(evaluations, rows, "median S/N a pixel")


def plot_by_robustness(evaluations: Mapping[str, Evaluation]) -> Figure:
    """Completeness, good fraction and accuracy of the spectra with R ≥ R_T (Fig. 12)."""
    rows = {
        "completeness": "completeness",
        "good_by_robustness": "good fraction (eq. 18)",
        "accuracy_by_robustness": "accuracy (eq. 13)",
    }
    return _curves(evaluations, rows, "least robustness $R_T$ (dimensionless)")


def _finite(values: ArrayLike) -> Floats:
    numbers = np.asarray(values, np.float64)
    return numbers[np.isfinite(numbers)]


def _steps(
    ax: Axes, values: Mapping[str, Floats], edges: Floats, summary: Callable[[Floats], str]
) -> None:
    """Normalised histograms by class, summed up in the legend; the end bins hold all beyond."""
    for cls, numbers in values.items():
        if not len(numbers):
            continue
        count, _ = np.histogram(np.clip(numbers, edges[0], edges[-1]), edges)
        ax.stairs(
            count / len(numbers), edges, color=COLORS[cls], ls=LINE_STYLES[cls], lw=1.6,
            label=f"{cls}: {summary(numbers)}, n = {len(numbers)}",
        )  # fmt: skip
    ax.grid(alpha=0.15)


def _draw_errors(ax: Axes, sample: ClassSample) -> None:
    """Points of one class by one method, its threshold and its figures of merit."""
    error = np.clip(sample.delta_z, LEAST_DELTA_Z, MOST_DELTA_Z)
    low = sample.sn <= LOW_SN
    limit = metrics.THRESHOLDS["paper"][sample.cls]
    thin = float(np.sqrt(MANY / max(len(sample), 1)))
    ax.scatter(
        sample.z_true[~low], error[~low], color=COLORS[sample.cls], marker=MARKERS[sample.cls],
        lw=0, rasterized=True, s=float(np.clip(6.0 * thin, 1, 20)),
        alpha=float(np.clip(0.5 * thin, 0.15, 0.8)),
    )  # fmt: skip
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
        merit = sample.summary()
        text = (
            f"n = {merit['n']}   GF = {merit['gf']:.4f}\n"
            f"mean Δz {merit['delta_z']:.2e}   MAE {merit['mae']:.2e}   MAD {merit['mad']:.2e}"
        )
        ax.text(0.02, 0.97, text, transform=ax.transAxes, va="top", fontsize=7)


def _distributions(
    values: Mapping[str, Mapping[str, ArrayLike]], edges: Floats, label: str
) -> Figure:
    """Normalised histograms by class, a panel a method; nothing is lost beyond the ends."""
    figure, grid = panels(1, len(values), (5.2 * len(values), 3.6), sharey=True)
    for ax, (method, by_class) in zip(grid[0], values.items(), strict=True):
        finite = {cls: _finite(numbers) for cls, numbers in by_class.items()}
        _steps(ax, finite, edges, lambda v: f"median {np.median(v):.3g}")
        ax.set_title(method, fontsize=10)
        if ax.get_legend_handles_labels()[0]:
            ax.legend(fontsize=8, framealpha=0.9, edgecolor="none")
    if not any(ax.patches for ax in grid[0]):
        raise ValueError("no spectrum has a number to draw here")
    grid[0, 0].set_ylabel("fraction of the spectra a bin")
    figure.supxlabel(label, fontsize=10)
    return figure


def _curves(evaluations: Mapping[str, Evaluation], rows: Mapping[str, str], label: str) -> Figure:
    """Panels of curves by class: a row a figure of merit, a column a method."""
    n = len(evaluations)
    figure, grid = panels(len(rows), n, (5.2 * n, 2.5 * len(rows)), sharex=True, sharey="row")
    for column, (method, evaluation) in enumerate(evaluations.items()):
        for ax, (name, title) in zip(grid[:, column], rows.items(), strict=True):
            for cls in CLASSES:
                curves = evaluation.classes[cls].curves
                source = "good_by_robustness" if name == "completeness" else name
                if source in curves:
                    _draw_curve(ax, cls, curves[source], name)
            ax.set_ylabel(title if column == 0 else "")
            ax.grid(alpha=0.15)
            if name == "robustness_by_sn":
                ax.set_yscale("symlog", linthresh=LEAST_R)  # below 0 among the faintest
        grid[0, column].set_title(method, fontsize=10)
        grid[-1, column].set_xlabel(label)
        if "completeness" in rows:  # R_T = 0, all spectra, has its place too
            grid[-1, column].set_xscale("symlog", linthresh=0.01)
        else:
            grid[-1, column].set_xscale("log")
    if not any(len(line.get_xdata()) for ax in grid.flat for line in ax.lines):
        raise ValueError("no spectrum has the numbers to draw here")
    key = grid[-1, 0].get_legend_handles_labels()
    if key[0]:
        figure.legend(
            *key, fontsize=9, frameon=False, loc="outside lower center", ncols=len(CLASSES)
        )
    return figure


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
