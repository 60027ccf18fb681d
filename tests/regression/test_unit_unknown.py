"""A column whose unit is "UNKNOWN", OGIP's word for it, ended in a TypeError."""

import pytest

from gasnet3.io.units import parse_unit


@pytest.mark.parametrize("text", ["UNKNOWN", "unknown", " [UNKNOWN] ", "1e-17 UNKNOWN"])
def test_unknown_is_no_unit(text: str) -> None:
    assert parse_unit(text) is None
