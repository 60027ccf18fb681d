"""A training that diverged once ended in an error about missing keys of a state dict."""

import numpy as np
import pytest

from gasnet3.io import write_npz
from gasnet3.train import TrainConfig, run_training
from toy import toy_model, toy_spectra


def test_a_diverged_training_says_so(tmp_path):
    write_npz(tmp_path / "a.npz", toy_spectra(toy_model("GALAXY"), np.array([0.02, 0.03])))
    config = TrainConfig(
        "wild", "GALAXY", ["a.npz"], ["a.npz"], 0.0, 0.1,
        epochs=2, lr=1e30, lr_final=1e30, base=tmp_path,
    )  # fmt: skip
    with pytest.raises(ValueError, match="wild: no epoch had a finite validation loss"):
        run_training(config)
