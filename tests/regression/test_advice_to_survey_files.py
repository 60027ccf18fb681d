"""inspect of a survey's file with --air gave a command with --air, which changes nothing there."""

from __future__ import annotations

from gasnet3 import samples
from gasnet3.io import ReadOptions
from gasnet3.io.inspect.inspecting import inspect_file


def test_advice_that_is_not_heard_is_told():
    path = samples.paths()[0]
    report, _ = inspect_file(path, ReadOptions(air=True, units=(("flux", "mJy"),)))
    assert any("sdss-spec" in text and "--air" in text for text in report.warnings)
    assert "--air" not in report.next
    assert "--unit" not in report.next
    assert not inspect_file(path)[0].warnings
