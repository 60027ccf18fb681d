"""Parts of documentation pages that recipes write."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gasnet3.machine.files import replacing


def write_part(path: Path, name: str, lines: Sequence[str]) -> None:
    """Write a named part of a page anew: what is between its two comments.

    Raises
    ------
    ValueError
        If the page has no such part.
    """
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    text = path.read_text()
    if text.count(begin) != 1 or text.count(end) != 1:
        raise ValueError(f"{path}: has no part between {begin} and {end}; add both lines")
    before, rest = text.split(begin)
    part = "\n".join(lines).strip()
    with replacing(path) as temporary:
        temporary.write_text(f"{before}{begin}\n{part}\n{end}{rest.split(end)[1]}")
