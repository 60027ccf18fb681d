"""Errors of usual names were not known, and a column of weights went before one of errors."""

from __future__ import annotations

import numpy as np
import pytest

from gasnet3.io import read_file
from gasnet3.io.generic.noise import NOISE_KEY

WAVE = np.linspace(4000.0, 8000.0, 400)


@pytest.mark.parametrize(
    "names",
    ["stat_err,sys", "STATERROR,SYSERROR", "efnu,x", "σ,x", "err_lo,err_hi", "weight,error"],
)
def test_errors(names, tmp_path):
    other = "0.2" if "_hi" in names else "0.001"
    values = "7.0,0.2" if names.startswith("weight") else f"0.2,{other}"
    found = []
    for head, fields in ((names, values), ("error", "0.2")):
        rows = "".join(f"{wave:.2f},1.0,{fields}\n" for wave in WAVE)
        (tmp_path / "x.csv").write_text(f"wave,flux,{head}\n{rows}", encoding="utf-8")
        found.append(read_file(tmp_path / "x.csv"))
    assert NOISE_KEY not in found[0].meta
    np.testing.assert_allclose(found[0].ivar, found[1].ivar, rtol=1e-6)
