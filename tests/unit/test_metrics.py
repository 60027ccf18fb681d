"""The metrics of paper 3.4 against hand-worked numbers, and what holds for any numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gasnet3.decide.rank import robustness_ratio
from gasnet3.evaluate import metrics
from gasnet3.evaluate.reliability import pulls, reliability, summarize_pulls

NAN, INF = math.nan, math.inf

TRUE_Z = st.floats(-0.5, 10)
ANY_Z = st.one_of(st.floats(-0.9, 20), st.sampled_from([NAN, INF, -INF]))
PAIRS = st.lists(st.tuples(ANY_Z, TRUE_Z), max_size=30).map(
    lambda rows: (np.array([r[0] for r in rows]), np.array([r[1] for r in rows]))
)


def test_accuracy_counts_a_failed_row_as_wrong() -> None:
    assert metrics.accuracy(["STAR", "QSO", ""], ["STAR", "GALAXY", "QSO"]) == pytest.approx(1 / 3)
    assert math.isnan(metrics.accuracy([], []))


def test_delta_z_is_relative_to_the_true_redshift() -> None:
    np.testing.assert_allclose(metrics.delta_z([1.1, 0.9, NAN], [1, 1, 1]), [0.05, 0.05, INF])


def test_mae_mad_and_median() -> None:
    z, z_true = [0.1, -0.2, 0.6, 0.0, 0.4], np.zeros(5)  # delta_z: 0.1 0.2 0.6 0.0 0.4
    assert metrics.mae(z, z_true) == pytest.approx(1.3 / 5)
    assert metrics.median_delta_z(z, z_true) == pytest.approx(0.2)
    assert metrics.mad(z, z_true) == pytest.approx(0.2)
    assert metrics.mae([3.0], [1.0]) == 2.0  # eq. 15 does not divide by 1 + z
    assert metrics.median_delta_z([3.0], [1.0]) == 1.0


def test_one_missing_redshift_spoils_the_mean_and_not_the_median() -> None:
    z, z_true = [0.1, NAN, 0.3], np.zeros(3)
    assert metrics.mae(z, z_true) == INF
    assert metrics.median_delta_z(z, z_true) == pytest.approx(0.3)
    assert metrics.mad(z, z_true) == pytest.approx(0.2)
    assert metrics.mad([NAN, NAN, 0.1], z_true) == INF


def test_robustness() -> None:
    got = robustness_ratio([1.0, 2.0, 1.0, 0.0], [1.5, 2.0, NAN, 1.0])
    np.testing.assert_array_equal(got, [0.5, 0.0, NAN, NAN])


def test_good_fractions_count_misses() -> None:
    z, z_true = [1.0, 1.002, 1.019, NAN], np.ones(4)
    assert metrics.good_fraction(z, z_true, 3e-4) == 0.25
    assert metrics.good_fraction(z, z_true, 3e-3) == 0.5
    assert metrics.log_good_fraction(z, z_true, 0.0015) == 0.5
    assert metrics.log_good_fraction(z, z_true, 0.015) == 0.75
    assert metrics.outlier_fraction(z, z_true) == 0.25  # 1.019 is at 0.0095
    assert metrics.outlier_fraction(z, z_true, 0.005) == 0.5


def test_the_limit_itself_is_not_good() -> None:
    assert metrics.good_fraction([0.25], [0.0], 0.25) == 0.0
    assert metrics.outlier_fraction([0.25], [0.0], 0.25) == 0.0


def test_delta_ln_z() -> None:
    got = metrics.delta_ln_z([math.e - 1, 0.0, NAN, -1.0, -2.0], [0.0, math.e - 1, 0, 0, 0])
    np.testing.assert_allclose(got, [1, 1, INF, INF, INF])


def test_sdss_requirement_is_continuous_and_opens_beyond_z_1_5() -> None:
    limits = metrics.sdss_requirement([0.1, 1.5, 1.5 + 1e-9, 2.5])
    np.testing.assert_allclose(limits[:3], 1e-3, rtol=1e-3)
    assert limits[3] == pytest.approx(700 / 299_792.458)
    limit = metrics.THRESHOLDS["sdss"]["QSO"]
    assert metrics.good_fraction([2.5 + 3.5 * 0.002], [2.5], limit) == 1.0
    assert metrics.good_fraction([1.0 + 2.0 * 0.002], [1.0], limit) == 0.0


def test_named_thresholds_are_the_papers() -> None:
    assert metrics.THRESHOLDS["paper"] == {"STAR": 3e-4, "GALAXY": 3e-4, "QSO": 3e-3}
    assert metrics.THRESHOLDS["4most"] == {"GALAXY": 1e-4, "QSO": 3e-3}
    assert metrics.LOG_THRESHOLDS == {"GALAXY": 0.0015, "QSO": 0.015}
    assert len(metrics.SN_EDGES) == 21
    assert (metrics.SN_EDGES[0], metrics.SN_EDGES[1], metrics.SN_EDGES[-1]) == (0, 1, 100)


@pytest.mark.parametrize("bad", [NAN, INF, -1.0, -9999.0])
@pytest.mark.parametrize(
    "metric",
    [metrics.delta_z, metrics.mae, metrics.mad, metrics.delta_ln_z, metrics.outlier_fraction],
)
def test_an_unknown_truth_is_refused(metric: Any, bad: float) -> None:
    with pytest.raises(ValueError, match=r"1 true redshifts are not finite .*row 1"):
        metric([0.1, 0.2], [0.1, bad])


def test_columns_of_different_length_are_refused() -> None:
    for call in (
        lambda: metrics.mae([1.0], [1.0, 2.0]),
        lambda: metrics.accuracy(["STAR"], []),
        lambda: metrics.mae([[1.0]], [[1.0]]),
        lambda: metrics.binned_mean([1.0], [1.0, 2.0]),
        lambda: metrics.subset_means([1.0], [1.0, 2.0]),
        lambda: reliability([0.5], [True, False]),
    ):
        with pytest.raises(ValueError, match="two columns of one length"):
            call()


def test_everything_is_defined_for_no_spectra() -> None:
    for value in (
        metrics.mae([], []),
        metrics.mad([], []),
        metrics.median_delta_z([], []),
        metrics.good_fraction([], [], 3e-4),
        metrics.log_good_fraction([], [], 3e-4),
        metrics.outlier_fraction([], []),
        reliability([], []).expected_calibration_error,
        summarize_pulls([]).mean,
        *metrics.completeness([], [0.0, 1.0]),
        *metrics.subset_means([], [], [0.0]).mean,
        *metrics.binned_mean([], [], [0.0, 1.0]).mean,
    ):
        assert math.isnan(value)
    assert metrics.delta_z([], []).shape == (0,)
    assert metrics.confusion_matrix([], []).sum() == 0


def test_confusion_matrix() -> None:
    predicted = ["STAR", "GALAXY", "QSO", "", "QSO"]
    truth = ["STAR", "QSO", "QSO", "STAR", "GALAXY"]
    np.testing.assert_array_equal(
        metrics.confusion_matrix(predicted, truth), [[1, 0, 0, 1], [0, 0, 1, 0], [0, 1, 1, 0]]
    )
    with pytest.raises(ValueError, match=r"\['SKY'\] are none of \['STAR', 'GALAXY', 'QSO'\]"):
        metrics.confusion_matrix(["STAR"], ["SKY"])


def test_binned_mean_keeps_account_of_every_row() -> None:
    binned = metrics.binned_mean([1, 0, 1, 1, 0, 0], [0, 0.5, 1, 2, NAN, -1], [0, 1, 1.5, 2])
    np.testing.assert_array_equal(binned.n, [2, 1, 1])
    np.testing.assert_array_equal(binned.mean, [0.5, 1, 1])
    assert binned.n_outside == 2
    np.testing.assert_array_equal(metrics.binned_mean([1], [5], [0, 1]).mean, [NAN])
    np.testing.assert_array_equal(
        metrics.binned_mean([NAN, 1, 2], [0, 0, 1], [0, 1, 2]).mean, [NAN, 2]
    )
    with pytest.raises(ValueError, match="edges of bins must rise"):
        metrics.binned_mean([1], [1], [1, 1])


def test_subsets_above_a_robustness() -> None:
    subsets = metrics.subset_means([0, 1, 1, 1], [0.0, 0.5, 2.0, NAN], [0, 0.5, 10])
    np.testing.assert_array_equal(subsets.n, [3, 2, 0])
    np.testing.assert_array_equal(subsets.completeness, [0.75, 0.5, 0])
    np.testing.assert_allclose(subsets.mean, [2 / 3, 1, NAN])


@given(PAIRS)
def test_fractions_partition_all_rows(pair: tuple[np.ndarray, np.ndarray]) -> None:
    z, z_true = pair
    error = metrics.delta_z(z, z_true)
    assert not np.isnan(error).any()
    assert np.isinf(error).sum() == (~np.isfinite(z)).sum()
    if len(z):
        good, out = (
            metrics.good_fraction(z, z_true, 0.01),
            metrics.outlier_fraction(z, z_true, 0.01),
        )
        assert good + out + np.mean(error == 0.01) == pytest.approx(1)
        assert metrics.mad(z, z_true) >= 0


@given(PAIRS, st.floats(0, 1), st.floats(0, 1))
def test_good_fraction_rises_with_the_limit(
    pair: tuple[np.ndarray, np.ndarray], one: float, two: float
) -> None:
    low, high = sorted([one, two])
    if len(pair[0]):
        assert metrics.good_fraction(*pair, low) <= metrics.good_fraction(*pair, high)
        assert metrics.log_good_fraction(*pair, low) <= metrics.log_good_fraction(*pair, high)


@given(st.lists(TRUE_Z, min_size=1, max_size=20), st.floats(-0.1, 0.1))
def test_a_common_stretch_is_measured_exactly(z_true: list[float], error: float) -> None:
    true = np.array(z_true)
    z = true + error * (1 + true)
    np.testing.assert_allclose(metrics.delta_z(z, true), abs(error), atol=1e-12)
    np.testing.assert_allclose(metrics.delta_ln_z(z, true), abs(math.log1p(error)), atol=1e-12)
    assert metrics.mad(z, true) == pytest.approx(0, abs=1e-12)


@given(st.lists(st.tuples(st.sampled_from(["STAR", "QSO", "x"]), st.sampled_from(["STAR", "QSO"]))))
def test_confusion_matrix_agrees_with_accuracy(rows: list[tuple[str, str]]) -> None:
    predicted, truth = [row[0] for row in rows], [row[1] for row in rows]
    matrix = metrics.confusion_matrix(predicted, truth, ["STAR", "QSO"])
    assert matrix.sum() == len(rows)
    if rows:
        assert np.trace(matrix) / len(rows) == pytest.approx(metrics.accuracy(predicted, truth))


@given(st.lists(st.one_of(st.floats(0, 1e3), st.just(NAN)), max_size=30))
def test_completeness_falls_with_the_threshold(values: list[float]) -> None:
    curve = metrics.completeness(values)
    if values:
        assert (np.diff(curve) <= 0).all()
        assert curve[0] == pytest.approx(np.isfinite(values).mean())


@given(
    st.lists(st.tuples(st.floats(0, 1), st.one_of(st.floats(-5, 105), st.just(NAN))), max_size=30)
)
def test_binned_means_add_up_to_the_whole(rows: list[tuple[float, float]]) -> None:
    values, by = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    binned = metrics.binned_mean(values, by)
    assert binned.n.sum() + binned.n_outside == len(rows)
    inside = (by >= 0) & (by <= 100)
    filled = binned.n > 0
    total = (binned.n[filled] * binned.mean[filled]).sum()
    assert total == pytest.approx(values[inside].sum())


def test_pulls_of_honest_errors_have_unit_width() -> None:
    rng = np.random.default_rng(1)
    z_err = rng.uniform(1e-5, 1e-3, 20_000)
    z_true = rng.uniform(0, 3, 20_000)
    z = z_true + z_err * rng.normal(size=20_000)
    z[:100] += 1.0  # outliers spoil the plain width and not the robust one
    summary = summarize_pulls(pulls(z, z_err, z_true))
    assert summary.n == 20_000
    assert summary.width == pytest.approx(1, abs=0.03)
    assert summary.median == pytest.approx(0, abs=0.03)
    assert summary.std > 10
    assert summary.mean > 1


def test_rows_without_a_pull_are_counted() -> None:
    values = pulls([1.0, NAN, 1.0, 1.0, 1.0, INF], [0.5, 1, 0, NAN, -1, 1], [0.5] + [1.0] * 5)
    np.testing.assert_array_equal(values, [1.0] + [NAN] * 5)
    summary = summarize_pulls(values)
    assert (summary.n, summary.n_unusable, summary.mean, summary.width) == (1, 5, 1.0, 0.0)
    assert summarize_pulls(pulls([1.0], [5e-324], [0.0])).n_unusable == 1


def test_reliability_of_a_calibrated_and_an_overconfident_classifier() -> None:
    rng = np.random.default_rng(2)
    p = rng.uniform(size=50_000)
    honest = reliability(p, rng.uniform(size=p.size) < p)
    assert honest.expected_calibration_error < 0.02
    np.testing.assert_allclose(honest.accuracy, honest.confidence, atol=0.04)
    sure = reliability(np.ones(100), np.arange(100) < 60)
    assert sure.expected_calibration_error == pytest.approx(0.4)
    assert list(sure.n) == [0] * 9 + [100]
    assert math.isnan(sure.accuracy[0])


def test_reliability_counts_missing_and_refuses_impossible_probabilities() -> None:
    assert reliability([NAN, 0.95], [True, True]).n_unusable == 1
    with pytest.raises(ValueError, match="between 0 and 1"):
        reliability([1.1], [True])
    assert reliability([1 + 1e-12, -1e-12], [True, False]).expected_calibration_error == 0


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1), st.integers(1, 20))
def test_calibration_error_is_bounded(rows: list[tuple[float, bool]], bins: int) -> None:
    diagram = reliability([r[0] for r in rows], [r[1] for r in rows], bins)
    assert diagram.n.sum() == len(rows)
    assert 0 <= diagram.expected_calibration_error <= 1
    filled = diagram.n > 0
    assert (diagram.confidence[filled] >= diagram.edges[:-1][filled] - 1e-9).all()
    assert (diagram.confidence[filled] <= diagram.edges[1:][filled] + 1e-9).all()
