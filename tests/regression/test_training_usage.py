"""Wrong options and useless data once ended `gasnet3 train` with a traceback."""

import numpy as np
import pytest
from typer.testing import CliRunner

from gasnet3.cli import app
from gasnet3.io import write_npz
from toy import toy_model, toy_spectra

CONFIG = """
name = "x"
cls = "{cls}"
train = ["labelled.npz"]
valid = ["labelled.npz"]
z_min = 0.0
z_max = 0.1
architecture = "{architecture}"
options = {options}
"""


@pytest.mark.parametrize(
    ("cls", "architecture", "options", "message"),
    [
        ("GALAXY", "encoder", "{ bogus = 1 }", "'bogus'"),
        ("GALAXY", "encoder", "{ m = 0 }", "m = 0"),
        ("GALAXY", "decoder", "{}", "unknown architecture 'decoder'"),
        ("QSO", "encoder", "{}", "no usable QSO spectra"),
    ],
)
def test_wrong_usage_is_one_line(tmp_path, cls, architecture, options, message):
    write_npz(tmp_path / "labelled.npz", toy_spectra(toy_model("GALAXY"), np.array([0.02, 0.03])))
    path = tmp_path / "train.toml"
    path.write_text(CONFIG.format(cls=cls, architecture=architecture, options=options))
    result = CliRunner().invoke(app, ["train", str(path)])
    assert result.exit_code == 2
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
