"""Files as they are or compressed: gzip, bzip2, xz, and zip archives of one file."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

from gasnet3.io.errors import ReadError

GZIP, BZIP2, XZ, ZIP = b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"PK\x03\x04"
_NAMES = {GZIP: "gzip", BZIP2: "bzip2", XZ: "xz", ZIP: "zip"}
_CHUNK = 1 << 20
_BROKEN = (EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError, zipfile.BadZipFile)
_STREAMS = (gzip.GzipFile, bz2.BZ2File, lzma.LZMAFile, zipfile.ZipExtFile)


def packing_of(head: bytes) -> str:
    """How a file is compressed, from its first bytes; '' if it is not."""
    return next((name for magic, name in _NAMES.items() if head.startswith(magic)), "")


def member_of(path: Path) -> str | None:
    """The one file in a zip archive, if it is that and not a store of arrays; else None."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if _counts(name)]
    except (OSError, zipfile.BadZipFile, ValueError):
        return None
    return names[0] if len(names) == 1 and not names[0].endswith((".npy", ".json")) else None


def _counts(name: str) -> bool:
    """Whether a name in an archive is that of a file, not of a folder or what macOS adds."""
    return not name.endswith("/") and not name.startswith("__MACOSX/")


@contextmanager
def open_unpacked(path: Path) -> Iterator[BinaryIO]:
    """A file, decompressed if it is compressed (by its content); ReadError if that is broken."""
    kind = ""
    try:
        with path.open("rb") as raw:
            kind = packing_of(raw.read(6))
            raw.seek(0)
            if not kind or (kind == "zip" and member_of(path) is None):
                yield raw
                return
            with _stream(path, kind, raw) as stream:
                try:
                    yield cast(BinaryIO, stream)
                finally:
                    check_sum(stream)
    except _BROKEN as error:
        reason = f"the {kind} stream is broken ({error}); fetch the file again"
        raise ReadError(path, reason) from None
    except OSError as error:
        if kind == "bzip2" and error.errno is None:
            raise ReadError(
                path, f"the bzip2 stream is broken ({error}); fetch the file again"
            ) from None
        raise ReadError(path, f"cannot be read ({error.strerror or error})") from None


@contextmanager
def _stream(path: Path, kind: str, raw: BinaryIO) -> Iterator[Any]:
    if kind == "zip":
        with zipfile.ZipFile(raw) as archive:
            member = archive.getinfo(member_of(path) or "")
            if member.flag_bits & 1:
                raise ReadError(path, "the zip archive has a password: unpack it first")
            with archive.open(member) as stream:
                yield stream
        return
    open_as: Any = {"gzip": gzip.GzipFile, "bzip2": bz2.BZ2File, "xz": lzma.LZMAFile}[kind]
    with open_as(fileobj=raw) if kind == "gzip" else open_as(raw) as stream:
        yield stream


def check_sum(stream: Any) -> None:
    """Read a compressed stream, if it is one, to its checksum: what was read may be damaged."""
    while isinstance(stream, _STREAMS) and not stream.closed and stream.read(_CHUNK):
        pass


def first_unpacked(path: Path, head: bytes, size: int) -> bytes:
    """The first bytes of what a file holds, decompressed; as they are if that is broken."""
    kind = packing_of(head)
    if kind == "gzip":
        with suppress(zlib.error):
            return zlib.decompressobj(wbits=31).decompress(head, size)
    elif kind and (kind != "zip" or member_of(path) is not None):
        errors = suppress(ReadError, *_BROKEN, OSError)
        with errors, path.open("rb") as raw, _stream(path, kind, raw) as stream:
            return cast(bytes, stream.read(size))
    return head
