"""inspect of errors that are all 0 spoke of a mask where there is none."""

from __future__ import annotations

from gasnet3.io.inspect.inspecting import inspect_file


def test_what_is_advised(tmp_path):
    for name, extra, advised in (("x", "", "--column error="), ("y", ",1", "mask=good:")):
        path = tmp_path / f"{name}.csv"
        rows = "\n".join(f"{5000 + at},7,0{extra}" for at in range(100))
        path.write_text(f"wave,flux,err{',mask' if extra else ''}\n{rows}\n")
        warnings = [text for text in inspect_file(path)[0].warnings if "zero ivar" in text]
        assert len(warnings) == 1
        assert advised in warnings[0]
