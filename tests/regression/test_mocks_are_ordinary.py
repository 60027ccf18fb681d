"""One mock in eight was called strange: some had negative flux, rare types counted as strange."""

from __future__ import annotations

import numpy as np

from gasnet3.nets.registry import load_models
from gasnet3.pipeline.pipeline import Pipeline
from gasnet3.train.mock import FLUX, draw


def test_mocks_have_no_negative_light() -> None:
    flux = draw(load_models("encoder"), 60, seed=1, noise=False).flux
    assert (flux == 0).any(), "none of these would have been negative"
    assert flux.min() >= 0
    np.testing.assert_allclose(np.median(flux, axis=1), FLUX, rtol=1e-5)


def test_few_mocks_are_strange() -> None:
    """Of 150 ordinary ones 1.5 are expected; 10 had a score of 2."""
    models, pipeline = load_models("encoder"), Pipeline.load("encoder", "hybrid")
    scores = np.asarray(pipeline.run(draw(models, 150, sn=8, seed=1))["anomaly_score"])
    assert np.isfinite(scores).all()
    assert (scores >= 2).sum() <= 4
