"""An empty name, as of a variable of the shell that is not set, once meant this directory."""

import pytest

from gasnet3 import io


def test_an_empty_name_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.fits").touch()
    for inputs in ("", ["a.fits", ""]):
        with pytest.raises(io.ReadError, match="an empty name: is a variable of the shell not set"):
            io.expand(inputs)
    assert [path.name for path in io.expand(".")] == ["a.fits"]
