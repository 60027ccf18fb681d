"""Placeholders above 0, as 99 and 9999, were labelled redshifts."""

from __future__ import annotations

import numpy as np
from astropy.table import Table

from gasnet3.io import read


def test_placeholders(tmp_path):
    table = Table({"z": [0.5, -9999.0, 99.0, 9999.0, np.nan], "flux": np.ones((5, 100))})
    table["err"], table["wave"] = np.ones((5, 100)), np.tile(np.arange(5000.0, 5100.0), (5, 1))
    path = tmp_path / "x.fits"
    table.write(path)
    assert np.isnan(read(path).z).tolist() == [False, True, True, True, True]
