"""What a file is that no reader knows, in words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gasnet3.io.packed import packing_of

_KNOWN: tuple[tuple[bytes, str], ...] = (
    (b"version https://git-lfs", "it is a pointer of Git LFS, not the file: fetch it with git lfs"),
    (b"/annex/objects/", "it is a pointer of git-annex, not the file: fetch it with git annex get"),
    (b"%PDF", "it is a PDF document: save its table as text"),
    (b"\x89PNG", "it is a picture: spectra are read from numbers"),
    (b"\xff\xd8\xff", "it is a picture: spectra are read from numbers"),
    (b"\xd0\xcf\x11\xe0", "it is an old Excel workbook: save the sheet as CSV"),
    (b"7z\xbc\xaf\x27\x1c", "it is a 7z archive: unpack it first"),
    (b"Rar!", "it is a rar archive: unpack it first"),
    (b"\x28\xb5\x2f\xfd", "it is compressed with zstd: unpack it first"),
    (b"\x04\x22\x4d\x18", "it is compressed with lz4: unpack it first"),
    (b"\x1f\x9d", "it is compressed with compress (.Z): unpack it first"),
    (b"\x93NUMPY", "it is one NumPy array: save flux, ivar and wave together with numpy.savez"),
    (b"\x80\x04", "it is a Python pickle, which is not opened: save arrays with numpy.savez"),
    (b"\x80\x05", "it is a Python pickle, which is not opened: save arrays with numpy.savez"),
    (b"SQLite format 3", "it is an SQLite database: export the table as CSV or Parquet"),
)
"""First bytes, and what to say."""

_TAR_AT = 257
_HEAD = 1024


def what_it_is(path: Path, head: bytes, known: Sequence[str]) -> str:
    """What is wrong with a file that no reader takes, and what to do.

    Parameters
    ----------
    path : Path
        The file.
    head : bytes
        Its first bytes, decompressed if that was possible.
    known : sequence of str
        Names of the readers.
    """
    start = head[:_HEAD].lstrip()
    for magic, text in _KNOWN:
        if start.startswith(magic):
            return text
    if start[:200].lower().startswith((b"<!doctype html", b"<html")):
        return "it is an HTML page, not data: was the address right, and is a login needed?"
    if b'ID="about.gasnet3"' in head:
        return "it is a catalog that gasnet3 wrote: it has no spectra"
    if start.startswith(b"<"):
        return "it is XML, but no VOTable: convert it to FITS or CSV"
    if head[_TAR_AT : _TAR_AT + 5] == b"ustar":
        return "it is a tar archive: unpack it first"
    packing = packing_of(head)
    if packing == "zip" and path.suffix.lower() in (".xlsx", ".ods"):
        return "it is a spreadsheet: save the sheet as CSV"
    if packing == "zip":
        return "it is a zip archive of several files: unpack it first"
    if packing:
        return f"the {packing} stream is broken; fetch the file again"
    if _is_utf16(head):
        return "it is UTF-16 text without a mark of its byte order: save it as UTF-8"
    readers = ", ".join(known)
    return f"no reader knows this format (known: {readers}); gasnet3 inspect tells more"


def _is_utf16(head: bytes) -> bool:
    """Whether every second byte is 0, as in text of two bytes a letter."""
    some = head[:_HEAD]
    return len(some) > 32 and any(
        set(some[at::2]) == {0} and 0 not in some[1 - at :: 2] for at in (0, 1)
    )
