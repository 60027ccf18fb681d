"""A reader of another package that could not be imported ended every command."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from gasnet3.io import registry


def test_it_is_named_and_left_out(monkeypatch):
    point = EntryPoint("odd-survey", "no_such_package:Reader", registry.ENTRY_POINT_GROUP)
    monkeypatch.setattr(registry, "entry_points", lambda group: [point])
    before = list(registry.READERS)
    with pytest.warns(UserWarning, match="odd-survey .* cannot be loaded and is left out"):
        registry.load_plugins.__wrapped__()
    assert before == registry.READERS
