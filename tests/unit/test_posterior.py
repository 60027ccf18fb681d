"""Weights of classes and redshifts, and what catalogs make of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from astropy.table import Table
from hypothesis import given
from hypothesis import strategies as st

from gasnet3.classes import CLASSES
from gasnet3.decide.confidence import PosteriorFit, find_confidence
from gasnet3.decide.continua import Continua
from gasnet3.decide.posterior import NOTHING, RIGHT, Weights
from gasnet3.decide.trust import FEATURES, Trust, trust_features
from gasnet3.pipeline.choices import Choices
from gasnet3.pipeline.fitted import Fitted
from gasnet3.pipeline.pipeline import Pipeline
from gasnet3.solve.priors import FUNCTIONS, Priors
from gasnet3.solve.solvers import SOLVERS
from gasnet3.spectra.batch import UNCALIBRATED, Spectra
from toy import toy_engine, toy_model, toy_spectra

BRIGHT = np.zeros((0, 0))
TRUST = Trust(
    np.linspace(-1.0, 1.0, FEATURES),
    np.linspace(0.5, 2.0, FEATURES),
    np.sin(np.arange(2.0 * (FEATURES + 1))).reshape(2, -1),
    0.3 * np.cos(np.arange(FEATURES + 3.0)),
)


def continua() -> dict[str, Continua]:
    """A population of continua of each class."""
    out = {}
    for place, cls in enumerate(CLASSES):
        covariance = np.diag([0.01, *[0.04] * 5])
        centre = np.array([[0.05, 0.3 + 0.05 * place, -0.2, 0.0, 0.0, 0.0]])
        out[cls] = Continua(np.array([1.0]), centre, covariance[None])
    return out


def pipeline(classes: tuple[str, ...] = CLASSES, solver: str = "exact") -> Pipeline:
    """Toy models whose posterior decides."""
    engines = tuple(toy_engine(cls) for cls in classes)
    fitted = Fitted(PosteriorFit(continua(), BRIGHT, TRUST))
    return Pipeline(engines, SOLVERS[solver], torch.device("cpu"), fitted)


@pytest.fixture(scope="module")
def spectra() -> Spectra:
    """Bright, faint, noise alone, and nothing."""
    rng = np.random.default_rng(5)
    model = toy_model("GALAXY")
    out = toy_spectra(model, rng.uniform(0.005, 0.095, 7), sn=3.0, seed=4)
    bright = toy_spectra(model, np.array([0.02, 0.05, 0.08]), sn=40.0)
    out.flux[:3], out.ivar[:3] = bright.flux, bright.ivar
    out.flux[3] = 10.0 + 3.0 * rng.standard_normal(out.flux.shape[1])
    out.ivar[4] = 0
    return out


def weights(rng: np.random.Generator, rows: int = 4, k: int = 3) -> Weights:
    """Solutions far from each other, with narrow errors."""

    def one(scale: float) -> list[np.ndarray]:
        return [scale * rng.normal(size=(rows, k)) for _ in CLASSES]

    z = [0.1 * np.arange(k)[None] + np.full((rows, k), 0.3 * i) for i in range(3)]
    between = [rng.normal(size=rows) for _ in CLASSES]
    sigma = [np.full((rows, k), 1e-5) for _ in CLASSES]
    ones, nothing = np.ones(rows), [np.zeros(rows) for _ in CLASSES]
    return Weights(
        CLASSES, one(2.0), between, one(0.5), z, sigma, one(1.0), one(1.0), ones, ones, ones,
        nothing,
    )  # fmt: skip


def near(found: Weights, z: np.ndarray, cls: str, *, shaped: bool = True) -> np.ndarray:
    """Share of all weights near redshifts."""
    odds = found.odds(z, np.full(len(z), cls), shaped=shaped)
    return np.asarray(1.0 / (1.0 + np.exp(-odds)))


def test_what_is_near_each_solution_and_the_rest_make_one(rng: np.random.Generator) -> None:
    found = weights(rng)
    total = np.zeros(4)
    for index, cls in enumerate(CLASSES):
        for nth in range(3):
            total += near(found, found.z[index][:, nth], cls)
    every = np.logaddexp.reduce([*(w for s in found.solutions for w in s.T), *found.between])
    rest = np.exp(np.logaddexp.reduce(found.between) - every)
    np.testing.assert_allclose(total + rest, 1.0, rtol=1e-12)


def test_shares_do_not_change_with_a_constant(rng: np.random.Generator) -> None:
    found = weights(rng)
    constant = np.array([0.0, -700.0, 1e5, 3.0])
    moved = replace(
        found,
        solutions=[s + constant[:, None] for s in found.solutions],
        between=[b + constant for b in found.between],
    )
    before, after = (near(w, w.z[1][:, 0], "GALAXY") for w in (found, moved))
    np.testing.assert_allclose(after, before, rtol=1e-9)
    np.testing.assert_allclose(moved.probabilities, found.probabilities, rtol=1e-9)
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1.0)


def test_another_class_at_the_same_redshift_is_no_doubt(rng: np.random.Generator) -> None:
    found = weights(rng, k=1)
    found.z[2][:] = found.z[1] + 0.5 * RIGHT["GALAXY"]
    found.z[0][:] = 0.9
    for between in found.between:
        between[:] = NOTHING
    share = near(found, found.z[1][:, 0], "GALAXY")
    np.testing.assert_allclose(share, 1.0 - found.probabilities[:, 0])


def test_a_broad_minimum_is_near_in_part(rng: np.random.Generator) -> None:
    found = weights(rng, k=1)
    for index in (0, 2):
        found.solutions[index][:] = NOTHING
    for between in found.between:
        between[:] = NOTHING
    found.sigma[1][:] = RIGHT["GALAXY"]
    np.testing.assert_allclose(near(found, found.z[1][:, 0], "GALAXY"), 0.6826894921)


@given(st.lists(st.floats(0.0, 1.0), min_size=3, max_size=3).filter(lambda p: sum(p) > 1e-3))
def test_given_probabilities_come_out(shares: list[float]) -> None:
    p = np.tile(np.array(shares) / sum(shares), (4, 1))
    found = weights(np.random.default_rng(1)).of_classes(p)
    np.testing.assert_allclose(found.probabilities, p, atol=1e-12)


def test_the_shape_of_the_continuum_leaves_doubt(rng: np.random.Generator) -> None:
    found = weights(rng, k=2)
    # Without shapes, two solutions as likely; with them, one.
    for index in range(3):
        found.solutions[index][:], found.shape[index][:] = NOTHING, 0.0
        found.between[index][:] = NOTHING
    found.shape[1][:] = [50.0, 0.0]
    found.solutions[1][:] = [50.0, 0.0]
    found.shape_between[1][:] = 20.0
    found.between[1][:] = -30.0
    z, cls = found.z[1][:, 0], np.ones(4, np.int64)
    given = found.of_classes(np.tile([0.0, 1.0, 0.0], (4, 1)))
    np.testing.assert_allclose(near(given, z, "GALAXY", shaped=False), 0.5)
    assert (near(given, z, "GALAXY") > 0.999).all()
    given.distance[1][:] = 1.0
    features = trust_features(z, np.ones(4), np.full(4, 2.0), given, cls, 0 * cls)
    sure = replace(TRUST, out=np.append(0.0 * TRUST.out[:-1], 50.0))
    np.testing.assert_allclose(sure.probability(features), 0.9)


def test_a_network_saturates_and_does_not_depend_on_the_batch(rng: np.random.Generator) -> None:
    features = rng.normal(0.0, 2.0, (7, FEATURES))
    every = TRUST.probability(features)
    assert ((every > 0) & (every < 1)).all()
    one = [TRUST.probability(features[i : i + 1])[0] for i in range(7)]
    np.testing.assert_array_equal(every, one)
    far = TRUST.centre + 1e9 * TRUST.spread
    near_by = TRUST.centre + 5.0 * TRUST.spread
    far[1] = near_by[1] = 5.0
    assert TRUST.probability(far[None]) == TRUST.probability(near_by[None])
    np.testing.assert_array_equal(Trust.undecided().probability(0 * features + 9.0), 0.5)


def test_the_shape_leaves_the_doubt_that_lies_between_solutions_too(
    rng: np.random.Generator,
) -> None:
    found = weights(rng, k=1)
    for index in range(3):
        found.solutions[index][:], found.shape[index][:] = NOTHING, 0.0
        found.between[index][:], found.shape_between[index][:] = NOTHING, 0.0
    # Without shapes the curve weighs as much as the solution; with them nothing.
    found.solutions[1][:] = 0.0
    found.between[1][:] = found.shape_between[1][:] = -50.0
    given = found.of_classes(np.tile([0.0, 1.0, 0.0], (4, 1)))
    share = near(given, found.z[1][:, 0], "GALAXY", shaped=False)
    np.testing.assert_allclose(share, 0.5)


def test_the_shape_of_a_curve_is_what_it_weighs_more_with_it(spectra: Spectra) -> None:
    for solver in ("exact", "hybrid"):
        with_it, without = (
            replace(pipeline(solver=solver), choices=Choices(continuum=on)).solve(spectra, 2)
            for on in (True, False)
        )
        assert with_it.weights is not None
        assert without.weights is not None
        both = with_it.weights.bare, without.weights.bare
        assert both[0] is not None
        assert both[1] is not None
        for index in range(3):
            said = both[0].shape_between[index]
            np.testing.assert_allclose(both[0].between[index] - said, both[1].between[index])
            assert np.abs(said).max() > 0.1
            assert not both[1].shape_between[index].any()


def test_no_row_has_its_continuum_counted_that_is_not_calibrated(spectra: Spectra) -> None:
    marks = np.array([True, False] * 4)[:7]
    plain, off = (
        replace(pipeline(), choices=Choices(continuum=on)).run(spectra) for on in (True, False)
    )
    marked = pipeline().run(replace(spectra, meta={UNCALIBRATED: marks}))
    for name in ("class", "z", "p_galaxy", "p_qso", "p_z", "delta_chi2"):
        expected = np.where(marks, off[name], plain[name])
        np.testing.assert_array_equal(np.asarray(marked[name]), expected, err_msg=name)
    assert (np.asarray(plain["p_qso"]) != np.asarray(off["p_qso"])).sum() > 3
    assert marked["flux_uncalibrated"].tolist() == marks.tolist()


def test_nothing_at_all_has_no_probabilities(rng: np.random.Generator) -> None:
    found = weights(rng)
    for index in range(3):
        found.solutions[index][0] = NOTHING
        found.between[index][0] = NOTHING
    assert np.isnan(found.probabilities[0]).all()
    assert np.isfinite(found.probabilities[1:]).all()
    given_nan = found.of_classes(found.probabilities)
    assert np.isnan(given_nan.probabilities[0]).all()


@pytest.mark.parametrize("solver", ["exact", "hybrid"])
def test_catalogs_do_not_depend_on_batch_order_or_threads(spectra: Spectra, solver: str) -> None:
    every = pipeline(solver=solver)
    whole = every.run(spectra, 3)
    names = [n for n in whole.colnames if whole[n].dtype.kind in "fiub" and n != "znum"]

    def same(rows: np.ndarray, table: Table) -> None:
        index = (3 * rows[:, None] + np.arange(3)).ravel()
        for name in names:
            np.testing.assert_array_equal(
                np.asarray(table[name]), np.asarray(whole[name])[index], err_msg=name
            )

    for row in (0, 3, 4):
        same(np.array([row]), every.run(spectra[row : row + 1], 3))
    order = np.random.default_rng(3).permutation(7)
    same(order, every.run(spectra[order], 3))
    same(np.arange(7), every.run(spectra, 3, threads=2))


def test_probabilities_and_differences_are_what_they_promise(spectra: Spectra) -> None:
    table = pipeline().run(spectra, 3)
    has = np.isfinite(table["z"])
    shares = np.stack([np.asarray(table[f"p_{cls.lower()}"]) for cls in CLASSES], axis=1)
    np.testing.assert_allclose(shares[has].sum(axis=1), 1.0)
    assert (np.isfinite(table["p_z"]) == has).all()
    assert ((table["p_z"][has] >= 0) & (table["p_z"][has] <= 1)).all()
    known = np.isfinite(table["delta_chi2"])
    assert known.sum() > 15
    assert (table["delta_chi2"][known] >= 0).all()
    bright = np.asarray(table["znum"]) == 0
    right = np.abs(np.asarray(table["z"])[bright][:3] - [0.02, 0.05, 0.08]) < 1e-3
    assert right.all()
    assert (np.asarray(table["class"])[bright][:3] == "GALAXY").all()


def test_solutions_come_by_their_posterior(spectra: Spectra) -> None:
    outcome = pipeline().solve(spectra, 3)
    assert outcome.weights is not None
    ranked = outcome.ranked
    weight = np.stack(
        [
            outcome.weights.of_solution("solutions", ranked.cls[:, nth], ranked.which[:, nth])
            for nth in range(ranked.cls.shape[1])
        ],
        axis=1,
    )
    real = np.isfinite(ranked.chi2) & ~ranked.bad
    for row in range(len(spectra)):
        assert (np.diff(weight[row][real[row]]) <= 0).all()


def test_a_row_without_data_has_no_answer(spectra: Spectra) -> None:
    row = pipeline().run(spectra[4:5])[0]
    for name in ("z", "p_z", "p_galaxy", "chi2"):
        assert np.isnan(row[name])
    assert row["zwarn"] != 0


@pytest.mark.parametrize("classes", [("GALAXY",), ("STAR", "QSO")])
def test_fewer_classes_share_what_there_is(spectra: Spectra, classes: tuple[str, ...]) -> None:
    table = pipeline(classes).run(spectra)
    has = np.isfinite(table["z"])
    assert has.sum() == 6
    total = sum(np.asarray(table[f"p_{cls.lower()}"]) for cls in classes)
    np.testing.assert_allclose(total[has], 1.0)
    for cls in set(CLASSES) - set(classes):
        assert np.isnan(table[f"p_{cls.lower()}"]).all()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_priors_decide_even_from_far_away(spectra: Spectra, function: str) -> None:
    some = spectra[2:6]

    def under(z: float, sigma: float) -> Table:
        count = len(some)
        known = Priors(
            {str(name): row for row, name in enumerate(some.ids)}, np.full(count, z),
            np.full(count, sigma), np.full(count, FUNCTIONS.index(function)),
        )  # fmt: skip
        return replace(pipeline(), priors=known).run(some, 2)

    for z, sigma in ((0.05, 0.001), (5.0, 1e-7)):
        table = under(z, sigma)
        known = np.isfinite(table["delta_chi2"])
        assert (table["delta_chi2"][known] >= 0).all()
        assert (np.isfinite(table["p_z"]) == np.isfinite(table["z"])).all()


def test_fits_come_back_from_a_file(tmp_path: Path) -> None:
    hashes = {"STAR": "a", "GALAXY": "b", "QSO": "c"}
    bright = np.arange(51.0).reshape(3, 17)
    content = {
        "continua": {cls: one.to_json() for cls, one in continua().items()},
        "bright": bright.tolist(), "redshift": TRUST.to_json(),
    }  # fmt: skip
    text = json.dumps({"models": hashes, "solvers": {"exact": content}})
    (tmp_path / "fit.json").write_text(text, encoding="utf-8")
    found = find_confidence(hashes, "hybrid", [tmp_path])
    assert isinstance(found, PosteriorFit)
    np.testing.assert_array_equal(found.bright_weight, bright)
    for name, value in vars(TRUST).items():
        np.testing.assert_array_equal(getattr(found.trust, name), value)
    for cls, one in continua().items():
        for name in vars(one):
            np.testing.assert_array_equal(getattr(found.continua[cls], name), getattr(one, name))
    assert find_confidence(hashes, "amortised", [tmp_path]) is None
