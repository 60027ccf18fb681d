"""Catalogs as VOTable: what TOPCAT, Aladin and PyVO read with units, UCDs and descriptions."""

from __future__ import annotations

import base64
import io
import json
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasnet3.catalog.content import KEY, Arrays, Content, Header, parsed_header
from gasnet3.catalog.dialects import Field
from gasnet3.catalog.fits import knows, packed, row_type, texts_of
from gasnet3.catalog.schema import plain

VERSION = "1.3"  # the first that has BINARY2; later ones know no Ångström as a unit
LINE = 57  # bytes that become one line of 76 characters
_DATATYPES = {
    "b1": "boolean",
    "i2": "short",
    "i4": "int",
    "i8": "long",
    "f4": "float",
    "f8": "double",
}
_END = b"  </TABLE>"


@dataclass(frozen=True)
class _Text:
    """How a column of text is stored: its longest value, and whether all of it is ASCII."""

    width: int = 1
    ascii: bool = True

    def seen(self, data: NDArray[np.str_]) -> _Text:
        """The same, with more values."""
        plain_text = all(map(str.isascii, data.tolist()))
        return _Text(max(self.width, _utf16_width(data)), self.ascii and plain_text)

    @property
    def datatype(self) -> str:
        return "char" if self.ascii else "unicodeChar"

    @property
    def bytes(self) -> int:
        return self.width if self.ascii else 2 * self.width

    def encoded(self, data: NDArray[np.str_]) -> NDArray[np.bytes_]:
        """The values as they lie in the file, padded with zeros."""
        out = np.char.encode(data, "ascii" if self.ascii else "utf-16-be")
        return out.astype(f"S{self.bytes}")


def write(path: Path, rows: Content) -> None:
    """Write a VOTable 1.3 with its rows in BINARY2, of fixed width, block by block.

    The header that all formats have is an INFO named ``gasnet3``; version, solver and the like
    are INFOs of their own, for people.
    """
    texts = {c.in_file: _Text() for c in rows.columns if c.data.dtype.kind == "U"}
    for column in texts_of(rows):
        texts[column.in_file] = texts[column.in_file].seen(column.data)
    head, end = _frame(rows, texts)
    widths = {name: text.bytes for name, text in texts.items()}
    # Flags of what is null (nothing) come first.
    flags = ("null flags", "u1", ((len(rows.columns) + 7) // 8,))
    dtype = np.dtype([flags, *row_type(rows.columns, widths)])
    with path.open("wb") as file:
        file.write(head)
        file.write(b"   <DATA>\n    <BINARY2>\n     <STREAM encoding='base64'>\n")
        left = b""
        for block in rows.blocks():
            data = left + packed(block, dtype, lambda c: texts[c.in_file].encoded(c.data)).tobytes()
            cut = len(data) - len(data) % LINE
            # encodebytes makes lines of LINE bytes each, whatever the blocks.
            file.write(base64.encodebytes(data[:cut]))
            left = data[cut:]
        file.write(base64.encodebytes(left))
        file.write(b"     </STREAM>\n    </BINARY2>\n   </DATA>\n")
        file.write(end)


def read(path: Path) -> tuple[Arrays, Header | None]:
    """Read the first table of a VOTable: the arrays, and our header if it has one."""
    from astropy.io.votable import parse

    with warnings.catch_warnings():
        # Units of older standards; and what other programs write is rarely all valid.
        warnings.simplefilter("ignore")
        whole = parse(path, verify="ignore")
        table = whole.get_first_table().to_table(use_names_over_ids=True)
    arrays = {name: plain(name, table[name]) for name in table.colnames}
    infos = [info.value for resource in whole.resources for info in resource.infos
             if info.name == KEY]  # fmt: skip
    return arrays, parsed_header(infos[0]) if infos else None


def _utf16_width(data: NDArray[np.str_]) -> int:
    """Longest value in units of UTF-16: characters beyond the first plane take two.

    Counted from the code points: NumPy drops the zero byte in which an encoded character may end.
    """
    if not data.size:
        return 0
    codes = np.ascontiguousarray(data).view(np.uint32).reshape(len(data), -1)
    return int((np.char.str_len(data) + (codes > 0xFFFF).sum(axis=1)).max())


def _frame(rows: Content, texts: dict[str, _Text]) -> tuple[bytes, bytes]:
    """The XML before the data, and after it."""
    from astropy.io.votable import tree

    whole = tree.VOTableFile(version=VERSION)
    resource = tree.Resource()
    whole.resources.append(resource)
    resource.infos.extend(_infos(rows.header))
    table = tree.TableElement(whole, name=rows.header["extname"], nrows=rows.count)
    resource.tables.append(table)
    for column in rows.columns:
        table.fields.append(_field(whole, column, texts.get(column.in_file)))
    table.create_arrays(0)
    out = io.BytesIO()
    whole.to_xml(out)
    head, end, rest = out.getvalue().partition(_END)
    return head, end + rest


def _infos(header: Header) -> Iterator[Any]:
    from astropy.io.votable.tree import Info

    for name, value in header["provenance"].items():
        if name not in (KEY, "creator") and name.isidentifier() and name.isascii():
            plain_text = isinstance(value, str) and value.isprintable()
            text = value if plain_text else json.dumps(value)
            # No column has a dot in its name: the IDs differ from theirs.
            yield Info(ID=f"about.{name}", name=name, value=text)
    version = header["provenance"].get("gasnet3") or header["provenance"].get("version", "")
    yield Info(ID="about.creator", name="creator", value=f"gasnet3 {version}".strip())
    yield Info(ID=f"about.{KEY}", name=KEY, value=json.dumps(header))


def _field(whole: Any, column: Field, text: _Text | None) -> Any:
    from astropy.io.votable.tree import Field as VOField

    data = column.data
    size = str(text.width) if text else str(column.width) if column.width else None
    field = VOField(
        whole,
        # XML knows no ID that begins with a digit.
        ID=f"column.{column.in_file}" if column.in_file[0].isdigit() else column.in_file,
        name=column.in_file,
        datatype=text.datatype if text else _DATATYPES[data.dtype.str[1:]],
        arraysize=size,
        unit=column.unit if knows(column.unit, "cds") else None,
        ucd=column.ucd or None,
    )
    field.description = column.description or None
    return field
