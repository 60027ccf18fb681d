"""A text whose header has a name twice was read as if its columns had none, in the usual order."""

from __future__ import annotations

import pytest

from gasnet3.io import ReadError, find_reader, read

ROWS = "\n".join(f"{5000 + at},{4998 + at},7" for at in range(100))


def test_a_name_twice_is_told(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text(f"wave,wave,flux\n{ROWS}\n")
    with pytest.raises(ReadError, match="two columns are called 'wave'"):
        read(path)


def test_a_line_of_units_may_have_one_twice(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text(f"wave,flux,err\nAngstrom,mJy,mJy\n{ROWS}\n")
    assert dict(find_reader(path).explain(path).used)["flux"] == "column 2 (flux) [mJy]"
