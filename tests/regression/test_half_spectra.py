"""Histograms of few spectra counted 0, 1, 1, 2, 2, 3, 3: ticks at halves, written as integers."""

import numpy as np

from gasnet3.report.html.plots import histograms


def test_ticks_of_counts_are_whole() -> None:
    plot = histograms(np.array([0.1, 0.1, 0.2]), np.array(["QSO"] * 3), "z")
    assert plot is not None
    assert plot.yaxis[0].ticker.min_interval == 1
