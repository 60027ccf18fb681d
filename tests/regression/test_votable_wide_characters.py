"""A VOTable of characters whose UTF-16 ends in a zero byte was written one unit too narrow."""

from pathlib import Path

import numpy as np
import pytest

from gasnet3.catalog import make_catalog, read_catalog, write_catalog


@pytest.mark.parametrize(
    "texts",
    [["\U00012200"], ["a", "\U00012200"], ["\u0100\U00012200", "abc"], ["\u0100"], ["", "x"], [""]],
)
def test_wide_characters_come_back(tmp_path: Path, texts: list[str]) -> None:
    ids = np.array(texts, np.str_)
    table = make_catalog({"id": ids, "class": ids, "z": np.zeros(len(ids))}, {}, {})
    write_catalog(table, tmp_path / "out.vot")
    assert read_catalog(tmp_path / "out.vot")["id"].tolist() == texts
