"""An .npz without an array called flux was once told to be converted to .npz."""

import numpy as np
import pytest

from gasnet3 import io


def test_the_names_it_needs_are_told(tmp_path):
    np.savez(tmp_path / "a.npz", spec=np.ones(9), lam=np.arange(9.0))
    with pytest.raises(io.ReadError, match=r"flux, ivar, and wave or loglam; it has lam, spec"):
        io.read(tmp_path / "a.npz")


def test_an_error_called_ferr_is_one(tmp_path):
    wave = np.linspace(3700.0, 9100.0, 3000)
    rows = np.column_stack([wave, np.ones(3000), np.full(3000, 0.1)])
    np.savetxt(tmp_path / "a.csv", rows, delimiter=",", header="wave,flux,ferr", comments="")
    assert not np.any(io.read(tmp_path / "a.csv").meta.get("noise_estimated", False))
