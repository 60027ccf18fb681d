"""Key columns of ECSV and VOTable had numbers that nobody wrote, as 0, where they are masked."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from astropy.table import MaskedColumn, Table

from gasnet3.io import read


@pytest.mark.parametrize("ending", ["ecsv", "vot"])
def test_what_is_masked_has_no_value(tmp_path, ending):
    keys = {
        "plate": np.array([7, 8], np.int32),
        "source": np.array([2**60 + 1, 8]),
        "mag": [17.0, 18.0],
        "field": ["a", "b"],
        "ra": [10.0, 20.0],
    }
    table = Table({name: MaskedColumn(values, mask=[0, 1]) for name, values in keys.items()})
    table["flux"], table["err"] = np.ones((2, 100)), np.ones((2, 100))
    table["wave"], table["full"] = np.tile(np.arange(5000.0, 5100.0), (2, 1)), [2**60 + 1, 4]
    path = tmp_path / f"x.{ending}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table.write(path, format="votable" if ending == "vot" else "ascii.ecsv")
    meta = read(path).meta
    assert {name: meta[name][0] for name in ("plate", "mag", "field", "ra")} == {
        **{"plate": 7, "mag": 17.0},
        **{"field": "a", "ra": 10.0},
    }
    assert all(np.isnan(meta[name][1]) for name in ("plate", "mag", "ra"))
    assert meta["source"].tolist() == [str(2**60 + 1), ""]
    assert meta["field"][1] == ""
    assert meta["full"].tolist() == [2**60 + 1, 4]
