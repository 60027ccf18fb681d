import torch
from torch.nn import functional

from gasnet3.train.losses import chi2_loss, projection_loss, roughness, seen_window, smooth_l1_loss


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


def test_projection_is_the_least_chi2_over_coefficients_and_its_gradient(rng):
    def random(*shape):
        return torch.from_numpy(rng.normal(size=shape))

    eigenspectra, basis = random(2, 30).requires_grad_(), random(2, 20)
    flux, ivar, start = random(3, 20), random(3, 20) ** 2, torch.tensor([0, 4, 10])

    def least(spectra):
        total = 0.0
        for row in range(3):
            seen = spectra[:, start[row] : start[row] + 20]
            design = torch.cat([seen, basis]) * ivar[row].sqrt()
            target = flux[row] * ivar[row].sqrt()
            best = torch.linalg.lstsq(design.T, target[:, None]).solution
            total = total + ((best.T @ design - target) ** 2).sum() / 20
        return total / 3

    loss = projection_loss(eigenspectra, basis, flux, ivar, start)
    assert abs(loss.item() - least(eigenspectra).item()) < 1e-3
    (gradient,) = torch.autograd.grad(loss, eigenspectra)
    (expected,) = torch.autograd.grad(least(eigenspectra), eigenspectra)
    torch.testing.assert_close(gradient, expected, atol=5e-3, rtol=5e-2)


def test_roughness_spares_broad_lines():
    x = torch.arange(400.0)
    broad, narrow = (torch.exp(-0.5 * ((x - 200) / width) ** 2)[None] for width in (15.0, 1.0))
    assert roughness(2.0 * x[None] + 1.0).item() == 0.0
    assert roughness(narrow) > 1e3 * roughness(broad)
