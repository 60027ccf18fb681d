"""Anomalies: each is found where it was put, and ordinary spectra have ordinary scores."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gasnet3.anomaly.density import Density, fit_density
from gasnet3.anomaly.measure import measure
from gasnet3.anomaly.score import (
    KINDS,
    SHARES,
    SN_KNOTS,
    AnomalyFit,
    judge,
    kind_scores,
    knot_weights,
    largest,
    single_scores,
    tabulate,
    tail_score,
)
from gasnet3.anomaly.second import comb, find_second
from gasnet3.anomaly.statistics import pixel_statistics
from gasnet3.anomaly.stored import find_anomaly, write_fits
from gasnet3.solve.residual import Residual
from gasnet3.solve.solution import Solution
from gasnet3.spectra.lattice import OBSERVED

N = OBSERVED.n
WAVE = OBSERVED.wave
SKY = np.zeros(N, bool)
LEVEL = 10.0


def noise(rows: int, seed: int = 0) -> np.ndarray:
    """Residuals of unit noise over a flux of ``LEVEL``."""
    return np.random.default_rng(seed).normal(size=(rows, N))


def residual(difference: np.ndarray, ivar: np.ndarray | None = None) -> Residual:
    model = torch.zeros(difference.shape, dtype=torch.float64)
    weight = np.ones(difference.shape) if ivar is None else ivar
    flux = torch.from_numpy(difference).float()
    return Residual(flux, torch.from_numpy(weight).float(), model, model + LEVEL)


def at(wave: float) -> int:
    return int(np.searchsorted(WAVE, wave))


def statistic(difference: np.ndarray, name: str, **options: np.ndarray) -> tuple[float, float]:
    """Value and wavelength of a statistic of the last row."""
    found = pixel_statistics(residual(difference, **options), SKY, OBSERVED)[0]
    return float(found.value[name][-1]), float(found.wave[name][-1])


def ordinary_range(name: str) -> float:
    """Largest value among forty ordinary rows."""
    return float(pixel_statistics(residual(noise(40, 9)), SKY, OBSERVED)[0].value[name].max())


def with_line(wave: float, height: float, sigma: float) -> np.ndarray:
    pixel = np.arange(N) - at(wave)
    return noise(2) + np.array([[0.0], [1.0]]) * height * np.exp(-0.5 * (pixel / sigma) ** 2)


def with_step(wave: float, height: float) -> np.ndarray:
    out = noise(2)
    out[1, at(wave) :] += height
    return out


def with_dead(low: float, high: float) -> np.ndarray:
    out = noise(2)
    out[1, at(low) : at(high)] = 0.1
    return out


def with_spike(wave: float, height: float) -> np.ndarray:
    out = noise(2)
    out[1, at(wave)] += height
    return out


def with_negative(low: float, high: float) -> np.ndarray:
    out = noise(2)
    out[1, at(low) : at(high)] -= LEVEL + 3.0
    return out


@pytest.mark.parametrize(
    ("name", "made", "low", "high"),
    [
        ("line", with_line(5000.0, 8.0, 2.0), 4990, 5010),
        ("line", with_line(5000.0, -8.0, 2.0), 4990, 5010),
        ("broad", with_line(5000.0, 4.0, 80.0), 4900, 5100),
        ("step", with_step(5950.0, 4.0), 5920, 5980),
        ("dead", with_dead(7000.0, 7150.0), 6990, 7160),
        ("cosmic", with_spike(4321.0, 25.0), 4319, 4323),
        ("negative", with_negative(4000.0, 4200.0), 4000, 4200),
        ("misfit", with_line(5000.0, 30.0, 20.0), 4940, 5060),
    ],
)
def test_what_was_put_in_is_found_where_it_is(name, made, low, high):
    value, wave = statistic(made, name)
    assert value > ordinary_range(name)
    assert low <= wave <= high
    assert float(pixel_statistics(residual(made[:1]), SKY, OBSERVED)[0].value[name][0]) < value


def test_a_line_of_the_resolution_is_no_cosmic_ray():
    assert statistic(with_line(5000.0, 20.0, 1.1), "cosmic")[0] <= ordinary_range("cosmic")


def test_sky_residuals_are_told_from_lines():
    sky = (WAVE > 8300) & (WAVE < 8400)
    made = noise(2)
    made[1, sky] *= 8.0
    found = pixel_statistics(residual(made), sky, OBSERVED)[0]
    assert found.value["sky"][1] > found.value["sky"][0] + 1.0
    assert 8300 <= found.wave["sky"][1] <= 8400
    assert abs(found.value["line"][1] - found.value["line"][0]) < 0.4


def test_masked_pixels_say_nothing():
    made = with_line(5000.0, 50.0, 5.0)
    ivar = np.ones(made.shape)
    ivar[:, at(4900.0) : at(5100.0)] = 0.0
    assert statistic(made, "line", ivar=ivar)[0] <= ordinary_range("line")
    nothing = pixel_statistics(residual(made, np.zeros(made.shape)), SKY, OBSERVED)[0]
    assert np.isnan(nothing.value["dead"]).all()
    assert all(np.isfinite(v).all() or np.isnan(v).all() for v in nothing.value.values())


def with_lines(kind: str, z: float, height: float) -> np.ndarray:
    out = noise(2)
    pixel = np.arange(N)
    for rest in comb(kind)[1]:
        centre = np.log10(rest * (1 + z)) / 1e-4 - OBSERVED.k_min
        out[1] += height * np.exp(-0.5 * ((pixel - centre) / 1.5) ** 2)
    return out


def seconds(made: np.ndarray, cls: str, z: float):
    significance = residual(made).contrast(5, 61)
    return find_second(significance, np.full(2, z), np.array([cls, cls]), OBSERVED)


@pytest.mark.parametrize("z", [0.05, 0.31, 0.7])
def test_emission_lines_of_another_galaxy(z):
    found = seconds(with_lines("emission", z, 6.0), "GALAXY", 0.12)
    assert found.z[1] == pytest.approx(z, abs=5e-4)
    assert found.evidence[1] > found.evidence[0] + 4.0
    assert "[O III]" in found.names[1]
    assert not found.absorption[1]


def test_absorbers_before_a_quasar_and_not_behind_it():
    made = with_lines("absorption", 1.1, -6.0)
    before = seconds(made, "QSO", 1.8)
    assert before.z[1] == pytest.approx(1.1, abs=5e-4)
    assert before.absorption[1]
    assert "Mg II" in before.names[1]
    behind = seconds(made, "QSO", 0.6)
    assert behind.evidence[1] < before.evidence[1]
    assert not seconds(made, "GALAXY", 0.3).absorption.any()


def test_the_objects_own_lines_are_no_second_redshift():
    made = with_lines("emission", 0.2, 6.0)
    assert seconds(made, "GALAXY", 0.2).evidence[1] < 5.0


def test_weak_lines_of_the_object_are_no_second_redshift():
    # [Ar III] 7137.8 and He I 7067.1 are as far apart as [O III] 5008.2 and 4960.3.
    made = noise(2)
    for wave in (7137.76, 7067.14):
        made[1] += with_line(wave * 1.0179, 20.0, 1.5)[1] - noise(2)[1]
    assert seconds(made, "GALAXY", 0.0179).evidence[1] < 5.0
    assert seconds(made, "GALAXY", 0.25).evidence[1] > 10.0


def test_narrow_lines_that_left_their_quasar_are_a_second_redshift():
    # SDSS J0927+2943: narrow lines at z = 0.713, broad ones at 0.697.
    found = seconds(with_lines("emission", 0.7129, 6.0), "QSO", 0.6968)
    assert found.z[1] == pytest.approx(0.7129, abs=5e-4)


@pytest.fixture(scope="module")
def population():
    rng = np.random.default_rng(1)
    unit = rng.normal(size=(300, 6)) * (3, 2, 1, 1, 0.5, 0.5) + (5, 0, 0, 0, 0, 0)
    return unit / np.sqrt((unit**2).sum(axis=1, keepdims=True))


def test_density_is_that_of_scikit_learn(population):
    ensemble = pytest.importorskip("sklearn.ensemble")
    neighbors = pytest.importorskip("sklearn.neighbors")
    density = fit_density(population, trees=20)
    places = density.points[::7].astype(np.float64) + 0.3
    factor = neighbors.LocalOutlierFactor(n_neighbors=20, novelty=True).fit(density.points)
    forest = ensemble.IsolationForest(n_estimators=20, max_samples=128, random_state=0)
    forest.fit(density.points)
    single = places.astype(np.float32)
    np.testing.assert_allclose(
        density.outlier_factor(places), -factor.score_samples(single), rtol=1e-4
    )
    np.testing.assert_allclose(density.isolation(places), -forest.score_samples(single), rtol=1e-6)


def test_density_is_kept_as_arrays_and_noise_is_not_strange(population):
    pytest.importorskip("sklearn")
    density = fit_density(population, trees=5)
    again = Density.from_arrays(density.arrays())
    odd = population[:3] + np.array([0, 0, 0, 2.0, 0, 0])
    exact, noisy = np.zeros((3, 6, 6)), np.repeat(100.0 * np.eye(6)[None], 3, axis=0)
    far, near = density.place(odd, exact), density.place(odd, noisy)
    np.testing.assert_array_equal(again.outlier_factor(far), density.outlier_factor(far))
    assert (density.outlier_factor(far) > 2.0).all()
    assert (density.outlier_factor(near) < density.outlier_factor(far)).all()
    assert (density.isolation(near) < density.isolation(far)).all()
    unknown = density.place(np.full((1, 6), np.nan), exact[:1])
    assert np.isnan(density.outlier_factor(unknown)).all()
    assert np.isnan(density.isolation(unknown)).all()


@given(st.lists(st.floats(-50, 50), min_size=2, max_size=40), st.integers(0, 100))
def test_scores_rise_with_the_statistic(values, seed):
    table = tabulate(np.random.default_rng(seed).normal(size=400), np.full(400, 10.0))[1]
    scores = tail_score(np.sort(values), table)
    assert (np.diff(scores) >= -1e-12).all()
    assert (scores >= 0).all()


def test_scores_are_the_share_of_ordinary_ones():
    rng = np.random.default_rng(0)
    table = tabulate(rng.exponential(size=20000), np.full(20000, 12.0))[1]
    fresh = tail_score(rng.exponential(size=20000), table)
    for score in (0.5, 1.0, 1.5, 2.0, 2.5):
        assert (fresh >= score).mean() == pytest.approx(10.0**-score, rel=0.25)


def test_what_most_have_is_not_strange():
    zeros = tabulate(np.zeros(500), np.full(500, 12.0))[1]
    assert tail_score(np.zeros(1), zeros)[0] == 0.0
    assert tail_score(np.ones(1), zeros)[0] > 2.0
    assert tabulate(np.full(5, np.nan), np.ones(5)) is None


def test_the_tail_begins_above_what_most_have():
    rng = np.random.default_rng(2)
    drawn = np.where(rng.uniform(size=40000) < 0.93, 0.0, 3.0 + 0.5 * rng.exponential(size=40000))
    table = tabulate(drawn[:20000], np.full(20000, 12.0))[1]
    fresh = tail_score(drawn[20000:], table)
    for score in (1.5, 2.0, 2.5):
        assert (fresh >= score).mean() == pytest.approx(10.0**-score, rel=0.5)
    assert tail_score(np.array([8.0]), table)[0] > 4.0


def test_knots_share_a_spectrum():
    weights = knot_weights(np.array([0.1, 4.0, 7.0, 12.0, 500.0, np.nan]))
    np.testing.assert_allclose(weights.sum(axis=1), 1.0)
    assert weights[0, 0] == weights[1, 0] == weights[3, 1] == weights[4, 2] == weights[5, 0] == 1.0
    assert 0 < weights[2, 1] < 1
    assert len(SN_KNOTS) == weights.shape[1]


def solution(made: np.ndarray, **columns: object) -> Solution:
    """Ordinary galaxies with the given residuals, but for some columns."""
    rows, seen = len(made), residual(made)
    plain = {
        "residual": seen, "good": np.ones(made.shape, bool), "lattice": OBSERVED,
        "cls": np.array(["GALAXY"] * rows), "z": np.full(rows, 0.12), "rchi2": np.ones(rows),
        "delta_chi2": np.full(rows, 500.0), "next_cls": np.array(["STAR"] * rows),
        "next_z": np.full(rows, 0.001), "sn_median": np.full(rows, 10.0),
        "probability": np.ones(rows), "p_z": np.ones(rows), "edge": np.zeros(rows, bool),
        "bad": np.zeros(rows, bool), "rchi2_classes": np.ones((rows, 3)), "populations": {},
        "domain": np.full(rows, 0.1), "coeff": np.full((rows, 3), np.nan),
        "covariance": np.full((rows, 3, 3), np.nan),
    }  # fmt: skip
    return Solution(**(plain | columns))


@pytest.fixture(scope="module")
def fit():
    """What two hundred ordinary galaxies are like."""
    rows = 200
    rng = np.random.default_rng(3)
    delta_chi2, domain = rng.lognormal(6, 1, rows), rng.lognormal(-2, 1, rows)
    close = solution(noise(rows, 4), delta_chi2=delta_chi2, domain=domain)
    found, _ = measure(close, SKY, {})
    empty = AnomalyFit((), {"GALAXY": {}}, {})
    cls, sn = close.cls, close.sn_median

    def add(columns):
        for name, values in columns.items():
            if (table := tabulate(values, sn)) is not None:
                empty.tables["GALAXY"][name] = table

    add(found.value)
    single = single_scores(empty, found, cls, sn)
    add({kind: largest([single[name] for name in names]) for kind, names in KINDS.items()})
    add({"score": largest(list(kind_scores(empty, single, cls, sn).values()))})
    return empty


@pytest.mark.parametrize(
    ("made", "columns", "kind", "words"),
    [
        (with_dead(7000.0, 7200.0), {}, "defect", "no noise about 7"),
        (with_spike(4321.0, 60.0), {}, "defect", "4321 Å"),
        (with_line(5609.0, 12.0, 4.0), {}, "incomplete model", ": [O III]"),
        (with_lines("emission", 0.31, 6.0), {}, "second redshift", "at z = 0.31"),
        (noise(2), {"domain": np.array([0.1, 1e4])}, "extreme", "unlike those of any GALAXY"),
        (
            noise(2),
            {"delta_chi2": np.array([500.0, 0.0])},
            "redshift ambiguous",
            "STAR at z = 0.0010 fits",
        ),
    ],
)
def test_each_kind_has_its_name_and_sentence(fit, made, columns, kind, words):
    decided = solution(made, **columns)
    found = judge(fit, *measure(decided, SKY, {}), decided)
    assert found.kind[1] == kind
    assert words in found.reason[1]
    assert found.score[1] >= 2.0
    assert found.strange.tolist() == [False, True]
    assert found.kind[0] == ""
    assert np.isfinite(found.z_second[1]) == (kind == "second redshift")


def test_lines_among_sure_defects_are_not_believed(fit):
    made = with_lines("emission", 0.31, 6.0)
    made[1] += with_spike(4321.0, 200.0)[1] - noise(2)[1]
    decided = solution(made)
    found = judge(fit, *measure(decided, SKY, {}), decided)
    assert found.kinds["defect"][1] > 3.0
    assert found.kind.tolist() == ["", "defect"]


def test_a_low_signal_is_no_ambiguity(fit):
    decided = solution(noise(2), delta_chi2=np.zeros(2), sn_median=np.array([4.0, 10.0]))
    found = judge(fit, *measure(decided, SKY, {}), decided)
    assert np.isnan(found.kinds["ambiguous"][0])
    assert found.kind.tolist() == ["", "redshift ambiguous"]


def test_no_answer_depends_on_the_batch(fit):
    made = np.concatenate([noise(30), with_lines("emission", 0.4, 5.0), with_step(5900.0, 2.0)])
    whole = solution(made)
    together = judge(fit, *measure(whole, SKY, {}), whole)
    for cut in (slice(0, 1), slice(7, 24), slice(30, 34)):
        part = solution(made[cut])
        alone = judge(fit, *measure(part, SKY, {}), part)
        for name, column in alone.columns().items():
            np.testing.assert_array_equal(column, together.columns()[name][cut], err_msg=name)


def test_fits_are_kept_beside_the_weights(fit, population, tmp_path):
    pytest.importorskip("sklearn")
    density = fit_density(population, trees=3)
    hashes = {"GALAXY": "abc"}
    kept = AnomalyFit(((5575.0, 5580.0),), fit.tables, {"GALAXY": density})
    write_fits({"exact": (hashes, kept, {"n": {"GALAXY": 200}})}, tmp_path / "toy.json")
    again = find_anomaly(hashes, "exact", [tmp_path])
    assert again is not None
    assert again.sky == kept.sky
    assert again.sky_pixels(OBSERVED).sum() == 4
    np.testing.assert_allclose(
        again.tables["GALAXY"]["line"], fit.tables["GALAXY"]["line"], atol=1e-5
    )
    np.testing.assert_array_equal(again.densities["GALAXY"].points, density.points)
    assert find_anomaly(hashes, "amortised", [tmp_path]) is None
    assert find_anomaly({"GALAXY": "other"}, "exact", [tmp_path]) is None
    (tmp_path / "toy.safetensors").unlink()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "toy.json").rename(tmp_path / "elsewhere" / "toy.json")
    with pytest.raises(FileNotFoundError, match=r"toy\.safetensors is missing"):
        find_anomaly(hashes, "exact", [tmp_path / "elsewhere"])


def test_shares_begin_with_all():
    assert SHARES[0] == 1.0
    assert list(SHARES) == sorted(SHARES, reverse=True)
