"""Subclasses from coefficients: labels, probabilities, noise, abstention, and which fit is used."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from gasnet3.decide.subclass import (
    SubclassModel,
    find_subclass,
    quadratic_features,
    standard_label,
)
from gasnet3.solve.coefficients import unit_coefficients

M = 3


def model(threshold: float = 0.0) -> SubclassModel:
    """Tells the sign of the first coefficient, "odd" where the product of the others is large."""
    weight = np.zeros((3, M + 6 + 1))
    weight[0, 0], weight[1, 0] = 8.0, -8.0
    i, j = np.triu_indices(M)
    weight[2, M + np.flatnonzero((i == 1) & (j == 2))[0]] = 30.0
    return SubclassModel(("plus", "minus", "odd"), weight, threshold)


def certain(rows: int) -> np.ndarray:
    return np.zeros((rows, M, M))


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("G5III+... (157910)", "G"),
        ("F3/F5V (30743)", "F"),
        ("gM0", "M"),
        ("dM1", "M"),
        ("m4.active.ha", "M"),
        ("A7IV", "A"),
        ("A1Iae (12953)", "A"),
        ("sd:F0 (G_84-29)", "F"),
        ("B9", "OB"),
        ("O8/O9 (167771)", "OB"),
        ("OB", "OB"),
        ("CarbonWD", "WD"),
        ("CalciumWD", "WD"),
        ("Carbon", "C"),
        ("CV", "CV"),
        ("Ldwarf", "L"),
        ("L5.5", "L"),
        ("T2", ""),
        ("Galaxy", ""),
        ("", ""),
    ],
)
def test_labels_of_stars(label: str, expected: str) -> None:
    assert standard_label("STAR", label) == expected


@pytest.mark.parametrize(
    ("cls", "label", "expected"),
    [
        ("GALAXY", "", "QUIESCENT"),
        ("GALAXY", "BROADLINE", "QUIESCENT"),
        ("GALAXY", "AGN BROADLINE", "AGN"),
        ("GALAXY", "STARBURST", "STARBURST"),
        ("GALAXY", "STARFORMING BROADLINE", "STARFORMING"),
        ("GALAXY", "Non", ""),
        ("QSO", "BROADLINE", ""),
    ],
)
def test_labels_of_galaxies_and_quasars(cls: str, label: str, expected: str) -> None:
    assert standard_label(cls, label) == expected


def test_unit_coefficients_have_the_covariance_of_scaled_draws(rng: np.random.Generator) -> None:
    coeff = np.array([[3.0, -1.0, 2.0]])
    half = rng.normal(size=(M, M))
    covariance = 1e-4 * half @ half.T
    unit, spread = unit_coefficients(coeff, covariance[None])
    draws = rng.multivariate_normal(coeff[0], covariance, 100_000)
    draws /= np.linalg.norm(draws, axis=1)[:, None]
    np.testing.assert_allclose(np.linalg.norm(unit), 1.0)
    np.testing.assert_allclose(spread[0], np.cov(draws.T), atol=0.03 * np.abs(spread).max())


def test_features_are_coefficients_and_their_products() -> None:
    features = quadratic_features(np.array([[2.0, 3.0]]))
    np.testing.assert_array_equal(features, [[2.0, 3.0, 4.0, 6.0, 9.0]])


def test_subclass_does_not_depend_on_brightness() -> None:
    coeff = np.array([[1.0, 0.1, 0.0], [-1.0, 0.1, 0.0], [0.0, 1.0, 1.0]])
    for brightness in (1.0, 250.0):
        labels, probability = model().predict(brightness * coeff, certain(3))
        assert labels.tolist() == ["plus", "minus", "odd"]
        assert (probability > 0.99).all()


def test_probabilities_sum_to_one_and_are_those_of_the_softmax_without_noise(
    rng: np.random.Generator,
) -> None:
    coeff = rng.normal(size=(20, M))
    p = model().probabilities(coeff, certain(20))
    unit = coeff / np.linalg.norm(coeff, axis=1)[:, None]
    score = quadratic_features(unit) @ model().weight[:, :-1].T
    expected = np.exp(score) / np.exp(score).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(p, expected, rtol=1e-9)


def test_noise_makes_it_less_sure_as_averaging_over_it_does(rng: np.random.Generator) -> None:
    two = SubclassModel(("plus", "minus"), model().weight[:2], 0.0)
    coeff = np.array([[0.15, 1.0, 0.0]])
    covariance = np.diag([0.04, 1e-6, 1e-6])[None]
    clear = two.probabilities(coeff, certain(1))[0, 0]
    noisy = two.probabilities(coeff, covariance)[0, 0]
    draws = rng.multivariate_normal(coeff[0], covariance[0], 20_000)
    averaged = two.probabilities(draws, certain(20_000))[:, 0].mean()
    assert clear > averaged + 0.1
    assert noisy == pytest.approx(averaged, abs=0.02)


def test_nothing_is_said_below_the_threshold() -> None:
    coeff = np.array([[1.0, 0.0, 0.0], [0.02, 1.0, 0.0]])
    labels, probability = model(threshold=0.9).predict(coeff, certain(2))
    assert labels.tolist() == ["plus", ""]
    assert probability[0] > 0.9 > probability[1] > 0


def test_rows_without_coefficients_get_nothing() -> None:
    coeff = np.array([[np.nan] * M, [0.0] * M])
    labels, probability = model().predict(coeff, certain(2))
    assert labels.tolist() == ["", ""]
    assert np.isnan(probability).all()


def test_coefficients_of_another_network_are_refused() -> None:
    with pytest.raises(ValueError, match="belongs to another network"):
        model().predict(np.ones((1, M + 1)), np.zeros((1, M + 1, M + 1)))


def test_a_fit_is_found_by_the_hash_of_its_weights_alone(tmp_path: Path) -> None:
    weight = model().weight.tolist()
    fit = {
        "sha256": "abc",
        "labels": ["x", "y", "z"],
        "weight": weight,
        "threshold": 0.5,
    }
    (tmp_path / "encoder.json").write_text(json.dumps({"STAR": fit}))
    found = find_subclass("abc", (tmp_path,))
    assert found is not None
    assert found.labels == ("x", "y", "z")
    assert found.threshold == 0.5
    np.testing.assert_array_equal(found.weight, model().weight)
    assert find_subclass("abcd", (tmp_path,)) is None
    assert find_subclass("abc", (tmp_path / "absent",)) is None


def test_a_fit_written_anew_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "fit.json"
    for nth, sha256 in enumerate(("old", "new")):
        fit = {"sha256": sha256, "labels": ["x"], "weight": [[0.0]], "threshold": 0.5}
        temporary = tmp_path / "next"
        temporary.write_text(json.dumps({"STAR": fit}))
        os.utime(temporary, ns=(nth, nth))
        temporary.rename(path)
        assert find_subclass(sha256, (tmp_path,)) is not None
    assert find_subclass("old", (tmp_path,)) is None
