"""Spectra read from a file carry its name in a key column "file"; writing them must not fail."""

import numpy as np

from gasnet3.io import read, write_npz
from gasnet3.spectra.batch import Spectra
from gasnet3.spectra.lattice import OBSERVED


def test_what_was_read_can_be_written_again(tmp_path):
    flux = np.ones((2, OBSERVED.n))
    spectra = Spectra.from_arrays(flux, flux, loglam=OBSERVED.loglam, ids=["a", "b"])
    write_npz(tmp_path / "first.npz", spectra)
    again = read([tmp_path / "first.npz"])
    assert list(again.meta["file"]) == ["first.npz"] * 2
    write_npz(tmp_path / "second.npz", again)
    third = read([tmp_path / "second.npz"])
    np.testing.assert_array_equal(third.flux, spectra.flux)
    assert list(third.ids) == ["a", "b"]
