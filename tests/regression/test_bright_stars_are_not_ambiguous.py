"""Bright stars were called ambiguous: models, not noise, limit what Δχ² can be at a S/N of 300."""

import numpy as np

from gasnet3.anomaly.measure import MODEL_SN, ambiguity


def test_what_is_expected_stops_growing_where_models_limit_it() -> None:
    sn = np.array([20.0, MODEL_SN, 100.0, 700.0])
    # As noise has it up to there, and the same share of χ² beyond.
    delta_chi2 = 0.5 * np.minimum(sn, MODEL_SN) ** 2
    found = ambiguity(np.zeros(4), sn, np.ones(4), delta_chi2)
    np.testing.assert_allclose(found, found[0])
