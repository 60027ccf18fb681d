"""The picture of what probabilities are worth: it must draw the numbers, all of them legible."""

from types import SimpleNamespace

import numpy as np
import pytest

from gasnet3.report.confidence import plot_confidence
from gasnet3.report.figures import save_figure


def answered(rng, n=400):
    p = rng.uniform(0.4, 1.0, n)
    cls = rng.choice(["STAR", "GALAXY", "QSO", "SKY"], n)
    known = cls != "SKY"
    right = (rng.uniform(size=n) < p) & known
    return SimpleNamespace(
        class_right=right, z_right=right, z_known=np.full(n, True), labelled=known, right=right,
        cls=cls, p_class=p, p_z=np.where(rng.uniform(size=n) < 0.02, np.nan, p),
        pulls=rng.standard_normal(n), clean=p > 0.9,
    )  # fmt: skip


def test_all_panels_are_drawn_and_say_how_many(tmp_path, rng):
    figure = plot_confidence({"real": answered(rng)})
    assert save_figure(figure, tmp_path / "confidence.png").stat().st_size > 10_000
    axes = figure.axes
    assert len(axes) == 4
    assert all(ax.get_xlabel() and ax.get_ylabel() for ax in axes)
    texts = [text.get_text() for ax in axes for text in ax.get_legend().get_texts()]
    assert sum("n = " in text for text in texts) == 5


def test_the_trade_off_ends_at_all_rows(rng):
    said = answered(rng)
    line = plot_confidence({"real": said}).axes[2].get_lines()[0]
    kept, wrong = line.get_data()
    assert kept[-1] == 1.0
    assert wrong[-1] == pytest.approx((~said.right[said.labelled]).mean())
    assert wrong[len(wrong) // 4] < wrong[-1]


def test_sparse_bins_are_left_out(rng):
    said = answered(rng)
    said.p_class[0] = 0.05
    confidence = plot_confidence({"real": said}).axes[0].get_lines()[0].get_xdata()
    assert min(confidence) > 0.3
