"""Of two spectra with one id the picture of the first was shown for both, without a word."""

from pathlib import Path

import pytest

from gasnet3.cli import console


def test_rows_that_ids_cannot_tell_apart_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    console.note_repeated(Path("all.fits"), ["a", "b"])
    assert not capsys.readouterr().err
    console.note_repeated(Path("all.fits"), ["a", "b", "a", "a"])
    assert "all.fits: 2 rows have the id of another row" in capsys.readouterr().err
