"""The paper's picture of the coefficients: a t-SNE by subclass, outliers marked (Fig. A1)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from gasnet3.report.figures import save_figure
from gasnet3.report.style import PALETTE, STRANGE_COLOR, SUBCLASS_MARKERS

Floats = NDArray[np.float64]

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
NO_SKLEARN = "Fig. A1 needs scikit-learn: pip install 'gasnet3[anomalies]'"


@dataclass(frozen=True, eq=False)
class Coefficients:
    """The spectra of a class for Fig. A1.

    Attributes
    ----------
    coeff : array_like, shape (rows, m)
        Coefficients of the class's own eigenspectra; rows that are not finite, or 0, are left out.
    subclass : array_like of str, shape (rows,)
        Subclass of each, '' where not known.
    outlier : array_like of bool, shape (rows,), or None
        Which ones to mark, those of ``anomaly_extreme`` 2 or more; None: those with a local
        outlier factor above 1.5 among these.
    """

    coeff: ArrayLike
    subclass: ArrayLike
    outlier: ArrayLike | None = None


def plot_coefficients(classes: Mapping[str, Coefficients], path: str | Path) -> Path:
    """Draw a t-SNE of the coefficients of each class (paper, Fig. A1).

    Coefficients are scaled to unit length first: how bright a spectrum is does not tell what it
    is. The same coefficients give the same picture.

    Parameters
    ----------
    classes : mapping of str to Coefficients
        By class, a panel each; one with fewer than 5 spectra says so.
    path : str or Path
        Picture to write; the ending decides the format.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    ValueError
        If no class has enough spectra, shapes do not fit, or the ending is unknown.
    ModuleNotFoundError
        If scikit-learn is not installed.
    """
    kept = {cls: _usable(found) for cls, found in classes.items()}
    if not any(len(one.unit) >= LEAST_ROWS for one in kept.values()):
        raise ValueError(f"no class has {LEAST_ROWS} spectra with coefficients to project")
    figure = Figure(figsize=(4.2 * len(kept), 5.4), layout="constrained")
    panels = figure.subplots(1, len(kept), squeeze=False)[0]
    for ax, (cls, one) in zip(panels, kept.items(), strict=True):
        ax.set_xlabel("t-SNE 1 (dimensionless)", fontsize=9)
        ax.set_xticks([])
        ax.set_yticks([])
        if len(one.unit) < LEAST_ROWS:
            ax.set_title(f"{cls} (n = {len(one.unit)})", fontsize=10)
            text = f"fewer than {LEAST_ROWS} spectra"
            ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center", fontsize=9)
            continue
        drawn = f"n = {len(one.unit)}" + (f" of {one.total}" if one.total > len(one.unit) else "")
        ax.set_title(f"{cls} ({drawn})", fontsize=10)
        _draw(ax, project(one.unit), one)
    panels[0].set_ylabel("t-SNE 2 (dimensionless)", fontsize=9)
    return save_figure(figure, path)


def project(points: ArrayLike) -> Floats:
    """Two-dimensional t-SNE (van der Maaten & Hinton 2008), the same for the same points.

    Parameters
    ----------
    points : array_like, shape (rows, m)
        At least 5 rows.

    Returns
    -------
    ndarray of float64, shape (rows, 2)

    Raises
    ------
    ModuleNotFoundError
        If scikit-learn is not installed.
    """
    try:
        from sklearn.manifold import TSNE
    except ModuleNotFoundError:
        raise ModuleNotFoundError(NO_SKLEARN) from None
    x = np.asarray(points, np.float64)
    perplexity = min(PERPLEXITY, (len(x) - 1) / 3)
    tsne = TSNE(perplexity=perplexity, init="random", learning_rate="auto", random_state=0)
    return np.asarray(tsne.fit_transform(x), np.float64)


def lonely(points: ArrayLike) -> NDArray[np.bool_]:
    """Which points have a local outlier factor above 1.5 among themselves, shape (rows,).

    Parameters
    ----------
    points : array_like, shape (rows, m)
        At least 2 rows.

    Raises
    ------
    ModuleNotFoundError
        If scikit-learn is not installed.
    """
    try:
        from sklearn.neighbors import LocalOutlierFactor
    except ModuleNotFoundError:
        raise ModuleNotFoundError(NO_SKLEARN) from None
    x = np.asarray(points, np.float64)
    fit = LocalOutlierFactor(n_neighbors=min(NEIGHBOURS, len(x) - 1)).fit(x)
    return np.asarray(-fit.negative_outlier_factor_ > OUTLIER_FACTOR)


@dataclass(frozen=True, eq=False)
class _Usable:
    """Rows that can be projected, at most MOST_ROWS of a total."""

    unit: Floats
    subclass: NDArray[np.str_]
    outlier: NDArray[np.bool_] | None
    total: int


def _usable(found: Coefficients) -> _Usable:
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
    return _Usable(coeff[rows] / length[rows, None], names[rows], outlier, total)


def _draw(ax: Axes, places: Floats, one: _Usable) -> None:
    """Points by subclass, the commonest first, with the outliers over them."""
    known = Counter(name for name in one.subclass.tolist() if name)
    common = [name for name, _ in known.most_common(MOST_NAMES)]
    style: dict[str, Any] = {"s": 14.0, "lw": 0.3, "alpha": 0.85}
    unnamed = one.subclass == ""
    rare = ~unnamed & ~np.isin(one.subclass, common)
    for name, rows in ((UNKNOWN, unnamed), (OTHER, rare)):
        if rows.any():
            marker = "." if name == UNKNOWN else "d"
            label = f"{name} ({rows.sum()})"
            x, y = places[rows].T
            ax.scatter(x, y, color=GREY, marker=marker, label=label, **style)
    for name, marker, color in zip(common, SUBCLASS_MARKERS, PALETTE, strict=False):
        rows = one.subclass == name
        label = f"{name} ({rows.sum()})"
        x, y = places[rows].T
        ax.scatter(x, y, facecolor=color, edgecolor=EDGE, marker=marker, label=label, **style)
    outlier = lonely(one.unit) if one.outlier is None else one.outlier
    how = f"LOF > {OUTLIER_FACTOR:g}" if one.outlier is None else "extreme"
    if outlier.any():
        x, y = places[outlier].T
        label = f"{how} ({outlier.sum()})"
        ax.scatter(x, y, s=52, facecolor="none", edgecolor=STRANGE_COLOR, lw=1.0, label=label)
    ax.margins(0.05)
    ax.legend(fontsize=7, ncols=2, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.07),
              handletextpad=0.1, columnspacing=0.8)  # fmt: skip
