"""The spectra of a part in batches, as they were when the run was planned or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from gasnet3.flags import ZWarn
from gasnet3.io import ReadError, ReadOptions, read_rows
from gasnet3.io.naming import names_of
from gasnet3.io.options import DEFAULT
from gasnet3.io.state import file_state
from gasnet3.run.plan import Unit
from gasnet3.spectra.batch import Spectra
from gasnet3.spectra.lattice import LogLattice


class ReadAgain(Exception):
    """A file failed after some of its rows were solved: these must not count either."""


def batches(
    units: Sequence[Unit],
    batch_rows: int,
    failed: dict[Unit, str],
    lattice: LogLattice,
    options: ReadOptions = DEFAULT,
) -> Iterator[list[Spectra]]:
    """Rows of files in batches; the rows of a file that fails are blank, and it is noted."""
    pieces: list[Spectra] = []
    room = batch_rows
    for unit in units:
        start = unit.start
        while start < unit.stop:
            some = unit._replace(start=start, stop=min(unit.stop, start + room))
            if unit not in failed:
                try:
                    pieces.append(_read(some, options, lattice))
                except ReadError as error:
                    failed[unit] = error.problem
                    if start > unit.start:
                        raise ReadAgain from None
            if unit in failed:
                pieces.append(_blank(some, lattice))
            room -= some.stop - start
            start = some.stop
            if not room:
                yield pieces
                pieces, room = [], batch_rows
    if pieces:
        yield pieces


def _read(unit: Unit, options: ReadOptions, lattice: LogLattice) -> Spectra:
    """Rows of a file; ReadError also if it is not what it was when it was planned."""
    _check_state(unit)
    try:
        spectra = read_rows(unit.path, unit.start, unit.stop, options=options, lattice=lattice)
    except ReadError:
        _check_state(unit)  # says more than what a reader makes of a file that changes
        raise
    _check_state(unit)
    return spectra


def _check_state(unit: Unit) -> None:
    try:
        state = file_state(unit.path)
    except FileNotFoundError:
        raise ReadError(unit.path, "was there when the run was planned and is gone") from None
    except OSError as error:
        raise ReadError(unit.path, f"cannot be read ({error.strerror or error})") from None
    if state != (unit.size, unit.mtime_ns):
        was = f"it had {unit.size} bytes, now {state.size}"
        if state.size == unit.size:
            was = "its time is another"
        raise ReadError(unit.path, f"has changed since the run was planned ({was})")


def _blank(unit: Unit, lattice: LogLattice) -> Spectra:
    """Rows that cannot be read."""
    rows = unit.stop - unit.start
    nothing = np.zeros((rows, lattice.n), np.float32)
    one = unit.rows == 1 and unit.start == 0
    ids = names_of(unit.path, 1, 0, 1) if one else [
        f"{unit.path.name}:{row}" for row in range(unit.start, unit.stop)
    ]  # fmt: skip
    return Spectra(
        flux=nothing, ivar=nothing, ids=np.array(ids, np.str_),
        zwarn=np.full(rows, int(ZWarn.NODATA)), z=np.full(rows, np.nan),
        classes=np.full(rows, "", "U6"), meta={"file": np.full(rows, unit.path.name)},
        lattice=lattice,
    )  # fmt: skip
