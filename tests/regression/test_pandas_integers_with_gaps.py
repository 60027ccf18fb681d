"""A TARGETID of pandas with gaps (Int64) became a float, and so that of another object."""

import numpy as np
import pytest

from gasnet3 import bridges

pandas = pytest.importorskip("pandas")

BIG = 39627866878514741
"""Rounded as a float."""


@pytest.mark.parametrize("kind", ["Int64", object])
def test_identifiers_are_exact(kind: object) -> None:
    ones = np.ones(50)
    frame = pandas.DataFrame({"wave": [np.linspace(4000, 9000, 50)] * 2, "flux": [ones, ones]})
    frame["ivar"] = frame["flux"]
    frame["targetid"] = pandas.Series([BIG, None], dtype=kind)
    frame["night"] = pandas.Series([20, None], dtype=kind)
    frame["field"] = pandas.Series(["a", None], dtype="string")
    spectra = bridges.from_pandas(frame)
    assert spectra.ids.tolist() == [str(BIG), "row:1"]
    np.testing.assert_array_equal(spectra.meta["night"], [20.0, np.nan])
    assert spectra.meta["field"].tolist() == ["a", ""]
