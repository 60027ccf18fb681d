"""Statistics of the shipped models on their own mocks: injected redshifts, pulls, classes."""

from __future__ import annotations

import numpy as np
import pytest

import gasnet3
from gasnet3.nets.card import ModelError
from gasnet3.nets.registry import load_models
from gasnet3.pipeline.pipeline import Pipeline
from gasnet3.spectra.lattice import shift_from_z
from gasnet3.train.calibrate import uncalibrated
from gasnet3.train.mock import draw


@pytest.fixture(scope="module")
def models():
    return load_models("encoder")


@pytest.fixture(scope="module")
def pipeline():
    return Pipeline.load("encoder", "hybrid")


@pytest.mark.parametrize("cls", gasnet3.CLASSES)
def test_noiseless_redshifts_come_back_within_a_fiftieth_of_a_pixel(cls, models, pipeline):
    spectra = draw(models, 40, sn=50.0, seed=5, classes=[cls], noise=False)
    table = pipeline.run(spectra)
    error = shift_from_z(np.asarray(table[f"z_{cls.lower()}"])) - shift_from_z(spectra.z)
    assert np.abs(error).max() < 0.02
    assert abs(error.mean()) < 0.002
    assert (table["class"] == cls).all()


@pytest.mark.slow
@pytest.mark.parametrize("cls", gasnet3.CLASSES)
def test_pulls_of_the_formal_errors_at_sn_20_have_unit_width(cls, models, pipeline):
    # What the cards add for real spectra, mocks of the models themselves do not need.
    spectra = draw(models, 240, sn=20.0, seed=6, classes=[cls])
    table = uncalibrated(pipeline).run(spectra)
    right = np.asarray(table["class"]) == cls
    assert right.mean() > 0.97
    pull = ((np.asarray(table["z"]) - spectra.z) / np.asarray(table["z_err"]))[right]
    assert 0.85 < pull.std() < 1.15
    assert abs(pull.mean()) < 0.25


def test_mocks_are_the_same_for_the_same_seed(models):
    a, b = draw(models, 6, seed=3), draw(models, 6, seed=3)
    np.testing.assert_array_equal(a.flux, b.flux)
    assert list(a.classes) == ["STAR", "GALAXY", "QSO"] * 2
    assert not np.array_equal(a.flux, draw(models, 6, seed=4).flux)


def test_mocks_have_the_wished_sn(models):
    spectra = draw(models, 30, sn=12.0, seed=1)
    np.testing.assert_allclose(np.median(spectra.sn_median), 12.0, rtol=0.1)


def test_mock_misuse_is_refused(models):
    with pytest.raises(ValueError, match="sn > 0"):
        draw(models, 3, sn=0.0)
    with pytest.raises(ModelError, match="no model for class MOON"):
        draw(models, 3, classes=["MOON"])
