"""mock once made a directory of the name mocks.fits, and knew classes in capitals only."""

from typer.testing import CliRunner

from gasnet3 import io
from gasnet3.cli import app


def test_a_directory_is_not_named_as_a_file(tmp_path):
    done = CliRunner().invoke(app, ["mock", "-n", "1", "-o", str(tmp_path / "mocks.fits")])
    assert done.exit_code == 2
    assert "give a directory, or a name that ends in .npz" in done.output
    assert not (tmp_path / "mocks.fits").exists()


def test_classes_in_small_letters(tmp_path):
    out = tmp_path / "mocks"
    done = CliRunner().invoke(app, ["mock", "-n", "2", "--class", "star", "-o", str(out)])
    assert done.exit_code == 0, done.output
    assert set(io.read(out).classes) == {"STAR"}
