"""What mkdocs does beside rendering: references from the code, equations as MathML.

The texts are those of ``generated.py``. Equations that arithmatex marked become MathML, which
browsers draw without any script.
"""

from __future__ import annotations

import html
import re

import latex2mathml.converter
from generated import GENERATORS, reference_pages
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel

MARK = re.compile(r"<!-- from code: (\w+) -->")
MATH = re.compile(
    r'<(?P<tag>span|div) class="arithmatex">\\[(\[](?P<tex>.*?)\\[)\]]</(?P=tag)>', re.DOTALL
)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for each package."""
    for page, text in reference_pages().items():
        files.append(
            File.generated(
                config,
                f"reference/{page}.md",
                content=text,
                inclusion=InclusionLevel.NOT_IN_NAV,
            )
        )
    return files


def on_page_markdown(markdown: str, **_: object) -> str:
    """Put generated text where a page asks for it."""
    return MARK.sub(lambda mark: GENERATORS[mark[1]](), markdown)


def on_page_content(page_html: str, **_: object) -> str:
    """Turn the equations of a page into MathML."""
    return MATH.sub(_mathml, page_html)


def _mathml(found: re.Match[str]) -> str:
    display = "block" if found["tag"] == "div" else "inline"
    return latex2mathml.converter.convert(html.unescape(found["tex"]).strip(), display=display)
