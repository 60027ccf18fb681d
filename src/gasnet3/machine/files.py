"""Outputs appear whole or not at all: written under a temporary name, then renamed."""

from __future__ import annotations

import contextlib
import json
import math
import uuid
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a temporary name to write to, and rename it to ``path`` when the block succeeds.

    The temporary file lies in the same directory, so the rename is atomic; it keeps the ending of
    ``path``, which writers look at. When the block raises it is removed and what was at ``path``
    before stays as it was. FileNotFoundError if the directory of ``path`` does not exist,
    IsADirectoryError if ``path`` is one.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"cannot write {path}: there is no directory {path.parent}; make it first"
        )
    if path.is_dir():
        raise IsADirectoryError(f"cannot write {path}: it is a directory; name a file in it")
    temporary = path.with_name(f".{uuid.uuid4().hex}-{path.name}"[-255:])
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def json_contents(directories: Iterable[Path]) -> Iterator[dict[str, Any]]:
    """Contents of all ``*.json`` of directories, by name; a directory may be missing.

    A file is read once, and again when it is written anew.
    """
    for directory in directories:
        for path in sorted(directory.glob("*.json")):
            yield _read_json(path, path.stat().st_mtime_ns)


@cache
def _read_json(path: Path, version: int) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def jsonable(value: Any) -> Any:
    """The value in the types JSON knows: what is not finite becomes None, tuples become lists.

    Mappings (whose keys become str), sequences, numbers, strings, paths, and numpy arrays or
    scalars may be nested; TypeError if something in it has no JSON form.
    """
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        value = sorted(value)
    if isinstance(value, list | tuple):
        return [jsonable(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Path):
        return str(value)
    if value is None or isinstance(value, str | int):
        return value
    raise TypeError(f"{value!r} ({type(value).__name__}) has no JSON form")


def write_json(path: str | Path, value: Any) -> None:
    """Write what :func:`jsonable` makes of a value as JSON, whole or not at all."""
    text = json.dumps(jsonable(value), indent=2, ensure_ascii=False, allow_nan=False)
    with replacing(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def check_sizes(hdus: Iterable[Any]) -> None:
    """Refuse a file just opened in which a unit is of negative size, with a ValueError.

    astropy would look for the units behind it before that unit, and read it again and again.
    """
    for number, hdu in enumerate(hdus):
        if hdu.size < 0:
            raise ValueError(f"the header of HDU {number} claims a negative size")
