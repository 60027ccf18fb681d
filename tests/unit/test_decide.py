import numpy as np
import pytest
import torch

from gasnet3.decide import rank as decide
from gasnet3.solve.candidates import Candidates
from gasnet3.spectra.lattice import shift_from_z

NAN = float("nan")
GALAXY, QSO = 1, 2
N_GOOD = np.array([1016])


def candidates(cls, z, chi2, bad=None, dof=16):
    z, chi2 = torch.tensor([z], dtype=torch.float64), torch.tensor([chi2], dtype=torch.float64)
    k = chi2.shape[1]
    return Candidates(
        cls=cls,
        dof=dof,
        shift=torch.from_numpy(shift_from_z(z.numpy())),
        sigma=torch.full((1, k), 0.1, dtype=torch.float64),
        chi2=chi2,
        bad=torch.tensor([bad or [False] * k]),
        edge=torch.zeros(1, k, dtype=torch.bool),
        coeff=torch.zeros(1, k, 3),
        covariance=torch.zeros(1, k, 3, 3),
        bound=torch.zeros(1, k, dtype=torch.float64),
        continuum=torch.zeros(1, k, 6),
        prior=torch.zeros(1, k, dtype=torch.float64),
    )


def ranked(*found):
    return decide.rank(list(found), N_GOOD)


def test_least_chi2_wins_over_classes():
    order = ranked(
        candidates("STAR", [0.0, NAN], [1100.0, NAN]),
        candidates("GALAXY", [0.5, 0.9], [1000.0, 1050.0]),
    )
    assert [order.classes[i] for i in order.cls[0, :3]] == ["GALAXY", "GALAXY", "STAR"]
    np.testing.assert_allclose(order.z[0, :3], [0.5, 0.9, 0.0], atol=1e-12)
    assert order.rchi2[0, 0] == 1.0
    assert np.isnan(order.chi2[0, 3])


def test_bad_fits_come_last():
    order = ranked(candidates("QSO", [1.0, 2.0], [900.0, 1000.0], bad=[True, False]))
    np.testing.assert_allclose(order.z[0], [2.0, 1.0])


def test_z_err_is_the_pixel_error_times_one_plus_z():
    order = ranked(candidates("QSO", [1.0], [900.0]))
    assert order.z_err[0, 0] == pytest.approx(2.0 * 0.1 * 1e-4 * np.log(10))


def test_z_err_grows_with_the_misfit():
    good, poor = (ranked(candidates("QSO", [1.0], [chi2])).z_err[0, 0] for chi2 in (1e3, 4e3))
    assert poor == pytest.approx(2 * good)


def test_delta_chi2_needs_another_redshift():
    order = ranked(
        candidates("GALAXY", [0.5, 0.9], [1000.0, 1050.0]),
        candidates("QSO", [0.5001, NAN], [1010.0, NAN]),
    )
    assert decide.delta_chi2(order)[0] == pytest.approx(50.0)


def test_stellar_solutions_differ_by_velocity():
    order = ranked(candidates("STAR", [0.0, 0.0005], [1000.0, 1030.0]))
    assert decide.delta_chi2(order)[0] == pytest.approx(30.0)
    assert np.isnan(decide.robustness(order)[0])


def test_no_second_minimum_is_nan_and_never_a_magic_number():
    order = ranked(candidates("STAR", [0.0, NAN], [1000.0, NAN]))
    assert np.isnan(decide.delta_chi2(order)[0])
    assert np.isnan(decide.robustness(order)[0])


def test_robustness_is_eq_17():
    found = candidates("GALAXY", [0.5, 0.9], [1000.0, 1500.0])
    assert decide.robustness(ranked(found))[0] == pytest.approx(0.5)


def test_two_equal_minima_have_robustness_zero():
    assert decide.robustness(ranked(candidates("GALAXY", [0.5, 0.9], [1e3, 1e3])))[0] == 0.0


