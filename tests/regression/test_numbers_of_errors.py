"""A full disk was told as '[Errno 28] cannot write ...; make room ...'."""

from __future__ import annotations

import errno

import pytest
import typer

from gasnet3.cli import console


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError(errno.ENOSPC, "cannot write a.csv: make room"), "cannot write a.csv: make room"),
        (OSError("cannot write a.csv"), "cannot write a.csv"),
        (FileNotFoundError(errno.ENOENT, "No such file", "a.csv"), "No such file: 'a.csv'"),
    ],
)
def test_messages_of_ours_begin_with_words(
    capsys: pytest.CaptureFixture[str], error: OSError, line: str
) -> None:
    with pytest.raises(typer.Exit), console.reported(OSError):
        raise error
    told = capsys.readouterr().err.strip()
    assert told.endswith(line)
    assert told.startswith("gasnet3: cannot") == (error.filename is None)
