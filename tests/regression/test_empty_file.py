"""Of an empty file it was said that its format is not known, convert it."""

from __future__ import annotations

import pytest

from gasnet3.io import ReadError, read


def test_an_empty_file_is_called_empty(tmp_path):
    path = tmp_path / "x.fits"
    path.touch()
    with pytest.raises(ReadError, match="the file is empty"):
        read(path)