def test_probabilities():
    order = ranked(
        candidates("STAR", [0.0], [1002.0]),
        candidates("GALAXY", [0.1], [1000.0]),
        candidates("QSO", [NAN], [NAN]),
    )
    p = decide.class_probabilities(order)
    assert p[0, GALAXY] == pytest.approx(1 / (1 + np.exp(-1)))
    assert p[0, QSO] == 0.0
    assert p.sum() == pytest.approx(1.0)


def test_models_of_a_class_compete():
    order = ranked(
        candidates("STAR", [0.0, 0.001], [1000.0, 1100.0]),
        candidates("STAR", [0.00001, 0.002], [990.0, 1300.0]),
        candidates("QSO", [0.00001, NAN], [1050.0, NAN]),
    )
    # What the second found at 0 too, the first need not tell again; a quasar is something else.
    assert order.z[0, :4] == pytest.approx([0.00001, 0.00001, 0.001, 0.002])
    assert [order.classes[i] for i in order.cls[0, :4]] == ["STAR", "QSO", "STAR", "STAR"]
    assert order.cls[0, 0] == 1
    assert np.isnan(order.chi2[0, 4:]).all()
    assert decide.delta_chi2(order)[0] == pytest.approx(110.0)
    p = decide.class_probabilities(order)
    assert p[0, QSO] == pytest.approx(1 / (1 + np.exp(30)))
    assert np.nansum(p) == pytest.approx(1.0)


def test_a_poor_fit_is_less_sure_of_the_class():
    good = ranked(candidates("STAR", [0.0], [1010.0]), candidates("GALAXY", [0.1], [1000.0]))
    poor = ranked(candidates("STAR", [0.0], [10010.0]), candidates("GALAXY", [0.1], [10000.0]))
    sure, unsure = (decide.class_probabilities(order)[0, GALAXY] for order in (good, poor))
    assert sure > unsure


def test_the_probable_class_wins_over_the_least_chi2():
    found = [candidates("STAR", [0.0], [1002.0]), candidates("GALAXY", [0.5, 0.9], [1e3, 1004.0])]
    order = decide.rank(found, N_GOOD, np.array([[0.9, 0.1, 0.0]]))
    assert [order.classes[i] for i in order.cls[0]] == ["STAR", "GALAXY", "GALAXY"]
    np.testing.assert_allclose(order.z[0], [0.0, 0.5, 0.9], atol=1e-12)


def test_delta_chi2_is_never_negative():
    found = [candidates("STAR", [0.0], [1030.0]), candidates("GALAXY", [0.5, 0.9], [1e3, 1004.0])]
    order = decide.rank(found, N_GOOD, np.array([[1.0, 0.0, 0.0]]))
    assert decide.chi2_gap(order)[0] == pytest.approx(-30.0)
    assert decide.delta_chi2(order)[0] == 0.0
    assert decide.delta_chi2(order, 1)[0] == pytest.approx(4.0)


def test_a_likelier_redshift_of_a_less_likely_class_can_come_before():
    found = [candidates("STAR", [0.0, 0.001], [1e3, 1200.0]), candidates("QSO", [0.5], [1e3])]
    order = decide.rank(found, N_GOOD, np.array([[0.8, 0.0, 0.2]]))
    assert [order.classes[i] for i in order.cls[0]] == ["STAR", "QSO", "STAR"]


def test_bad_fits_come_last_whatever_their_class():
    found = [candidates("STAR", [0.0], [900.0], bad=[True]), candidates("QSO", [0.5], [1e3])]
    order = decide.rank(found, N_GOOD, np.array([[0.99, 0.0, 0.01]]))
    assert order.classes[order.cls[0, 0]] == "QSO"


