"""Compiling the loops in C: when the package is installed, and again when their text has changed.

The build of the package runs this file by itself: it knows nothing of the rest of gasnet3.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import shlex
import subprocess
import sys
import uuid
from pathlib import Path

FLAGS = (
    "-O3", "-std=gnu11", "-fPIC", "-shared", "-Wall", "-Wno-psabi",
    # Sums stay in the order they are written in; only a product and a sum may become one.
    "-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math",
)  # fmt: skip

PLAIN, AVX2 = "plain", "avx2"
"""Compiled for any processor of the kind, and for those of x86 since about 2013."""

X86 = ("x86_64", "amd64")
"""What the systems call 64-bit processors of Intel and AMD."""


class BuildError(Exception):
    """There is no compiler, it failed, or what it made cannot be written; the message says which.

    It is not one of GasnetError: nobody but this package sees it.
    """


def variants() -> dict[str, tuple[str, ...]]:
    """Flags of each variant to be compiled on this machine, by name."""
    if platform.machine().lower() in X86:
        return {PLAIN: (), AVX2: ("-mavx2", "-mfma")}
    return {PLAIN: ()}


def libraries(directory: Path) -> dict[str, Path]:
    """Where the compiled variants lie, or would, in a directory of C files.

    Their names tell the text they were made of: what lies there under such a name is up to date.
    """
    digest = hashlib.sha256(repr((FLAGS, sys.platform, platform.machine())).encode())
    for path in sorted([*directory.glob("*.c"), *directory.glob("*.h")]):
        digest.update(path.name.encode() + path.read_bytes())
    text = digest.hexdigest()[:12]
    return {name: directory / f"_{text}-{name}.so" for name in variants()}


def build(directory: Path) -> dict[str, Path]:
    """Compile what is not there yet, remove what older texts left, and say where it lies.

    Raises
    ------
    BuildError
    """
    wanted = libraries(directory)
    for name, path in wanted.items():
        if not path.exists():
            _compile(directory, path, variants()[name])
    for old in set(directory.glob("_*.so")) - set(wanted.values()):
        with contextlib.suppress(OSError):
            old.unlink()
    return wanted


def _compile(directory: Path, path: Path, flags: tuple[str, ...]) -> None:
    """One variant, whole or not at all: several processes may be at it."""
    compiler = shlex.split(os.environ.get("CC", "")) or ["cc"]
    sources = sorted(source.name for source in directory.glob("*.c"))
    temporary = path.with_name(f"{path.stem}-{uuid.uuid4().hex}.tmp")
    command = [*compiler, *FLAGS, *flags, "-o", temporary.name, *sources, "-lm"]
    try:
        done = subprocess.run(
            command, cwd=directory, capture_output=True, text=True, errors="replace"
        )
        if done.returncode:
            told = done.stderr.strip().splitlines() or [f"status {done.returncode}"]
            raise BuildError(f"{' '.join(compiler)} failed: {told[0]}")
        temporary.replace(path)
    except FileNotFoundError:
        raise BuildError(f"no C compiler: there is no {compiler[0]}") from None
    except OSError as error:
        raise BuildError(f"{directory}: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)
