"""What mkdocs does beside rendering: tables from the code, equations as MathML.

``<!-- from code: NAME -->`` in a page is replaced by the text that the function NAME makes, so
the references cannot drift from the code. Equations that arithmatex marked become MathML, which
browsers draw without any script.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable

import latex2mathml.converter
import typer
from typer.cli import get_docs_for_click

from gasnet3.catalog import COLUMNS
from gasnet3.cli import app
from gasnet3.flags import DESCRIPTION
from gasnet3.view.judgements import ISSUES, QUALITIES
from gasnet3.view.keys import KEYS

MARK = re.compile(r"<!-- from code: (\w+) -->")
MATH = re.compile(
    r'<(?P<tag>span|div) class="arithmatex">\\[(\[](?P<tex>.*?)\\[)\]]</(?P=tag)>', re.DOTALL
)


def columns() -> str:
    """Table of the native columns."""
    rows = [
        f"| `{c.name}` | {c.dtype} | {c.unit or ''} | {c.description} | {c.ucd} |" for c in COLUMNS
    ]
    return "\n".join(["| column | type | unit | meaning | UCD |", "|---|---|---|---|---|", *rows])


def flags() -> str:
    """Table of the ZWARN bits."""
    rows = [
        f"| {flag.bit_length() - 1} | {int(flag)} | `{flag.name}` | {text} |"
        for flag, text in DESCRIPTION.items()
    ]
    return "\n".join(["| bit | value | name | set when |", "|---|---|---|---|", *rows])


def qualities() -> str:
    """Table of the values of VI_QUALITY."""
    rows = [f"| {quality} | {text} |" for quality, text in QUALITIES.items()]
    return "\n".join(["| `VI_QUALITY` | |", "|---|---|", *rows])


def keys() -> str:
    """Table of the keys of the app."""
    rows = [f"| `{key}` | {what} |" for key, what in KEYS.items()]
    return "\n".join(["| key | |", "|---|---|", *rows])


def issues() -> str:
    """Table of the letters of VI_ISSUE."""
    rows = [f"| `{letter}` | {text} |" for letter, text in ISSUES.items()]
    return "\n".join(["| `VI_ISSUE` | |", "|---|---|", *rows])


def commands() -> str:
    """Reference of the command line."""
    command = typer.main.get_command(app)
    text = get_docs_for_click(obj=command, ctx=typer.Context(command), name="gasnet3", indent=1)
    # The listings show usage; they are not examples to run.
    return text.replace("\n\n\n", "\n\n")


GENERATORS: dict[str, Callable[[], str]] = {
    "columns": columns,
    "flags": flags,
    "qualities": qualities,
    "issues": issues,
    "keys": keys,
    "commands": commands,
}


def on_page_markdown(markdown: str, **_: object) -> str:
    """Put generated text where a page asks for it."""
    return MARK.sub(lambda mark: GENERATORS[mark[1]](), markdown)


def on_page_content(page_html: str, **_: object) -> str:
    """Turn the equations of a page into MathML."""
    return MATH.sub(_mathml, page_html)


def _mathml(found: re.Match[str]) -> str:
    display = "block" if found["tag"] == "div" else "inline"
    return latex2mathml.converter.convert(html.unescape(found["tex"]).strip(), display=display)