def test_a_class_of_no_probability_still_has_its_solutions_in_order():
    found = [candidates("QSO", [0.5, 0.9], [1010.0, 1e3]), candidates("STAR", [0.0], [1e3])]
    order = decide.rank(found, N_GOOD, np.array([[1.0, 0.0, 0.0]]))
    np.testing.assert_allclose(order.z[0], [0.0, 0.9, 0.5], atol=1e-12)


def test_scale_and_floor_of_the_error():
    found = [candidates("QSO", [1.0], [900.0])]
    formal = decide.rank(found, N_GOOD).z_err[0, 0]
    scaled = decide.rank(found, N_GOOD, errors={"QSO": {"scale": 2.0, "floor": 1e-4}}).z_err[0, 0]
    assert scaled == pytest.approx(np.hypot(2.0 * formal, 2.0 * 1e-4))


def test_no_solution_is_nan_everywhere():
    order = ranked(candidates("STAR", [NAN, NAN], [NAN, NAN]))
    assert np.isnan(order.z).all()
    assert np.isnan(decide.class_probabilities(order)).all()
    assert np.isnan(decide.delta_chi2(order)[0])


def test_the_posterior_orders_where_it_is_known():
    found = [
        candidates("GALAXY", [0.5, 0.9], [1000.0, 1010.0]),
        candidates("QSO", [1.5, NAN], [1020.0, NAN]),
    ]
    weights = [np.array([[-30.0, -20.0]]), np.array([[-10.0, -1e300]])]
    evidence = [np.array([[-30.0, -8.0]]), np.array([[-12.0, -1e300]])]
    order = decide.rank(found, N_GOOD, np.array([[NAN, 0.1, 0.9]]), None, weights, evidence)
    np.testing.assert_allclose(order.z[0, :3], [1.5, 0.9, 0.5])
    # The next has more evidence, and lost by what is known of classes.
    assert decide.delta_chi2(order)[0] == 0.0
    assert decide.delta_chi2(order, 1)[0] == pytest.approx(44.0)
    assert np.isnan(decide.delta_chi2(order, 2)[0])
    assert decide.runner_up(order)[0][0] == "GALAXY"
    assert decide.runner_up(order)[1][0] == pytest.approx(0.9)
    assert decide.runner_up(order, 2)[0][0] == ""


def test_bad_fits_come_last_in_the_posterior_too():
    found = [candidates("QSO", [1.0, 2.0], [900.0, 1000.0], bad=[True, False])]
    weights = [np.array([[-1.0, -50.0]])]
    order = decide.rank(found, N_GOOD, np.array([[NAN, NAN, 1.0]]), None, weights, weights)
    np.testing.assert_allclose(order.z[0], [2.0, 1.0])
    assert decide.delta_chi2(order)[0] == 0.0


def test_the_most_probable_class_comes_first_then_the_most_probable_solutions():
    found = [
        candidates("GALAXY", [0.5, 0.9, 1.2], [1000.0, 1001.0, 1002.0]),
        candidates("QSO", [1.5, NAN, NAN], [1000.0, NAN, NAN]),
    ]
    weights = [np.array([[-3.0, -3.5, -4.0]]), np.array([[-2.9, -1e300, -1e300]])]
    # Three galaxies together are more than the one quasar, which is more than each.
    order = decide.rank(found, N_GOOD, np.array([[NAN, 0.6, 0.4]]), None, weights, weights)
    np.testing.assert_allclose(order.z[0, :4], [0.5, 1.5, 0.9, 1.2])
    order = decide.rank(found, N_GOOD, np.array([[NAN, 0.4, 0.6]]), None, weights, weights)
    np.testing.assert_allclose(order.z[0, :4], [1.5, 0.5, 0.9, 1.2])
    # A class without a solution, or with bad ones alone, does not come first.
    found[1] = candidates("QSO", [1.5, NAN, NAN], [1000.0, NAN, NAN], bad=[True, False, False])
    order = decide.rank(found, N_GOOD, np.array([[NAN, 0.4, 0.6]]), None, weights, weights)
    assert order.z[0, 0] == 0.5
