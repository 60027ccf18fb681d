"""Which lattice spectra are brought onto where none is named."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from gasnet3.spectra.lattice import WIDE, LogLattice

STANDARD = WIDE
"""The lattice where nobody says which: that of the models which are used by default."""

_target: ContextVar[LogLattice] = ContextVar("target", default=STANDARD)


def target_lattice() -> LogLattice:
    """The lattice spectra are brought onto now: that of :func:`onto`, else :data:`STANDARD`."""
    return _target.get()


@contextmanager
def onto(lattice: LogLattice) -> Iterator[None]:
    """Bring all spectra that are made meanwhile onto a lattice, where no other is named.

    Readers of files need not know for which models they read: ``Spectra.from_arrays`` asks here.
    """
    token = _target.set(lattice)
    try:
        yield
    finally:
        _target.reset(token)
