"""What ordinary spectra are like: copies with noise, sky lines, densities of coefficients."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gasnet3.nets.model import Model
from gasnet3.pipeline.pipeline import Pipeline
from gasnet3.solve.engine import Engine
from gasnet3.solve.solvers import SOLVERS
from gasnet3.spectra.target import STANDARD
from gasnet3.train.anomaly import (
    COPIES,
    FEWEST_POINTS,
    FEWEST_SKY,
    LONELINESS,
    TELLURIC,
    card_densities,
    card_mocks,
    fit_anomaly,
    noisier,
    own_sky_ranges,
    sky_ranges,
    with_copies,
)
from toy import toy_model


def test_noisier_spectra_have_the_noise_their_ivar_says(rng):
    flux, ivar = np.zeros((40, 2000)), np.full((40, 2000), 4.0)
    ivar[:, :100] = 0.0
    noisy, weight = noisier(rng, flux, ivar)
    assert (noisy[:, :100] == 0).all()
    added = 1 / weight[:, 100:] - 0.25  # the noise of the spectrum itself is not in its flux
    assert (noisy[:, 100:] / np.sqrt(added)).std() == pytest.approx(1.0, rel=0.02)
    assert added.min() >= 0.25 * (1 - 1e-9)


def test_copies_follow_the_spectra_as_they_are(rng):
    flux, ivar = rng.normal(size=(2, STANDARD.n)), np.ones((2, STANDARD.n))
    spectra = with_copies(flux, ivar)
    assert len(spectra) == 2 * (1 + COPIES)
    np.testing.assert_allclose(spectra.flux[:2], flux, rtol=1e-6)
    assert (spectra.ivar[2:] < 0.5).all()


def test_sky_lines_are_where_the_noise_is_large():
    ivar = np.ones((FEWEST_SKY, STANDARD.n))
    ivar[:, 1000:1004] = 0.3
    found = sky_ranges(ivar)
    low, high = next(r for r in found if r not in TELLURIC)
    inside = (low < STANDARD.wave) & (high > STANDARD.wave)
    np.testing.assert_array_equal(np.flatnonzero(inside), np.arange(1000, 1004))
    assert own_sky_ranges(ivar) == found


def test_with_few_sky_fibres_the_lines_are_those_of_the_shipped_fits():
    found = own_sky_ranges(np.ones((FEWEST_SKY - 1, STANDARD.n)))
    assert set(TELLURIC) <= set(found)
    assert any(low < 5578.9 < high for low, high in found)  # the line of oxygen, in vacuum


def test_densities_are_of_the_solutions_that_a_card_keeps(rng):
    engines = []
    for cls, rows in (("STAR", FEWEST_POINTS), ("QSO", FEWEST_POINTS - 1)):
        model = toy_model(cls)
        coeff = rng.normal([5.0, 0.0, 0.0, 0.0], size=(rows, 4))
        population = model.card.population | {"coeff": coeff.tolist()}
        engines.append(Engine(Model(replace(model.card, population=population), model.network)))
    pipeline = replace(PLAIN, engines=tuple(engines))
    found = card_densities(pipeline)
    assert list(found) == ["STAR"]
    unit = coeff / np.linalg.norm(coeff, axis=1, keepdims=True)
    ordinary, lonely = unit[:1], -unit[:1]
    places = found["STAR"].place(np.concatenate([ordinary, lonely]), np.zeros((2, 4, 4)))
    factor = found["STAR"].outlier_factor(places)
    assert factor[0] < 1.6 < 2.0 < factor[1]


PLAIN = Pipeline((), SOLVERS["hybrid"], "cpu")


def test_what_coefficients_are_ordinary_is_told_by_the_population(rng):
    model = toy_model("GALAXY", seed=2)
    coeff = rng.normal(size=(FEWEST_POINTS, 4))
    continuum = np.zeros((FEWEST_POINTS, model.card.degree + 1))
    continuum[:, 0] = 30.0
    population = model.card.population | {
        "coeff": coeff.tolist(),
        "continuum": continuum.tolist(),
        "z": np.full(FEWEST_POINTS, 0.1).tolist(),
    }
    kept = Model(replace(model.card, population=population), model.network)
    pipeline = replace(PLAIN, engines=(Engine(kept),))
    densities = card_densities(pipeline)
    mocks = card_mocks(pipeline, densities)
    assert mocks is not None
    assert card_mocks(pipeline, {}) is None
    some = mocks[:60]
    alone, counted = fit_anomaly(pipeline, some, TELLURIC, densities)
    assert counted == {"n": {"GALAXY": 60}}
    both, counted = fit_anomaly(pipeline, some, TELLURIC, densities, mocks[60:200])
    assert counted == {"n": {"GALAXY": 60}, "population": {"GALAXY": 140}}
    changed = {
        name for name, table in both.tables["GALAXY"].items()
        if not np.array_equal(table, alone.tables["GALAXY"][name])
    }  # fmt: skip
    assert {"lof", "forest"} <= changed <= {*LONELINESS, "extreme", "score"}
