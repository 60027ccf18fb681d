import json

import numpy as np
import pytest

from gasnet3.decide.confidence import Confidence, Evidence, find_confidence, redshift_features

NAN = float("nan")
HASHES = {"STAR": "a", "GALAXY": "b", "QSO": "c"}


def evidence(rchi2, exact=True, sn=10.0, n_good=1000):
    rchi2 = np.array(rchi2, float)
    same = np.ones_like(rchi2) if exact else np.full_like(rchi2, NAN)
    rows = len(rchi2)
    return Evidence(np.full(rows, n_good), rchi2, same, 50.0 * same, np.full(rows, sn), exact)


def favouring_low_chi2(features):
    """Weights that take the pairwise differences of chi2 at their word."""
    weight = np.zeros((3, features + 1))
    for pair, (i, j) in enumerate(((0, 1), (0, 2), (1, 2))):
        weight[i, 2 * pair] -= 1.0
        weight[j, 2 * pair] += 1.0
    return Confidence(weight, np.array([1.0, 0, 0, 0, 0, 0, -2.0]))


@pytest.mark.parametrize("exact", [True, False])
def test_probabilities_sum_to_one_and_follow_chi2(exact):
    found = evidence([[1.0, 1.3, 2.0], [3.0, 1.0, 1.5]], exact)
    p = favouring_low_chi2(found.features().shape[1]).classes(found)
    np.testing.assert_allclose(p.sum(axis=1), 1.0)
    assert p.argmax(axis=1).tolist() == [0, 1]


def test_a_class_without_a_solution_has_no_probability():
    found = evidence([[1.0, NAN, 2.0], [NAN, NAN, NAN]])
    p = favouring_low_chi2(found.features().shape[1]).classes(found)
    assert p[0, 1] == 0.0
    assert p[0].sum() == pytest.approx(1.0)
    assert np.isnan(p[1]).all()


def test_features_are_finite_whatever_comes():
    found = evidence([[NAN] * 3, [0.0, 1e-9, 1e30], [1.0, NAN, 1e300]])
    assert np.isfinite(found.features()).all()


def test_a_misfit_softens_differences_of_chi2():
    fits, misfits = (evidence([[1.0 * t, 1.1 * t, 9.0 * t]]).features()[0] for t in (1.0, 20.0))
    assert fits[0] == pytest.approx(misfits[0])
    assert fits[0] == pytest.approx(np.arcsinh(-100.0 / 10.0))


def test_a_fit_without_noise_keeps_the_differences_of_chi2():
    features = evidence([[40.0, 90.0, 1e-12]]).features()[0]
    np.testing.assert_allclose(features[[2, 4]], np.arcsinh([4e3, 9e3]))


def test_answers_do_not_depend_on_the_batch():
    rng = np.random.default_rng(1)
    found = evidence(1.0 + rng.exponential(0.3, (64, 3)))
    model = favouring_low_chi2(found.features().shape[1])
    whole = model.classes(found)
    for i in (0, 17, 63):
        one = evidence(found.rchi2[i : i + 1])
        assert (model.classes(one)[0] == whole[i]).all()


def test_a_redshift_without_a_rival_is_surer():
    columns = {
        "rchi2": np.ones(3), "sn": np.full(3, 5.0), "p_class": np.full(3, 0.99),
        "cls": np.array(["QSO"] * 3),
    }  # fmt: skip
    features = redshift_features(np.array([1.0, 100.0, NAN]), **columns)
    p = favouring_low_chi2(13).redshift(features)
    assert p[0] < p[1] < p[2] < 1.0


def test_fits_belong_to_weights_and_solver(tmp_path):
    fit = {"class": [[0.0] * 14] * 3, "redshift": [0.0] * 7}
    content = {"models": HASHES, "solvers": {"exact": fit}}
    (tmp_path / "fit.json").write_text(json.dumps(content))
    assert find_confidence(HASHES, "hybrid", [tmp_path]) is not None
    assert find_confidence(HASHES, "exact", [tmp_path]) is not None
    assert find_confidence(HASHES, "amortised", [tmp_path]) is None
    assert find_confidence(HASHES | {"QSO": "other"}, "hybrid", [tmp_path]) is None
    assert find_confidence({"STAR": "a"}, "hybrid", [tmp_path]) is None
