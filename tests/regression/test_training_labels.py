"""A label of -1, which stands for no redshift, once raised numpy warnings in training."""

import numpy as np

from gasnet3.io import write_npz
from gasnet3.spectra.batch import Spectra
from gasnet3.spectra.lattice import OBSERVED
from gasnet3.train.data import load_training_set
from toy import toy_model, toy_spectra


def test_impossible_labels_are_left_out_and_counted(tmp_path):
    model = toy_model("GALAXY")
    z = np.array([0.02, 0.03, 0.04, 0.05, 0.06])
    known = toy_spectra(model, z)
    z[1:4] = -1.0, -999.0, np.nan
    spectra = Spectra.from_arrays(
        known.flux, known.ivar, loglam=OBSERVED.loglam, z=z, classes=["GALAXY"] * 5
    )
    write_npz(tmp_path / "labelled.npz", spectra)
    found = load_training_set([str(tmp_path)], model.card)
    assert found.z.tolist() == [0.02, 0.06]
    assert found.left_out == 2
