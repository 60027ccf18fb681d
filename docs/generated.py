"""Text of the references, made from the code: columns, flags, commands, options, modules.

``<!-- from code: NAME -->`` in a page is replaced by what ``GENERATORS[NAME]`` gives, so the
references cannot drift from the code.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import typer

import gasnet3
from gasnet3.catalog import COLUMNS, DIALECTS
from gasnet3.catalog.measured import MEASURED
from gasnet3.catalog.schema import KEY_UNITS
from gasnet3.cli import app
from gasnet3.evaluate.judgements import ISSUES, QUALITIES
from gasnet3.flags import (
    DESCRIPTION,
    MEASURE_DESCRIPTION,
    NOTES_DESCRIPTION,
    MeasureWarn,
    Notes,
    ZWarn,
)
from gasnet3.io.generic.roles import NAMES, UCDS
from gasnet3.view.keys import KEYS


def columns() -> str:
    """Table of the native columns."""
    rows = [
        f"| `{c.name}` | {c.dtype} | {c.unit or ''} | {c.description} | {c.ucd} |" for c in COLUMNS
    ]
    return "\n".join(["| column | type | unit | meaning | UCD |", "|---|---|---|---|---|", *rows])


def measured() -> str:
    """Table of the columns that gasnet3 measure adds."""
    rows = [f"| `{c.name}` | {c.unit or ''} | {c.description} |" for c in MEASURED]
    return "\n".join(["| column | unit | meaning |", "|---|---|---|", *rows])


def measure_flags() -> str:
    """Table of the bits of measure_warn."""
    return _bits(MEASURE_DESCRIPTION)


def names_of_redrock() -> str:
    """Table of the columns of --dialect redrock that redrock has as well."""
    return _names_of("redrock")


def names_of_sdss() -> str:
    """Table of the columns of --dialect sdss that spAll and spZbest have as well."""
    return _names_of("sdss")


def _names_of(dialect: str) -> str:
    rules = DIALECTS[dialect]
    theirs = {c.name: c.name.upper() for c in COLUMNS if c.name in rules.shared}
    theirs |= rules.names
    rows = [f"| `{theirs[c.name]}` | `{c.name}` | {c.description} |"
            for c in COLUMNS if c.name in theirs]  # fmt: skip
    for name, function in rules.derived.items():
        text = " ".join((function.__doc__ or "").split()).split(": ", 1)[-1].rstrip(".")
        rows.append(f"| `{name}` | | {text} |")
    rows += [f"| `{theirs[key]}` | `{key}` | of the input |" for key in KEY_UNITS if key in theirs]
    return "\n".join(["| there | here | |", "|---|---|---|", *rows])


def flags() -> str:
    """Table of the ZWARN bits."""
    return _bits(DESCRIPTION)


def notes() -> str:
    """Table of the bits of the notes."""
    return _bits(NOTES_DESCRIPTION)


def _bits(
    described: dict[ZWarn, str] | dict[Notes, str] | dict[MeasureWarn, str],
) -> str:
    rows = [
        f"| {flag.bit_length() - 1} | {int(flag)} | `{flag.name}` | {text} |"
        for flag, text in described.items()
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
    """Reference of the command line: each command with its arguments and options."""
    group: Any = typer.main.get_command(app)
    return "\n\n".join(_command(name, command) for name, command in group.commands.items())


def _command(name: str, command: Any) -> str:
    context = typer.Context(command, info_name=name)
    pieces = " ".join(command.collect_usage_pieces(context))
    usage = f"gasnet3 {name} {pieces}".replace("{", "").replace("}", "")
    paragraphs = [" ".join(part.split()) for part in command.help.split("\n\n")]
    records = [parameter.get_help_record(context) for parameter in command.params]
    rows = [_option(*record) for record in records if record]
    table = "\n".join(["| | | default |", "|---|---|---|", *rows])
    return "\n\n".join([f"## {name}", f"`{usage}`", *paragraphs, table])


def _option(names: str, text: str) -> str:
    """A line of the table; what typer says in brackets, or the help in words, is the default."""
    default = ""
    if found := re.search(r"\s*\[([^\]]*)\]$", text):
        said = [part for part in found[1].split("; ") if not part.startswith("x>=")]
        text, default = text[: found.start()], ", ".join(said).removeprefix("default: ")
    if found := re.search(r"\s*Default: (.*?)\.?$", text):
        text, default = text[: found.start()], found[1]
    for kind, shown in KINDS.items():
        names = names.replace(kind, shown)
    cells = (f"`{names.strip()}`", text, default)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


KINDS = {
    **{"FILES <list[str]>": "FILES...", "<list[str]>": "TEXT", "<str>": "TEXT", "<path>": "PATH"},
    **{"<int range>": "N", "<int>": "N", "<float range>": "X", "<float>": "X"},
}
"""Types as typer writes them, and what the reference says instead."""


SOURCE = Path(gasnet3.__file__).parent
NO_REFERENCE = ("cli", "__main__")
"""Parts of the package whose reference is that of the command line."""


@cache
def modules() -> dict[str, dict[str, str]]:
    """Public modules by page of the reference, each with the first line of its docstring."""
    pages: dict[str, dict[str, str]] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        if parts[-1] == "__init__":
            parts = parts[:-1]
        if any(part.startswith("_") and part != "__main__" for part in parts):
            continue
        if not parts or parts[0] in NO_REFERENCE:
            continue
        page = parts[0] if (SOURCE / parts[0]).is_dir() else "gasnet3"
        docstring = ast.get_docstring(ast.parse(path.read_text())) or ""
        pages.setdefault(page, {})[".".join(("gasnet3", *parts))] = docstring.split("\n\n")[0]
    return pages


def module_table() -> str:
    """All modules with what they are for, and links to their pages."""
    out = []
    for page, of_page in sorted(modules().items(), key=lambda item: item[0] != "gasnet3"):
        out += [f"### [{page}](reference/{page}.md)", "", "| module | |", "|---|---|"]
        out += [
            f"| [`{name}`](reference/{page}.md#{name}) | {text.replace(chr(10), ' ')} |"
            for name, text in of_page.items()
        ]
        out.append("")
    return "\n".join(out)


def errors() -> str:
    """Table of the error classes, with what each is beside a GasnetError and what it stands for."""
    rows = []
    for name in (name for of_page in modules().values() for name in of_page):
        path = SOURCE.joinpath(*name.split(".")[1:])
        path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        for node in ast.parse(path.read_text()).body:
            bases = [ast.unparse(b) for b in node.bases] if isinstance(node, ast.ClassDef) else []
            if "GasnetError" in bases:
                text = (ast.get_docstring(node) or "").split("\n\n")[0].replace("\n", " ")
                also = ", ".join(f"`{base}`" for base in bases if base != "GasnetError")
                rows.append(f"| [`{node.name}`][{name}.{node.name}] | {also} | {text} |")
    return "\n".join(["| error | also a | |", "|---|---|---|", *sorted(rows)])


def everyday() -> str:
    """The names that ``import gasnet3`` gives."""
    rows = []
    for name in gasnet3.__all__:
        found = getattr(gasnet3, name)
        if hasattr(found, "__module__"):
            text = (found.__doc__ or "").split("\n\n")[0].replace("\n", " ")
            rows.append(f"| [`gasnet3.{name}`][{found.__module__}.{name}] | {text} |")
        else:
            rows.append(f"| `gasnet3.{name}` | {found!r} |")
    return "\n".join(["| name | |", "|---|---|", *rows])


def reference_pages() -> dict[str, str]:
    """A page for each package, with all of its modules: by name, what mkdocstrings turns into it.

    A page's name is that of the package in ``gasnet3``, or "gasnet3".
    """
    return {
        page: "\n\n".join([f"# {page}", *(f"::: {name}" for name in of_page)])
        for page, of_page in modules().items()
    }


def roles() -> str:
    """Table of the names, UCDs and units by which arrays of a file are recognised."""
    named = {"wave": "of wavelength, frequency or energy", "flux": "of flux density"}
    rows = []
    for role, names in NAMES.items():
        ucds = ", ".join(f"`{ucd}`" for ucd, meant in UCDS if meant == role)
        listed = ", ".join(f"`{name}`" for name in names)
        rows.append(f"| {role} | {listed} | {ucds} | {named.get(role, '')} |")
    return "\n".join(["| role | names | UCD | unit |", "|---|---|---|---|", *rows])


GENERATORS: dict[str, Callable[[], str]] = {
    "roles": roles,
    "columns": columns,
    "flags": flags,
    "measured": measured,
    "measure_flags": measure_flags,
    "notes": notes,
    "names_of_redrock": names_of_redrock,
    "names_of_sdss": names_of_sdss,
    "qualities": qualities,
    "issues": issues,
    "keys": keys,
    "commands": commands,
    "modules": module_table,
    "everyday": everyday,
    "errors": errors,
}
