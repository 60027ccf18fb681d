import torch
from torch.nn import functional

from gasnet3.train.losses import chi2_loss, seen_window, smooth_l1_loss


def test_window_is_the_shifted_run_of_pixels():
    rest = torch.arange(20.0).reshape(2, 10)
    seen = seen_window(rest, torch.tensor([3, 0]), 4)
    assert seen.tolist() == [[3, 4, 5, 6], [10, 11, 12, 13]]


def test_chi2_is_eq_7_over_the_good_pixels():
    model = torch.tensor([[1.0, 2.0, 5.0]])
    flux, ivar = torch.tensor([[0.0, 0.0, 99.0]]), torch.tensor([[1.0, 0.5, 0.0]])
    assert chi2_loss(model, flux, ivar).item() == (1.0 + 2.0) / 2


def test_error_floor_caps_the_weight():
    model, flux = torch.ones(1, 4), torch.zeros(1, 4)
    ivar = torch.full((1, 4), 1e12)
    torch.testing.assert_close(chi2_loss(model, flux, ivar, 0.1), torch.tensor(100.0))


def test_smooth_l1_is_eq_8_over_the_good_pixels():
    model, flux = torch.tensor([[0.5, 3.0, 9.0]]), torch.zeros(1, 3)
    ivar = torch.tensor([[1.0, 7.0, 0.0]])
    expected = functional.smooth_l1_loss(model[:, :2], flux[:, :2])
    torch.testing.assert_close(smooth_l1_loss(model, flux, ivar), expected)


def test_rows_without_good_pixels_cost_nothing():
    nothing = torch.zeros(2, 5)
    assert chi2_loss(nothing + 1, nothing, nothing).item() == 0.0
    assert smooth_l1_loss(nothing + 1, nothing, nothing).item() == 0.0
