"""One run at a time on one output."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from gasnet3.errors import GasnetError


class LockError(GasnetError):
    """Another process holds the lock. The message says which."""


@contextmanager
def locked(path: str | Path, what: str) -> Iterator[None]:
    """Hold a lock file while the block runs; it is made, and removed in the end.

    The system lets go of the lock when the process ends, however it ends: a file that is left
    behind hinders nobody. LockError, which says ``what`` is locked, if another process holds it or
    the file system has no locks; OSError if the file cannot be made.
    """
    path = Path(path)
    stream = _open_locked(path, what)
    try:
        stream.seek(0)
        stream.truncate()
        about = {
            "pid": os.getpid(), "host": socket.gethostname(),
            "since": time.strftime("%Y-%m-%d %H:%M:%S"),
        }  # fmt: skip
        stream.write(json.dumps(about))
        stream.flush()
        yield
    finally:
        # Removed while it is held: who waits for it finds a file that is no longer there.
        path.unlink(missing_ok=True)
        stream.close()


def _open_locked(path: Path, what: str) -> TextIO:
    while True:
        stream = path.open("a+")
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _holder(stream)
            stream.close()
            raise LockError(
                f"{what}: another gasnet3 is at work on it ({holder}); wait for it, or end it"
            ) from None
        except OSError as error:
            stream.close()
            raise LockError(
                f"{what}: the file system gives no locks ({error.strerror or error}); put the "
                "output on a local or another shared file system"
            ) from None
        try:
            same = os.fstat(stream.fileno()).st_ino == path.stat().st_ino
        except FileNotFoundError:
            same = False
        if same:
            return stream
        stream.close()


def _holder(stream: TextIO) -> str:
    stream.seek(0)
    try:
        about = json.loads(stream.read())
        return f"process {about['pid']} on {about['host']}, since {about['since']}"
    except (ValueError, LookupError):
        return "it has just begun"
