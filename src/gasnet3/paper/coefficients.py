"""The paper's picture of the coefficients: a t-SNE by subclass, outliers marked (Fig. A1)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from gasnet3.machine.extras import needed
from gasnet3.machine.typing import Floats
from gasnet3.report.figures import panels
from gasnet3.report.style import PALETTE, STRANGE_COLOR, SUBCLASS_MARKERS

LEAST_ROWS = 5
"""Fewest spectra of a class that are projected."""

MOST_ROWS = 2000
"""Most spectra of a class that are projected, some ten seconds' work; of more, these by lot."""

PERPLEXITY = 30.0
"""Of the t-SNE, where there are spectra enough."""

NEIGHBOURS = 20
"""Of the local outlier factor; scikit-learn's usual number."""

OUTLIER_FACTOR = 1.5
"""Local outlier factor above which a spectrum is marked; scikit-learn's usual limit."""

MOST_NAMES = 8
"""Subclasses with a marker and a colour of their own; rarer ones share grey."""

OTHER, UNKNOWN = "other", "not known"
GREY, EDGE = "#AAAAAA", "#444444"


@dataclass(frozen=True, eq=False)
class Coefficients:
    """The spectra of a class for Fig. A1.

    Attributes
    ----------
    coeff : ndarray of float64, shape (rows, m)
        Coefficients of the class's own eigenspectra; rows that are not finite, or 0, are left out.
    subclass : ndarray of str, shape (rows,)
        Subclass of each, '' where not known.
    outlier : ndarray of bool, shape (rows,), or None
        Which ones to mark, those of ``anomaly_extreme`` 2 or more; None: those with a local
        outlier factor above 1.5 among these.
    """

    coeff: Floats
    subclass: NDArray[np.str_]
    outlier: NDArray[np.bool_] | None = None


def plot_coefficients(classes: Mapping[str, Coefficients]) -> Figure:
    """A t-SNE of the coefficients of each class, a panel each (Fig. A1).

    Coefficients are scaled to unit length first: how bright a spectrum is does not tell what it
    is. The same coefficients give the same picture. A class with fewer than 5 spectra says so;
    MissingExtra if scikit-learn is not installed.
    """
    kept = {cls: _usable(found) for cls, found in classes.items()}
    if not any(len(one.coeff) >= LEAST_ROWS for one, _ in kept.values()):
        raise ValueError(f"no class has {LEAST_ROWS} spectra with coefficients to project")
    figure, [row] = panels(1, len(kept), (4.2 * len(kept), 5.4))
    for ax, (cls, (one, total)) in zip(row, kept.items(), strict=True):
        n = len(one.coeff)
        ax.set_title(f"{cls} (n = {n}{f' of {total}' if total > n else ''})", fontsize=10)
        ax.set_xlabel("t-SNE 1 (dimensionless)", fontsize=9)
        ax.set(xticks=[], yticks=[])
        if n < LEAST_ROWS:
            text = f"fewer than {LEAST_ROWS} spectra"
            ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center", fontsize=9)
        else:
            _draw(ax, one)
    row[0].set_ylabel("t-SNE 2 (dimensionless)", fontsize=9)
    return figure


def _of_sklearn(module: str) -> Any:
    return needed(f"sklearn.{module}", "anomalies", "Fig. A1")


def _projected(points: Floats) -> Floats:
    """Two-dimensional t-SNE (van der Maaten & Hinton 2008), the same for the same points."""
    perplexity = min(PERPLEXITY, (len(points) - 1) / 3)
    tsne = _of_sklearn("manifold").TSNE(
        perplexity=perplexity, init="random", learning_rate="auto", random_state=0
    )
    return np.asarray(tsne.fit_transform(points), np.float64)


def _lonely(points: Floats) -> NDArray[np.bool_]:
    """Which points have a local outlier factor above 1.5 among themselves, shape (rows,)."""
    factor = _of_sklearn("neighbors").LocalOutlierFactor
    fit = factor(n_neighbors=min(NEIGHBOURS, len(points) - 1)).fit(points)
    return np.asarray(-fit.negative_outlier_factor_ > OUTLIER_FACTOR)


def _usable(found: Coefficients) -> tuple[Coefficients, int]:
    """Rows that can be projected, of unit length, at most MOST_ROWS of a total."""
    coeff = np.asarray(found.coeff, np.float64)
    names = np.asarray(found.subclass).astype(np.str_)
    if coeff.ndim != 2 or names.shape != coeff.shape[:1]:
        raise ValueError(f"coefficients of shape {coeff.shape}, subclasses of {names.shape}")
    coeff = coeff[:, ~np.isnan(coeff).all(axis=0)] if len(coeff) else coeff  # padding of others
    length = np.sqrt((coeff**2).sum(axis=1))
    rows = np.flatnonzero(np.isfinite(length) & (length > 0))
    total = len(rows)
    if total > MOST_ROWS:
        rows = np.sort(np.random.default_rng(0).choice(rows, MOST_ROWS, replace=False))
    outlier = None if found.outlier is None else np.asarray(found.outlier, np.bool_)[rows]
    return Coefficients(coeff[rows] / length[rows, None], names[rows], outlier), total


def _draw(ax: Axes, one: Coefficients) -> None:
    """Points by subclass, the commonest first, with the outliers over them."""
    places = _projected(one.coeff)
    known = Counter(name for name in one.subclass.tolist() if name)
    common = [name for name, _ in known.most_common(MOST_NAMES)]
    style: dict[str, Any] = {"s": 14.0, "lw": 0.3, "alpha": 0.85}

    def scatter(name: str, rows: NDArray[np.bool_], **options: Any) -> None:
        if rows.any():
            ax.scatter(*places[rows].T, label=f"{name} ({rows.sum()})", **options)

    unnamed = one.subclass == ""
    scatter(UNKNOWN, unnamed, color=GREY, marker=".", **style)
    scatter(OTHER, ~unnamed & ~np.isin(one.subclass, common), color=GREY, marker="d", **style)
    for name, marker, color in zip(common, SUBCLASS_MARKERS, PALETTE, strict=False):
        own = {"facecolor": color, "edgecolor": EDGE, "marker": marker}
        scatter(name, one.subclass == name, **own, **style)
    outlier = _lonely(one.coeff) if one.outlier is None else one.outlier
    how = f"LOF > {OUTLIER_FACTOR:g}" if one.outlier is None else "extreme"
    scatter(how, outlier, s=52, facecolor="none", edgecolor=STRANGE_COLOR, lw=1.0)
    ax.margins(0.05)
    ax.legend(fontsize=7, ncols=2, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.07),
              handletextpad=0.1, columnspacing=0.8)  # fmt: skip
