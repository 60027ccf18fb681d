"""Parts of documentation pages that recipes write."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gasnet3.machine.files import replacing


def table(head: Sequence[object], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table, ending in a line break."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(str(cell) for cell in line)} |\n" for line in lines)


def percent(value: float) -> str:
    """A fraction in percent; a dash where there is none."""
    return f"{100 * value:.1f} %" if value == value else "-"


def write_page(path: Path, text: str) -> None:
    """Write a whole page, whole or not at all, and tell."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    print(f"wrote {path}")


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
