"""Pictures of what probabilities, errors and warnings are worth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from gasnet3.evaluate.reliability import reliability
from gasnet3.report.figures import panels
from gasnet3.report.style import COLORS

MARKERS = ("o", "s", "^", "D")
KIND_COLORS = ("#000000", "#E69F00", "#0072B2", "#009E73")

FEWEST = 5
"""Rows a bin of a reliability diagram has at least, to be drawn."""


class Answered(Protocol):
    """Answers beside the truth; every attribute has shape (rows,)."""

    @property
    def class_right(self) -> NDArray[np.bool_]: ...
    @property
    def z_right(self) -> NDArray[np.bool_]: ...
    @property
    def z_known(self) -> NDArray[np.bool_]: ...
    @property
    def labelled(self) -> NDArray[np.bool_]: ...
    @property
    def right(self) -> NDArray[np.bool_]: ...
    @property
    def cls(self) -> NDArray[np.str_]: ...
    @property
    def p_class(self) -> NDArray[np.float64]: ...
    @property
    def p_z(self) -> NDArray[np.float64]: ...
    @property
    def pulls(self) -> NDArray[np.float64]: ...
    @property
    def clean(self) -> NDArray[np.bool_]: ...


def plot_confidence(answers: Mapping[str, Answered]) -> Figure:
    """Reliability diagrams, the flagged-or-right trade-off, and the pulls.

    Bins of fewer than five rows are left out of the reliability diagrams.

    Parameters
    ----------
    answers : mapping of str to Answered
        Answers by kind of spectrum, as "real"; pulls are drawn of the first.
    """
    figure, axes = panels(2, 2, (10.5, 8.0))
    for (name, said), color, marker in zip(answers.items(), KIND_COLORS, MARKERS, strict=False):
        known = said.cls != "SKY"
        style = {"color": color, "marker": marker, "label": name}
        _reliability(axes[0, 0], said.p_class[known], said.class_right[known], style)
        _reliability(axes[0, 1], said.p_z[said.z_known], said.z_right[said.z_known], style)
        _trade_off(axes[1, 0], said, style)
    axes[0, 0].set(xlabel="probability of the class", ylabel="fraction of right classes")
    axes[0, 1].set(xlabel="probability of the redshift", ylabel="fraction of right redshifts")
    axes[1, 0].set(
        xlabel="fraction of rows kept, the most probable first",
        ylabel="wrong class or redshift among them",
    )
    axes[1, 0].set_yscale("symlog", linthresh=1e-3)
    axes[1, 0].set_ylim(0, 1)
    _pulls(axes[1, 1], next(iter(answers.values())))
    for ax in axes.flat:
        ax.legend(frameon=False, fontsize=8)
    return figure


def _reliability(
    ax: Axes, p: NDArray[np.float64], right: NDArray[np.bool_], style: dict[str, Any]
) -> None:
    found = reliability(p, right)
    drawn = found.n >= FEWEST
    n, accuracy = found.n[drawn], found.accuracy[drawn]
    # Of a bin where all are right (or wrong) the binomial error would be 0.
    few = np.sqrt(np.maximum(accuracy * (1 - accuracy), 0.25 / n) / n)
    error = found.expected_calibration_error
    label = f"{style['label']}, n = {int(found.n.sum())}, ECE {error:.3f}"
    ax.errorbar(
        found.confidence[drawn], accuracy, yerr=few, ls="-", lw=1, ms=4, capsize=2,
        **{**style, "label": label},
    )  # fmt: skip
    ax.plot([0, 1], [0, 1], color="0.6", lw=0.8, ls="--")
    ax.set(xlim=(0, 1.02), ylim=(0, 1.05))


def _trade_off(ax: Axes, said: Answered, style: dict[str, Any]) -> None:
    """Wrong rows among those kept, as fewer and fewer are kept; the warnings' point is marked."""
    rows = said.labelled
    sure = np.minimum(said.p_class, np.nan_to_num(said.p_z))[rows]
    wrong = ~said.right[rows]
    order = np.argsort(-sure, kind="stable")
    kept = np.arange(1, len(order) + 1)
    ax.plot(kept / len(order), np.cumsum(wrong[order]) / kept, color=style["color"], lw=1.2)
    clean = said.clean[rows]
    ax.plot(
        clean.mean(), wrong[clean].mean(), color=style["color"], marker=style["marker"], ms=8,
        ls="", label=f"{style['label']}: rows without a warning",
    )  # fmt: skip


def _pulls(ax: Axes, said: Answered) -> None:
    x = np.linspace(-5, 5, 201)
    ax.plot(x, np.exp(-0.5 * x**2) / np.sqrt(2 * np.pi), color="0.4", lw=1, label="unit Gaussian")
    for cls, color in COLORS.items():
        rows = said.labelled & said.right & (said.cls == cls)
        if rows.any():
            ax.hist(
                said.pulls[rows], bins=x[::8].tolist(), density=True, histtype="step", color=color,
                label=f"{cls}, n = {int(rows.sum())}",
            )  # fmt: skip
    ax.set(xlabel="(z - z_label) / z_err", ylabel="density", xlim=(-5, 5))
