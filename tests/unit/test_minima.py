import pytest
import torch

from gasnet3.solve.minima import find_minima


def curve(*values):
    return torch.tensor([values], dtype=torch.float32)


def test_lowest_first_and_distinct():
    x = torch.arange(200.0)
    y = 10 - 5 * torch.exp(-((x - 50) ** 2) / 20) - 8 * torch.exp(-((x - 120) ** 2) / 20)
    y[0], y[-1] = 11, 11
    found = find_minima(y[None], 20, 4)
    assert found.index[0, :2].tolist() == [120, 50]
    assert found.index[0, 3] == -1
    assert found.chi2[0, 3] == torch.inf


def test_close_minima_count_once():
    found = find_minima(curve(5, 1, 3, 0, 5, 5, 5, 5, 2, 5), 4, 3)
    assert found.index.tolist() == [[3, 8, -1]]


def test_ends_count_when_the_curve_rises_from_them():
    assert find_minima(curve(1, 2, 3, 2.5), 1, 3).index.tolist() == [[0, 3, -1]]


def test_flat_curve_has_no_minimum():
    assert (find_minima(curve(*[3] * 50), 5, 2).index == -1).all()


def test_plateau_counts_once():
    assert find_minima(curve(3, 1, 1, 1, 3), 1, 3).index.tolist() == [[1, -1, -1]]


def test_equal_minima_are_both_found():
    assert find_minima(curve(3, 1, 3, 3, 3, 1, 3), 2, 2).index.tolist() == [[1, 5]]


def test_not_finite_points_are_never_minima():
    nan, inf = float("nan"), float("inf")
    assert find_minima(curve(nan, 3, 2, 3, inf), 1, 2).index.tolist() == [[2, -1]]
    assert (find_minima(curve(nan, nan, nan), 1, 2).index == -1).all()


def test_one_point_is_its_own_minimum():
    assert find_minima(curve(4.0), 1, 1).index.tolist() == [[0]]


@pytest.mark.parametrize("vertex", [4.6, 5.0, 5.3])
def test_parabola_offset(vertex):
    x = torch.arange(11.0)
    found = find_minima((3 * (x - vertex) ** 2 + 1)[None], 2, 1)
    assert float(found.index[0, 0] + found.offset[0, 0]) == pytest.approx(vertex, abs=1e-5)
