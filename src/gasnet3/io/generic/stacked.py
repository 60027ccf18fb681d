"""Tables with several spectra one below the other: a pixel a row, and a column that names each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from gasnet3.io.generic.holding import Held, Holding, recognised
from gasnet3.io.generic.pieces import pieces_of
from gasnet3.io.generic.roles import RolesError
from gasnet3.io.options import ReadOptions


def apart(
    holding: Holding, columns: Sequence[NDArray[Any]], options: ReadOptions
) -> Holding | None:
    """What a table of one pixel a row holds, if its wavelengths begin anew: several spectra.

    Parameters
    ----------
    holding : Holding
        As one spectrum.
    columns : sequence of ndarray, shape (pixels,)
        The values of its arrays, numbers or text.
    options : ReadOptions
        What the user says.

    Returns
    -------
    Holding or None
        Columns that are the same all over each spectrum become one value a spectrum.
    """
    try:
        roles = recognised(holding, options).arrays
    except RolesError:
        return None
    names = [held.described.name for held in holding.arrays]
    waves = [roles[role].name for role in ("wave", "loglam") if role in roles]
    pieces = pieces_of(columns[names.index(waves[0])]) if waves else []
    if not pieces:
        return None
    used = {roles[role].name for role in roles}
    arrays = [
        _of_pieces(held, column, pieces, constant=held.described.name not in used)
        for held, column in zip(holding.arrays, columns, strict=True)
    ]
    holding.told.assumed.append(
        f"the wavelengths begin anew: {len(pieces)} spectra, one below the other"
    )
    return replace(holding, arrays=arrays, rows=len(pieces))


def _of_pieces(
    held: Held, column: NDArray[Any], pieces: Sequence[slice], *, constant: bool
) -> Held:
    """A column cut into spectra, or its value in each where that is one."""
    first = column[[piece.start for piece in pieces]]
    same = all((column[piece] == column[piece.start]).all() for piece in pieces)
    if constant and same:
        described = replace(held.described, along="rows")
        return replace(held, described=described, load=lambda rows: first[rows])

    def load(rows: slice) -> list[NDArray[Any]]:
        return [column[piece] for piece in pieces[rows]]

    return replace(held, load=load)
