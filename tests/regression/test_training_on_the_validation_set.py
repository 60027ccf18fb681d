"""A training whose validation set was trained on once ended without a word of it."""

import numpy as np
import pytest
from typer.testing import CliRunner

from gasnet3.cli import app
from gasnet3.io import write_npz
from toy import toy_model, toy_spectra


@pytest.mark.parametrize(("valid", "said"), [("a.npz", True), ("b.npz", False)])
def test_files_in_both_sets_are_told(tmp_path, valid, said):
    spectra = toy_spectra(toy_model("GALAXY"), np.linspace(0.01, 0.09, 16))
    for name in ("a.npz", "b.npz"):
        write_npz(tmp_path / name, spectra)
    path = tmp_path / "train.toml"
    path.write_text(
        f'name = "x"\ncls = "GALAXY"\ntrain = ["a.npz"]\nvalid = ["{valid}"]\noutput = "net"\n'
        "z_min = 0.0\nz_max = 0.1\nepochs = 1\n[options]\nm = 2\n"
    )
    result = CliRunner().invoke(app, ["train", str(path)])
    assert result.exit_code == 0, result.output
    assert ("is in train and in valid" in result.stderr) == said
